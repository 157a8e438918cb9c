/* The plugins of tests/plugins, as files and as bytes. */
#pragma once

#include "lib/test.h"

#include "abi/host.h"
#include "abi/verify.h"
#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Path of tests/plugins/<name>.so in the build directory. A few can be had at a time. */
static inline const char *fixture_path(const char *name)
{
	static char paths[8][4096];
	static unsigned next;
	char *path = paths[next++ % 8];
	const char *build = getenv("TASKHOST_TEST_BUILD");

	snprintf(path, sizeof(paths[0]), "%s/tests/plugins/%s.so", build ? build : "build", name);
	return path;
}

static inline void fixture_read(const char *path, struct buf *out)
{
	struct error err = ERROR_INIT;

	CHECK_OK(file_read(path, ELF_FILE_MAX, out, &err), err);
}

/* A copy of a plugin in the test's own directory, which keeps the rules of ownership. */
static inline char *fixture_copy(const char *dir, const char *name, const char *as)
{
	struct error err = ERROR_INIT;
	char *path = path_join(dir, as);

	CHECK(path);
	CHECK_OK(file_copy(fixture_path(name), path, &err), err);
	CHECK_INT(chmod(path, 0755), 0);
	return path;
}

/* What inspect_plugin says about the plugin `name`. Bytes stay in `bytes`. */
struct inspected {
	struct buf bytes;
	struct arena arena;
	struct inspection in;
};

static inline void inspected_done(struct inspected *i)
{
	arena_done(&i->arena);
	buf_done(&i->bytes);
}

static inline const struct finding *find_rule(const struct inspection *in, const char *rule)
{
	for (size_t i = 0; i < in->n_findings; i++)
		if (streq(in->findings[i].rule, rule))
			return &in->findings[i];
	return NULL;
}

static inline void inspect_file(struct inspected *i, const char *path)
{
	struct error err = ERROR_INIT;

	*i = (struct inspected){.bytes = BUF_INIT, .arena = ARENA_INIT};
	fixture_read(path, &i->bytes);
	CHECK_OK(inspect_plugin(i->bytes.data, i->bytes.len, path, &i->arena, &i->in, &err), err);
}

/* Loads a plugin by name with a host of its own, which lives for ever. */
static inline int load_fixture(const char *name,
			       const char *store,
			       struct host **ret_host,
			       struct plugin **ret,
			       struct error *err)
{
	_cleanup_(closep) int fd = open(fixture_path(name), O_RDONLY | O_CLOEXEC);
	static struct host hosts[64];
	static unsigned used;
	struct host *h = &hosts[used++];

	CHECK(fd >= 0 && used <= ARRAY_LEN(hosts));
	host_init(h, NULL, NULL, 0);
	if (ret_host)
		*ret_host = h;
	return plugin_load(fd, fixture_path(name), store, &h->table, ret, err);
}
