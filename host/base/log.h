/* Lines for operators, on stderr. Thread-safe; each line is one write.
 *
 *   text  taskhost: warning: the message
 *   JSON  {"asctime":"2024-01-02 03:04:05,678","name":"taskhost","levelname":"WARNING","message":…}
 *
 * asctime is UTC. Control characters in a message are escaped, so a message is always one line. */
#pragma once

#include "base/str.h"

enum log_level { LOG_DEBUG = 10, LOG_INFO = 20, LOG_WARN = 30, LOG_ERROR = 40, LOG_OFF = 100 };
enum log_format { LOG_TEXT, LOG_JSON };

/* `who` starts every text line and must live for ever. */
void log_setup(const char *who, enum log_level level, enum log_format format);

/* Level and format from flytekit's variables: FLYTE_SDK_LOGGING_LEVEL (number or name, default 30;
 * anything else is told by a warning) and FLYTE_SDK_LOGGING_FORMAT ("json"; anything else is
 * text). */
void log_setup_from_env(const char *who);

bool log_enabled(enum log_level level);
void log_msg(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_str(enum log_level level, struct str message);

#define log_debug(...) (log_enabled(LOG_DEBUG) ? log_msg(LOG_DEBUG, __VA_ARGS__) : (void)0)
#define log_info(...)  log_msg(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_msg(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_msg(LOG_ERROR, __VA_ARGS__)
