/* Values that cross the plugin boundary, status codes, and the names of the handles.
 *
 * Tags on functions, here and in all headers:
 *   [init]   no other call into this plugin is running
 *   [exec]   the thread that runs an execution; never two at once for one execution
 *   [any]    any thread, concurrently
 *   [same]   only the thread that was called, and only during that call
 * A view (th_str, th_bytes, any pointer a function hands out) dies at the moment its function
 * names; without a word: when the execution completes. Nothing is freed by the side that did not
 * allocate it. Everything here is plain C11, and C++17. */
#ifndef TASKHOST_TYPES_H
#define TASKHOST_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TH_EXPORT __attribute__((visibility("default")))

/* Is `member` inside the struct as the other side built it, and set? */
#define TH_HAS(p, member)                                                                          \
	((size_t)(p)->struct_size >= offsetof(__typeof__(*(p)), member) + sizeof((p)->member) &&   \
	 (p)->member)

/* ---- status ---------------------------------------------------------------------------------- */

/* 0 and above: fine. Below 0: failed; a value the reader does not know counts as TH_E_SYSTEM. */
typedef int32_t th_status;
enum {
	TH_OK = 0,
	TH_PENDING = 1,        /* execute_from_model: th_host.exec_complete follows, exactly once */
	TH_IGNORE_OUTPUTS = 2, /* done; write no file at all (flytekit's IgnoreOutputs) */
	TH_BUSY = 3,           /* quiesce: not yet */

	TH_E_USER = -1,        /* the task failed; class USER */
	TH_E_SYSTEM = -2,      /* the surroundings failed; class SYSTEM */
	TH_E_CANCELLED = -3,   /* stopped because the cancel word was set */
	TH_E_DEADLINE = -4,    /* stopped because time ran out */
	TH_E_NOMEM = -5,       /* no memory, or a memory quota is used up */
	TH_E_INVALID = -6,     /* an argument breaks the function's rules */
	TH_E_NOT_FOUND = -7,   /* no such input, key, secret, index, … */
	TH_E_DENIED = -8,      /* not allowed */
	TH_E_UNSUPPORTED = -9, /* this host, task or literal cannot do that */
	TH_E_ABI = -10,        /* the other side is too new or too old */
	TH_E_LIMIT = -11,      /* a quota (deck, log, output size) is used up */
	TH_E_TYPE = -12        /* the literal is of another kind */
};

/* ---- values ---------------------------------------------------------------------------------- */

typedef struct th_str { /* UTF-8 text; what the host hands out also ends in a NUL */
	const char *ptr;
	size_t len;
} th_str;

typedef struct th_bytes {
	const uint8_t *ptr;
	size_t len;
} th_bytes;

typedef struct th_datetime { /* an instant: seconds since 1970 in UTC plus 0…999,999,999 ns */
	int64_t seconds;
	int32_t nanos;
	int32_t reserved; /* 0 */
} th_datetime;

typedef struct th_duration { /* a span; seconds and nanos have the same sign */
	int64_t seconds;
	int32_t nanos;
	int32_t reserved; /* 0 */
} th_duration;

typedef struct th_blob { /* flyteidl.core.Blob: a file, or a directory */
	th_str uri;
	th_str format;      /* as BlobType.format; empty: any */
	uint32_t multipart; /* 0 one file, 1 a directory */
	uint32_t reserved;  /* 0 */
} th_blob;

typedef struct th_dataset { /* flyteidl.core.StructuredDataset or Schema */
	th_str uri;
	th_str format; /* "parquet", "csv", …; empty: any. Always empty for a schema */
} th_dataset;

typedef struct th_i64_list {
	const int64_t *ptr;
	size_t len;
} th_i64_list;

typedef struct th_f64_list {
	const double *ptr;
	size_t len;
} th_f64_list;

/* ---- handles --------------------------------------------------------------------------------- */

typedef struct th_exec th_exec;     /* host: one execution; dead once it has completed */
typedef struct th_lit th_lit;       /* host: one input literal, or a part of one */
typedef struct th_val th_val;       /* host: one output value being built */
typedef struct th_model th_model;   /* host: the TaskTemplate */
typedef struct th_errout th_errout; /* host: error slot of the current call */
typedef struct th_sink th_sink;     /* host: takes strings, in order */
typedef struct th_deck th_deck;     /* host: one deck (tab) of deck.html */
typedef struct th_task th_task;     /* plugin: one of its tasks */

/* ---- small helpers, compiled into the plugin ------------------------------------------------- */

static inline th_str th_str_n(const char *ptr, size_t len)
{
	th_str s;
	s.ptr = ptr;
	s.len = len;
	return s;
}

/* A th_str of a NUL-terminated string; NULL gives the empty one. */
static inline th_str th_s(const char *z)
{
	size_t n = 0;
	if (z)
		while (z[n])
			n++;
	return th_str_n(z, n);
}

static inline int th_str_eq(th_str a, th_str b)
{
	if (a.len != b.len)
		return 0;
	for (size_t i = 0; i < a.len; i++)
		if (a.ptr[i] != b.ptr[i])
			return 0;
	return 1;
}

#ifdef __cplusplus
}
#endif
#endif
