/* A plugin with one task, "real", whose resolver can be bent from the command line: RESOLVER_LOAD,
 * RESOLVER_AT, RESOLVER_SIZE, RESOLVER_FLAGS. */
#include <taskhost/note.h>
#include <taskhost/plugin-api.h>

struct th_task {
	const char *name;
};

static const struct th_task real = {"real"};
static const struct th_task other = {"other"};
static const th_host *host;

static th_status load_named(
	void *self, const th_str *args, size_t n_args, const th_task **ret_task, th_errout *error)
{
	(void)self;
	(void)error;
	if (n_args != 1)
		return TH_E_INVALID;
	*ret_task = th_str_eq(args[0], th_s("real")) ? &real : &other;
	return TH_OK;
}

static th_status args_of(void *self, const th_task *task, th_sink *sink, th_errout *error)
{
	(void)self;
	(void)error;
	return host->sink_push(sink, th_s(task->name));
}

static th_status only_real(void *self, uint32_t index, const th_task **ret_task)
{
	(void)self;
	*ret_task = &real;
	return index == 0 ? TH_OK : TH_E_NOT_FOUND;
}

static th_status name_of(void *self, const th_task *task, th_sink *sink)
{
	(void)self;
	return host->sink_push(sink, th_s(task->name));
}

static th_status take_host(const th_host *h, th_str config, void **ret_self, th_errout *error)
{
	(void)config;
	(void)ret_self;
	(void)error;
	host = h;
	return TH_OK;
}

/* Another task than the one that loader_args described. */
static th_status load_other(
	void *self, const th_str *args, size_t n_args, const th_task **ret_task, th_errout *error)
{
	(void)self;
	(void)args;
	(void)n_args;
	(void)error;
	*ret_task = &other;
	return TH_OK;
}

static th_status endless(void *self, uint32_t index, const th_task **ret_task)
{
	(void)self;
	(void)index;
	*ret_task = &real;
	return TH_OK;
}

static th_status nobody(void *self, uint32_t index, const th_task **ret_task)
{
	(void)self;
	(void)index;
	(void)ret_task;
	return TH_E_NOT_FOUND;
}

static th_status real_and_other(void *self, uint32_t index, const th_task **ret_task)
{
	(void)self;
	*ret_task = index == 0 ? &real : &other;
	return index < 2 ? TH_OK : TH_E_NOT_FOUND;
}

static const th_executor *executor_of(void *self, const th_task *task);

#ifndef RESOLVER_LOAD
#define RESOLVER_LOAD load_named
#endif
#ifndef RESOLVER_AT
#define RESOLVER_AT only_real
#endif
#ifndef RESOLVER_SIZE
#define RESOLVER_SIZE sizeof(th_resolver)
#endif
#ifndef RESOLVER_FLAGS
#define RESOLVER_FLAGS 0
#endif

/* Each build uses some of the functions. */
__attribute__((used)) static void *const all[] = {
	(void *)load_named, (void *)load_other,     (void *)only_real, (void *)endless,
	(void *)nobody,     (void *)real_and_other, (void *)args_of,   (void *)name_of};

TH_EXPORT extern const th_resolver finder;
const th_resolver finder = {RESOLVER_SIZE, RESOLVER_FLAGS, NULL,        NULL,
			    NULL,          RESOLVER_LOAD,  args_of,     RESOLVER_AT,
			    name_of,       NULL,           executor_of, NULL};

TH_NOTE_RECORD(note_of_finder,
	       TH_NOTE_RESOLVER,
	       "{\"resolver\":\"finder\",\"index\":3,\"about\":\"\"}");
TH_NOTE_RECORD(
	note_of_real,
	TH_NOTE_TASK,
	"{\"task\":\"real\",\"index\":2,\"about\":\"\",\"options\":[{}],\"variables\":[{}]}");

#define RAW_NOTE_EXECUTOR "Run"
#define RAW_INIT          take_host
#define RAW_RESOLVERS     &finder
#include "raw.h"

static const th_executor *executor_of(void *self, const th_task *task)
{
	(void)self;
	(void)task;
	return &raw_executor;
}
