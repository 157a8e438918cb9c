#include "abi/libraries.h"

#include "abi/inspect.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIBRARIES_MAX 512

/* Where ld.so looks last, in its order. */
static const char *const default_dirs[] = {
#if defined(__x86_64__)
	"/lib/x86_64-linux-gnu",
	"/usr/lib/x86_64-linux-gnu",
#else
	"/lib/aarch64-linux-gnu",
	"/usr/lib/aarch64-linux-gnu",
#endif
	"/lib64",
	"/usr/lib64",
	"/lib",
	"/usr/lib",
};

/* ---- files ----------------------------------------------------------------------------------- */

static bool map_file(const char *path, void **ret, size_t *ret_len)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	void *data;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return false;
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return false;
	*ret = data;
	*ret_len = (size_t)st.st_size;
	return true;
}

/* Takes the file when it is a library for this machine; as ld.so, goes on looking when not. */
static bool try_path(struct library_set *set, struct library *lib, const char *path)
{
	struct arena *arena = &set->cache->arena;
	size_t len;
	void *data;
	int r;

	if (set->failed || !map_file(path, &data, &len))
		return false;
	r = elf_view_open(data, len, arena, &lib->view, NULL);
	if (r == 0) {
		lib->path = arena_strdup(arena, path);
		r = lib->path ? 0 : ERR_NOMEM;
	}
	if (r == 0)
		return true;
	set->failed = r == ERR_NOMEM;
	munmap(data, len);
	return false;
}

static bool try_dir(struct library_set *set, struct library *lib, struct str dir)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), STR_FMT "/" STR_FMT, STR_ARG(dir), STR_ARG(lib->name));

	return n > 0 && (size_t)n < sizeof(path) && try_path(set, lib, path);
}

/* ---- ld.so.cache ----------------------------------------------------------------------------- */

#define CACHE_MAGIC "glibc-ld.so.cache1.1"

struct cache_head {
	char magic[sizeof(CACHE_MAGIC) - 1];
	uint32_t n, strings_size, unused[5];
};

struct cache_entry {
	int32_t flags;
	uint32_t key, value, os_version;
	uint64_t hwcap;
};

static struct str cache_string(const char *data, size_t len, uint32_t at)
{
	const char *end = at < len ? memchr(data + at, '\0', len - at) : NULL;

	return end ? (struct str){data + at, (size_t)(end - data) - at} : STR_NULL;
}

static bool search_cache(struct library_set *set, struct library *lib, const char *data, size_t len)
{
	struct cache_head head;
	struct cache_entry entry;

	if (len < sizeof(head))
		return false;
	memcpy(&head, data, sizeof(head));
	if (memcmp(head.magic, CACHE_MAGIC, sizeof(head.magic)) != 0 ||
	    head.n > (len - sizeof(head)) / sizeof(entry))
		return false;
	for (uint32_t i = 0; i < head.n; i++) {
		struct str path;

		memcpy(&entry, data + sizeof(head) + i * sizeof(entry), sizeof(entry));
		if (!str_eq(cache_string(data, len, entry.key), lib->name))
			continue;
		path = cache_string(data, len, entry.value);
		if (path.len && try_path(set, lib, path.ptr))
			return true;
	}
	return false;
}

static bool try_cache(struct library_set *set, struct library *lib)
{
	size_t len;
	void *data;
	bool found;

	if (!map_file("/etc/ld.so.cache", &data, &len))
		return false;
	found = search_cache(set, lib, data, len);
	munmap(data, len);
	return found;
}

/* ---- search ---------------------------------------------------------------------------------- */

/* One directory of a path list, with $ORIGIN replaced by the directory of `user`. */
static bool
try_list_item(struct library_set *set, struct library *lib, struct str item, const char *user)
{
	static const char *const forms[] = {"$ORIGIN", "${ORIGIN}"};
	const char *slash = strrchr(user, '/');
	char dir[4096];

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		size_t n = strlen(forms[i]);

		if (!str_starts(item, forms[i]))
			continue;
		snprintf(dir, sizeof(dir), "%.*s" STR_FMT, slash ? (int)(slash - user) : 1,
			 slash ? user : ".", (int)(item.len - n), item.ptr + n);
		return try_dir(set, lib, str_of(dir));
	}
	return item.len && try_dir(set, lib, item);
}

static bool
try_list(struct library_set *set, struct library *lib, struct str list, const char *user)
{
	while (list.len) {
		const char *colon = memchr(list.ptr, ':', list.len);
		size_t n = colon ? (size_t)(colon - list.ptr) : list.len;

		if (try_list_item(set, lib, (struct str){list.ptr, n}, user))
			return true;
		n += colon != NULL;
		list = (struct str){list.ptr + n, list.len - n};
	}
	return false;
}

static void
search(struct library_set *set, struct library *lib, struct str run_path, const char *user)
{
	char name[4096];

	if (lib->name.len >= sizeof(name))
		return;
	if (memchr(lib->name.ptr, '/', lib->name.len)) {
		memcpy(name, lib->name.ptr, lib->name.len);
		name[lib->name.len] = '\0';
		try_path(set, lib, name);
		return;
	}
	if (try_list(set, lib, run_path, user) ||
	    try_list(set, lib, str_of(secure_getenv("LD_LIBRARY_PATH")), user) ||
	    try_cache(set, lib))
		return;
	for (size_t i = 0; i < ARRAY_LEN(default_dirs); i++)
		if (try_dir(set, lib, str_of(default_dirs[i])))
			return;
}

/* ---- the cache ------------------------------------------------------------------------------- */

/* What a name leads to depends on who asks only when that file has a path of its own. */
static const struct library *
recall(const struct library_cache *cache, struct str name, struct str run_path)
{
	for (size_t i = 0; run_path.len == 0 && i < cache->n; i++)
		if (str_eq(cache->items[i].name, name))
			return &cache->items[i];
	return NULL;
}

/* Keeps the file for unmapping, and under its name for those who ask next. */
static bool remember(struct library_cache *cache, const struct library *lib, struct str run_path)
{
	struct library *more, kept = *lib;

	if (cache->n == cache->cap) {
		size_t cap = cache->cap ? cache->cap * 2 : 8;

		more = realloc(cache->items, cap * sizeof(*more));
		if (!more)
			return false;
		cache->items = more;
		cache->cap = cap;
	}
	kept.wanted_by = NULL;
	kept.name = STR_NULL;
	if (run_path.len == 0) {
		kept.name.ptr = arena_strndup(&cache->arena, lib->name.ptr, lib->name.len);
		kept.name.len = lib->name.len;
		if (!kept.name.ptr)
			return false;
	}
	cache->items[cache->n++] = kept;
	return true;
}

static void unmap(const struct library *lib)
{
	if (lib->path)
		munmap((void *)(uintptr_t)lib->view.data, lib->view.len);
}

static void
look_up(struct library_set *set, struct library *lib, struct str run_path, const char *user)
{
	const struct library *known = recall(set->cache, lib->name, run_path);

	if (known) {
		lib->path = known->path;
		lib->view = known->view;
		return;
	}
	search(set, lib, run_path, user);
	if (set->failed || !remember(set->cache, lib, run_path)) {
		set->failed = true;
		unmap(lib);
	}
}

struct library_cache *library_cache_new(void)
{
	return calloc(1, sizeof(struct library_cache));
}

void library_cache_free(struct library_cache *cache)
{
	if (cache)
		library_cache_done(cache);
	free(cache);
}

void library_cache_done(struct library_cache *cache)
{
	for (size_t i = 0; i < cache->n; i++)
		unmap(&cache->items[i]);
	free(cache->items);
	arena_done(&cache->arena);
	*cache = (struct library_cache){.n = 0};
}

/* ---- the set --------------------------------------------------------------------------------- */

static int add(struct library_set *set,
	       struct str name,
	       struct str run_path,
	       const char *user,
	       struct error *err)
{
	struct library *lib;

	if (name.len == 0 || library_set_get(set, name))
		return 0;
	if (set->n == LIBRARIES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d needed libraries", LIBRARIES_MAX);
	if (set->n == set->cap) {
		size_t cap = set->cap ? set->cap * 2 : 8;
		struct library *more = arena_array(set->arena, cap, sizeof(*more));

		if (!more)
			return err_nomem(err, "needed libraries");
		if (set->n)
			memcpy(more, set->items, set->n * sizeof(*more));
		set->items = more;
		set->cap = cap;
	}
	lib = &set->items[set->n];
	*lib = (struct library){.name = name, .wanted_by = user};
	look_up(set, lib, run_path, user);
	if (set->failed)
		return err_nomem(err, "needed libraries");
	set->n++;
	return 0;
}

static int add_needs_of(struct library_set *set, size_t at, struct error *err)
{
	const struct elf_view v = set->items[at].view;
	const char *user = set->items[at].path;
	struct str run_path = STR_NULL, name;
	int r;

	if (v.dyn.runpath)
		elf_string(&v, v.dyn.runpath - 1, &run_path);
	else if (v.dyn.rpath)
		elf_string(&v, v.dyn.rpath - 1, &run_path);
	for (uint64_t i = 0; elf_dynamic_at(&v, i).d_tag != DT_NULL; i++) {
		Elf64_Dyn e = elf_dynamic_at(&v, i);

		if (e.d_tag != DT_NEEDED || !elf_string(&v, e.d_un.d_val, &name))
			continue;
		r = add(set, name, run_path, user, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int library_set_open(struct library_set *set,
		     struct library_cache *cache,
		     struct arena *arena,
		     const struct elf_info *elf,
		     const char *path,
		     struct error *err)
{
	int r = 0;

	*set = (struct library_set){.arena = arena, .cache = cache};
	for (size_t i = 0; r == 0 && i < elf->n_needed; i++)
		r = add(set, elf->needed[i], STR_NULL, path, err);
	for (size_t i = 0; r == 0 && i < set->n; i++)
		if (set->items[i].path)
			r = add_needs_of(set, i, err);
	/* The host's own libc is in every search, whether the plugin names it or not. */
	return r < 0 ? r : add(set, STR("libc.so.6"), STR_NULL, path, err);
}

const struct library *library_set_get(const struct library_set *set, struct str name)
{
	for (size_t i = 0; i < set->n; i++)
		if (str_eq(set->items[i].name, name))
			return &set->items[i];
	return NULL;
}

bool library_set_defines(const struct library_set *set, struct str name, struct str version)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->items[i].path && elf_defines(&set->items[i].view, name, version))
			return true;
	return false;
}
