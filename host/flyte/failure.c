#include "flyte/document.h"

#include "flyte/literal_parts.h"

#define NANOS_PER_SECOND 1000000000

/* Failures come from anywhere, also from plugins. What a message cannot hold is replaced, as a
 * failure must never be lost for its text. */
static void put_clean(struct buf *out, struct str s)
{
	for (size_t i = 0, n; i < s.len; i += n) {
		n = utf8_char(s.ptr + i, s.len - i);
		if (n > 0 && s.ptr[i] != '\0') {
			buf_append(out, s.ptr + i, n);
			continue;
		}
		buf_puts(out, "\xef\xbf\xbd");
		n = 1;
	}
}

static bool is_blank(struct str line)
{
	for (size_t i = 0; i < line.len; i++)
		if (!strchr(" \t\r\f\v", line.ptr[i]) || line.ptr[i] == '\0')
			return false;
	return true;
}

/* Every line that holds something by four spaces; line ends stay as they are. */
static void put_indented(struct buf *out, struct str text)
{
	while (text.len > 0) {
		const char *end = memchr(text.ptr, '\n', text.len);
		size_t n = end ? (size_t)(end - text.ptr) : text.len;
		struct str line = {text.ptr, n};

		if (!is_blank(line))
			buf_puts(out, "    ");
		put_clean(out, line);
		if (end)
			buf_putc(out, '\n');
		n += end ? 1 : 0;
		text = (struct str){text.ptr + n, text.len - n};
	}
}

void failure_message(const struct failure *f, struct buf *out)
{
	struct str text = f->text;

	buf_puts(out, "Trace:\n\n");
	put_indented(out, f->trace);
	if (f->trace.len > 0 && f->trace.ptr[f->trace.len - 1] != '\n')
		buf_putc(out, '\n');
	buf_puts(out, "\nMessage:\n\n");
	while (text.len > 0 && text.ptr[text.len - 1] == '\n')
		text.len--;
	put_indented(out, text);
}

static void put_timestamp(int64_t ns, Google__Protobuf__Timestamp *t)
{
	t->seconds = ns / NANOS_PER_SECOND;
	t->nanos = (int32_t)(ns % NANOS_PER_SECOND);
	if (t->nanos < 0) {
		t->seconds--;
		t->nanos += NANOS_PER_SECOND;
	}
}

static int clean_text(struct str s, struct buf *out, struct error *err)
{
	put_clean(out, s);
	buf_putc(out, '\0');
	return buf_check(out, "error document", err);
}

int failure_encode_message(const struct failure *f,
			   struct str message,
			   struct buf *out,
			   struct error *err)
{
	Flyteidl__Core__ErrorDocument doc = FLYTEIDL__CORE__ERROR_DOCUMENT__INIT;
	Flyteidl__Core__ContainerError e = FLYTEIDL__CORE__CONTAINER_ERROR__INIT;
	Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	_cleanup_(buf_done) struct buf code = BUF_INIT;
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	_cleanup_(buf_done) struct buf worker = BUF_INIT;
	int r = clean_text(f->code, &code, err);

	if (r == 0)
		r = clean_text(message, &text, err);
	if (r == 0)
		r = clean_text(f->worker, &worker, err);
	if (r < 0)
		return r;
	put_timestamp(f->timestamp_ns, &time);
	e.code = code.data;
	e.message = text.data;
	e.kind = f->kind == ERROR_RECOVERABLE
			 ? FLYTEIDL__CORE__CONTAINER_ERROR__KIND__RECOVERABLE
			 : FLYTEIDL__CORE__CONTAINER_ERROR__KIND__NON_RECOVERABLE;
	e.origin = (Flyteidl__Core__ExecutionError__ErrorKind)f->origin;
	e.timestamp = &time;
	e.worker = worker.data;
	doc.error = &e;
	return message_encode(&doc.base, out, err);
}

int failure_encode(const struct failure *f, struct buf *out, struct error *err)
{
	_cleanup_(buf_done) struct buf message = BUF_INIT;
	int r;

	failure_message(f, &message);
	r = buf_check(&message, "error document", err);
	return r < 0 ? r
		     : failure_encode_message(f, (struct str){message.data, message.len}, out, err);
}
