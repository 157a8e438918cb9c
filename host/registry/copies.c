#include "registry/copies.h"

#include "abi/load.h"
#include "base/file.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

struct copy {
	char *path;
	int memfd; /* -1: a file */
	bool keep, gone;
};

static void copy_free(void *copy)
{
	struct copy *c = copy;

	if (c)
		closep(&c->memfd);
	if (c)
		free(c->path);
	free(c);
}

/* Takes path and memfd over. */
static int put(struct copies *c, const char *digest, char *path, int memfd, struct error *err)
{
	struct copy *copy = calloc(1, sizeof(*copy));
	void *old = NULL;

	if (copy)
		*copy = (struct copy){.path = path, .memfd = memfd};
	if (!copy || map_put(&c->by_digest, str_of(digest), copy, &old) < 0) {
		free(path);
		closep(&memfd);
		free(copy);
		return err_nomem(err, "a private copy");
	}
	copy_free(old);
	return 0;
}

static bool copy_name(const char *name, char digest[SHA256_HEX_SIZE])
{
	if (strlen(name) != SHA256_HEX_SIZE + 2 || !streq(name + SHA256_HEX_SIZE - 1, ".so") ||
	    strspn(name, "0123456789abcdef") != SHA256_HEX_SIZE - 1)
		return false;
	memcpy(digest, name, SHA256_HEX_SIZE - 1);
	digest[SHA256_HEX_SIZE - 1] = '\0';
	return true;
}

int copies_init(struct copies *c, const char *store_dir, struct error *err)
{
	_cleanup_(freep) char *dir = path_join(store_dir, "plugins");
	char digest[SHA256_HEX_SIZE];
	struct dirent *e;
	int r = 0;
	DIR *d;

	*c = (struct copies){.store_dir = strdup(store_dir)};
	if (!dir || !c->store_dir) {
		copies_done(c);
		return err_nomem(err, "the private copies");
	}
	d = opendir(dir);
	while (r == 0 && d && (e = readdir(d))) {
		char *path;

		if (!copy_name(e->d_name, digest))
			continue;
		path = path_join(dir, e->d_name);
		r = path ? put(c, digest, path, -1, err) : err_nomem(err, "the private copies");
	}
	if (d)
		closedir(d);
	if (r < 0)
		copies_done(c);
	return r;
}

void copies_done(struct copies *c)
{
	map_done(&c->by_digest, copy_free);
	free(c->store_dir);
	*c = (struct copies){.store_dir = NULL};
}

const char *copies_get(const struct copies *c, const char *digest)
{
	const struct copy *copy = map_get(&c->by_digest, str_of(digest));

	return copy && !copy->gone ? copy->path : NULL;
}

/* Another process finds a memory file by our pid only. */
static int from_outside(char **path, int memfd, struct error *err)
{
	char *longer;

	if (memfd < 0)
		return 0;
	if (asprintf(&longer, "/proc/%d/fd/%d", (int)getpid(), memfd) < 0)
		return err_nomem(err, "a private copy");
	free(*path);
	*path = longer;
	return 0;
}

int copies_add(struct copies *c, int fd, const char *digest, bool *ret_same, struct error *err)
{
	char have[SHA256_HEX_SIZE], *path = NULL;
	int memfd = -1, r;

	r = plugin_store_copy(fd, c->store_dir, have, &path, &memfd, err);
	if (r < 0)
		return r;
	r = from_outside(&path, memfd, err);
	*ret_same = streq(have, digest);
	if (r == 0 && *ret_same)
		return put(c, digest, path, memfd, err);
	if (memfd < 0 && !copies_get(c, have))
		unlink(path);
	free(path);
	closep(&memfd);
	return r;
}

void copies_forget(struct copies *c, const char *digest)
{
	struct copy *copy = map_get(&c->by_digest, str_of(digest));

	if (copy)
		copy->gone = true;
}

void copies_keep(struct copies *c, const char *digest)
{
	struct copy *copy = map_get(&c->by_digest, str_of(digest));

	if (copy)
		copy->keep = true;
}

void copies_prune(struct copies *c)
{
	struct map rest = MAP_INIT;

	map_foreach (&c->by_digest, e) {
		struct copy *copy = e->value;
		bool stays = copy->keep && !copy->gone;

		if (!stays && copy->memfd < 0 && !copy->keep)
			unlink(copy->path);
		copy->keep = false;
		/* One that cannot be listed is found again after a restart. */
		if (!stays || map_put(&rest, (struct str){e->key, e->key_len}, copy, NULL) < 0)
			copy_free(copy);
	}
	map_done(&c->by_digest, NULL);
	c->by_digest = rest;
}
