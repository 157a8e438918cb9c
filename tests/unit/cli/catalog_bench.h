/* A catalog on a real loop and a real pool, over directories that a test changes. Runners are those
 * of the pool's tests. Whatever fails ends the test. */
#pragma once

#include "cli/catalog_private.h"
#include "lib/test.h"

#define BENCH_WAIT_NS (30 * SECOND)

struct bench {
	char *a, *b, *state;        /* plugin directories, b NULL unless a test makes it; state */
	bool probe;                 /* with the real taskhost, counting its starts */
	const char *settings[4][2]; /* of the configuration */
	struct loop *loop;
	struct runner_pool *pool;
	struct worker_config config;
	struct catalog *catalog;
	unsigned loaded, told;
	bool closed;
	/* of the last reload */
	bool reloaded;
	char changes[2000]; /* "added ID;replaced ID;…" */
	unsigned unchanged;
};

/* A plugin as the catalog shows it; `reason` is "none" for one it does not know. */
struct bench_view {
	enum catalog_state state;
	char file[4096], reason[2000], digest[SHA256_HEX_SIZE], version[64];
	size_t n_generations, n_lost, n_retiring;
};

extern struct bench bench;

/* Empty directories, whatever a failed test has left; then a catalog over them, which has looked
 * once, or (begin_open) has only been asked to. It can be closed and opened again. */
void bench_init(void);
void bench_begin_open(void);
void bench_open(void);
void bench_close(void);
/* Closes and frees all. */
void bench_end(void);

/* Turns the loop until it is so. */
void bench_until(bool (*is)(void), const char *what);
bool bench_is_loaded(void);
void bench_await(const char *id, enum catalog_state state, const char *words);
/* Active with another content than `before`. */
void bench_await_other(const char *id, const struct bench_view *before);

struct bench_view bench_view(const char *id);
int bench_find_type(const char *type, int32_t version, struct agent_type *ret);
void bench_reload(void);
/* How often the check's program was started. */
size_t bench_probes(void);

char *bench_dir(void); /* a fresh one; the caller frees its path */
void bench_put(const char *dir, const char *fixture, const char *as);
/* The same plugin with other bytes. */
void bench_put_other(const char *dir, const char *fixture, const char *as);
__attribute__((format(printf, 1, 2))) void bench_shell(const char *fmt, ...);
