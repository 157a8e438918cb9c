/* What the two files of logs share. */
#pragma once

#include "loop/watch.h"
#include "runners/log_file.h"
#include "runners/logs.h"

#define LOG_PENDING_MAX ((size_t)256 << 10) /* bytes in memory and not being written */
#define LOG_BUCKETS     256u

/*     0 ....... oldest ....... head.total ....... + writing.len ....... + pending.len
 *       gone          in the file          being written       in memory            */
struct log {
	struct logs *logs;
	struct log *next, **link; /* in its bucket */
	struct log *next_dirty;
	bool dirty;           /* waits to be written */
	unsigned writers;     /* those who have it open */
	struct log_head head; /* of the file; not touched while it is being written */
	struct buf pending;
	struct buf writing;
	uint64_t lost_here; /* bytes lost since the last append that was not */
	uint64_t lost;      /* in all */
	char name[LOG_NAME_MAX + 1];
};

struct logs {
	struct loop *loop;
	char *directory;
	uint64_t quota;
	struct log *buckets[LOG_BUCKETS];
	size_t n;
	struct log *dirty, **dirty_end;
	struct loop_later start;
	struct log_follower *followers;
	struct loop_work work;
	struct log *at_work;
	char *path; /* of at_work */
	struct log_head head;
	struct error err;
	int code;
	bool complained;
	bool closing;
	void (*closed)(void *user);
	void *closed_user;
};

int logs_check_name(const char *name, struct error *err);
struct log *logs_find(struct logs *logs, const char *name); /* NULL: nobody has it open */
int logs_read_head(struct logs *logs, const char *name, struct log_head *ret, struct error *err);
