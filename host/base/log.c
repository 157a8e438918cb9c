#include "base/log.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static _Atomic(const char *) log_who = "taskhost";
static _Atomic int log_threshold = LOG_WARN;
static _Atomic int log_style = LOG_TEXT;

/* Lines up to this size need no allocation; longer ones are cut to it when there is no memory. */
#define LINE_SMALL 4096
#define ESCAPE_MAX 6 /* most bytes that one byte of the message becomes: \u001f */

void log_setup(const char *who, enum log_level level, enum log_format format)
{
	log_who = who;
	log_threshold = (int)level;
	log_style = (int)format;
}

static bool parse_level(const char *text, int *ret)
{
	static const struct {
		const char *name;
		int level;
	} names[] = {
		{"DEBUG", LOG_DEBUG}, {"INFO", LOG_INFO}, {"WARNING", LOG_WARN}, {"WARN", LOG_WARN},
		{"ERROR", LOG_ERROR}, {"CRITICAL", 50},   {"FATAL", 50},
	};
	int64_t number;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcasecmp(text, names[i].name) == 0) {
			*ret = names[i].level;
			return true;
		}
	}
	if (!parse_i64(str_of(text), &number) || number < 0 || number > 1000)
		return false;
	*ret = (int)number;
	return true;
}

void log_setup_from_env(const char *who)
{
	const char *level = getenv("FLYTE_SDK_LOGGING_LEVEL");
	const char *format = getenv("FLYTE_SDK_LOGGING_FORMAT");
	int threshold = LOG_WARN;
	bool good = !level || !*level || parse_level(level, &threshold);

	log_setup(who, (enum log_level)threshold,
		  format && streq(format, "json") ? LOG_JSON : LOG_TEXT);
	if (!good)
		log_warn("FLYTE_SDK_LOGGING_LEVEL is \"%s\": set a number such as 20, or one of "
			 "DEBUG, INFO, WARNING, ERROR; WARNING is used",
			 level);
}

bool log_enabled(enum log_level level)
{
	return (int)level >= log_threshold;
}

static const char *level_name(enum log_level level, bool json)
{
	if (level >= LOG_ERROR)
		return json ? "ERROR" : "error";
	if (level >= LOG_WARN)
		return json ? "WARNING" : "warning";
	if (level >= LOG_INFO)
		return json ? "INFO" : "info";
	return json ? "DEBUG" : "debug";
}

/* ---- one line -------------------------------------------------------------------------------- */

static char *put(char *p, const char *s)
{
	return mempcpy(p, s, strlen(s));
}

/* At most ESCAPE_MAX bytes for each byte of s. Control characters never reach the terminal, and a
 * line break never ends the line; bytes that are not UTF-8 become U+FFFD. */
static char *put_escaped(char *p, struct str s, bool json)
{
	for (size_t i = 0, n; i < s.len; i += n) {
		unsigned char c = (unsigned char)s.ptr[i];

		n = utf8_char(s.ptr + i, s.len - i);
		if (n == 0) {
			p = put(p, "\xef\xbf\xbd");
			n = 1;
		} else if (c == '\n') {
			p = put(p, "\\n");
		} else if (c == '\r') {
			p = put(p, "\\r");
		} else if (c == '\t') {
			p = put(p, json ? "\\t" : "\t");
		} else if (c < 0x20 || c == 0x7f) {
			p += sprintf(p, json ? "\\u%04x" : "\\x%02x", c);
		} else {
			if (json && (c == '"' || c == '\\'))
				*p++ = '\\';
			p = mempcpy(p, s.ptr + i, n);
		}
	}
	return p;
}

/* "2024-01-02 03:04:05,678", as Python's logging prints it; always UTC. */
static char *put_now(char *p)
{
	int64_t ms = clock_realtime_ns() / 1000000;
	char text[40];

	if (time_format(ms / 1000, 0, text) < 0)
		return p;
	text[10] = ' ';
	p = mempcpy(p, text, 19);
	return p + sprintf(p, ",%03d", (int)(ms % 1000));
}

static size_t build_line(char *line, enum log_level level, struct str who, struct str message)
{
	bool json = log_style == LOG_JSON;
	char *p = line;

	if (json) {
		p = put(p, "{\"asctime\":\"");
		p = put_now(p);
		p = put(p, "\",\"name\":\"");
		p = put_escaped(p, who, true);
		p = put(p, "\",\"levelname\":\"");
		p = put(p, level_name(level, true));
		p = put(p, "\",\"message\":\"");
		p = put_escaped(p, message, true);
		p = put(p, "\"}\n");
	} else {
		p = put_escaped(p, who, false);
		p = put(p, ": ");
		p = put(p, level_name(level, false));
		p = put(p, ": ");
		p = put_escaped(p, message, false);
		p = put(p, "\n");
	}
	return (size_t)(p - line);
}

/* One write, so that lines of several threads and processes do not mix. What a full pipe did not
 * take follows; when stderr is gone there is nobody left to tell. */
static void write_line(const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		p += n;
		len -= (size_t)n;
	}
}

void log_str(enum log_level level, struct str message)
{
	_cleanup_(freep) char *big = NULL;
	char small[LINE_SMALL], *line = small;
	struct str who = str_of(log_who);
	const size_t fixed = 128, room = (LINE_SMALL - fixed) / ESCAPE_MAX;
	int saved = errno;

	if (!log_enabled(level))
		return;
	who.len = MIN(who.len, (size_t)64);
	if (who.len + message.len > room) {
		if (message.len < SIZE_MAX / ESCAPE_MAX - LINE_SMALL)
			big = malloc(fixed + (who.len + message.len) * ESCAPE_MAX);
		if (big)
			line = big;
		else
			message.len = room - who.len;
	}
	write_line(line, build_line(line, level, who, message));
	errno = saved;
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	_cleanup_(freep) char *big = NULL;
	char small[1024];
	int saved = errno, n;
	va_list ap;

	if (!log_enabled(level))
		return;
	va_start(ap, fmt);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(small)) {
		va_start(ap, fmt);
		if (vasprintf(&big, fmt, ap) < 0)
			big = NULL;
		va_end(ap);
	}
	log_str(level, str_of(n < 0 ? fmt : big ? big : small));
	errno = saved;
}
