/* A worker that is made up: what demo_server gives the admin port. */
#pragma once

#include "base/metrics.h"
#include "base/series.h"
#include "http/http.h"
#include "loop/loop.h"

#define S             INT64_C(1000000000)
#define MS            INT64_C(1000000)
#define DEMO_DELAYED  64
#define DEMO_MARKUP   "<img src=x onerror=\"document.title='owned'\">&amp;<script>1</script>"
#define DEMO_LOG_SIZE 100000

struct demo_delayed {
	struct http_answer *answer;
	struct demo *demo;
	struct loop_timer timer;
	int what;
	char id[HTTP_ID_MAX + 1];
	struct http_log_query log;
	struct http_list_query list;
	char state[32], before[32];
};

struct demo {
	struct loop *loop;
	struct http_source source;
	int64_t began_ns, delay_ns;
	bool never, dead;
	const char *not_ready;
	struct series series;
	struct loop_timer work;
	struct metrics *metrics;
	struct metric *done;
	struct demo_delayed delayed[DEMO_DELAYED];
	unsigned ended;
	char log[DEMO_LOG_SIZE];
	size_t log_len;
	unsigned log_lines;
};

/* Of http_source; `user` is a struct demo. */
void demo_executions(void *user, const struct http_list_query *q, struct http_answer *a);
void demo_execution(void *user, const char *id, struct http_answer *a);
void demo_logs(void *user, const char *id, const struct http_log_query *q, struct http_answer *a);
/* One more numbered line in the log, as long as there is room. */
void demo_log_line(struct demo *d);
/* Answers what nobody waits for any more. */
void demo_answer_all(struct demo *d);
