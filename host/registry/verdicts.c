#include "registry/verdicts_internal.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)256 << 20)
#define SECOND   INT64_C(1000000000)

/* ---- life ------------------------------------------------------------------------------------ */

static void unref(void *verdict)
{
	verdict_unref(verdict);
}

static void clear(struct verdicts *v)
{
	map_done(&v->contents, unref);
	map_done(&v->files, free);
	map_done(&v->libraries, free);
	v->contents = v->files = v->libraries = (struct map)MAP_INIT;
}

int verdicts_new(struct verdicts **ret, struct error *err)
{
	struct verdicts *v = calloc(1, sizeof(*v));

	if (!v)
		return err_nomem(err, "the verdicts on plugins");
	pthread_mutex_init(&v->lock, NULL);
	v->look = 1;
	*ret = v;
	return 0;
}

void verdicts_free(struct verdicts *v)
{
	if (!v)
		return;
	clear(v);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

/* ---- the file -------------------------------------------------------------------------------- */

/* The first line is the digest of the rest, so that a file that was cut off or altered by chance is
 * known at once. */
static int check_sum(struct str *text, const char *name, struct error *err)
{
	const size_t head = SHA256_HEX_SIZE; /* digits and line break */
	uint8_t digest[SHA256_SIZE];
	char hex[SHA256_HEX_SIZE];

	if (text->len < head || text->ptr[head - 1] != '\n')
		return err_set(err, ERR_INVALID, "%s is not a file of verdicts", name);
	sha256(text->ptr + head, text->len - head, digest);
	hex_encode(digest, sizeof(digest), hex);
	if (memcmp(hex, text->ptr, head - 1) != 0)
		return err_set(err, ERR_INVALID, "%s is damaged (its checksum is wrong)", name);
	*text = (struct str){text->ptr + head, text->len - head};
	return 0;
}

int verdicts_load(struct verdicts *v, const char *path, struct error *err)
{
	_cleanup_(buf_done) struct buf bytes = BUF_INIT;
	struct str text;
	int r;

	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	r = file_read(path, FILE_MAX, &bytes, err);
	if (r < 0)
		return r == ERR_NOMEM ? r : err_set(err, ERR_INVALID, "%s cannot be read", path);
	text = (struct str){bytes.data, bytes.len};
	r = check_sum(&text, path, err);
	if (r < 0)
		return r;
	pthread_mutex_lock(&v->lock);
	r = verdicts_parse(v, text, path, err);
	if (r < 0)
		clear(v);
	v->changed = false;
	pthread_mutex_unlock(&v->lock);
	return r;
}

int verdicts_save(struct verdicts *v, const char *path, struct error *err)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT, whole = BUF_INIT;
	uint8_t digest[SHA256_SIZE];
	char hex[SHA256_HEX_SIZE];
	bool changed;
	int r = 0;

	pthread_mutex_lock(&v->lock);
	changed = v->changed;
	if (changed)
		r = verdicts_print(v, &text, err);
	v->changed = false;
	pthread_mutex_unlock(&v->lock);
	if (!changed || r < 0)
		return r;
	sha256(text.data, text.len, digest);
	hex_encode(digest, sizeof(digest), hex);
	buf_printf(&whole, "%s\n", hex);
	buf_append(&whole, text.data, text.len);
	r = buf_check(&whole, "the verdicts on plugins", err);
	if (r == 0)
		r = file_write_atomic(path, whole.data, whole.len, 0600, true, err);
	if (r < 0) {
		pthread_mutex_lock(&v->lock);
		v->changed = true;
		pthread_mutex_unlock(&v->lock);
	}
	return r;
}

bool verdicts_changed(struct verdicts *v)
{
	bool changed;

	pthread_mutex_lock(&v->lock);
	changed = v->changed;
	pthread_mutex_unlock(&v->lock);
	return changed;
}

/* ---- looking up ------------------------------------------------------------------------------ */

void verdicts_look(struct verdicts *v)
{
	pthread_mutex_lock(&v->lock);
	v->look++;
	map_done(&v->libraries, free);
	v->libraries = (struct map)MAP_INIT;
	pthread_mutex_unlock(&v->lock);
}

/* The file as it is in this look; NULL when memory is out. */
static const struct file_identity *library_now(struct verdicts *v, const char *path)
{
	struct file_identity *now = map_get(&v->libraries, str_of(path));
	struct stat st;

	if (now)
		return now;
	now = calloc(1, sizeof(*now));
	if (!now)
		return NULL;
	if (stat(path, &st) == 0)
		*now = file_identity_of(&st);
	if (map_put(&v->libraries, str_of(path), now, NULL) < 0) {
		free(now);
		return NULL;
	}
	return now;
}

static bool still_holds(struct verdicts *v, const struct verdict *verdict)
{
	for (size_t i = 0; i < verdict->n_libraries; i++) {
		const struct verdict_library *l = &verdict->libraries[i];
		const struct file_identity *now = library_now(v, l->path);

		if (!now || !file_identity_eq(now, &l->identity))
			return false;
	}
	return true;
}

static struct verdict *of_content(struct verdicts *v, const char *digest)
{
	struct verdict *verdict = map_get(&v->contents, str_of(digest));

	if (!verdict || !still_holds(v, verdict))
		return NULL;
	verdict->used_at = clock_realtime_ns() / SECOND;
	return verdict_ref(verdict);
}

struct verdict *verdicts_of_content(struct verdicts *v, const char *digest)
{
	struct verdict *verdict;

	pthread_mutex_lock(&v->lock);
	verdict = of_content(v, digest);
	pthread_mutex_unlock(&v->lock);
	return verdict;
}

static struct str key_of(const struct file_identity *id, char key[128])
{
	int n = snprintf(key, 128, "%" PRIx64 ":%" PRIx64 ":%" PRIx64 ":%" PRIx64 ":%" PRIx64,
			 id->dev, id->ino, id->size, (uint64_t)id->mtime_ns,
			 (uint64_t)id->ctime_ns);

	return (struct str){key, (size_t)n};
}

struct verdict *verdicts_of_file(struct verdicts *v, const struct file_identity *id, bool trusted)
{
	struct verdict *verdict = NULL;
	struct known_file *file;
	char key[128];

	pthread_mutex_lock(&v->lock);
	file = map_get(&v->files, key_of(id, key));
	if (file && (trusted || !file->trusted)) {
		file->look = v->look;
		verdict = of_content(v, file->digest);
	}
	pthread_mutex_unlock(&v->lock);
	return verdict;
}

/* ---- adding ---------------------------------------------------------------------------------- */

int verdicts_add(struct verdicts *v, struct verdict *verdict, struct error *err)
{
	void *old = NULL;

	if (map_put(&v->contents, str_of(verdict->digest), verdict, &old) < 0)
		return err_nomem(err, "the verdicts on plugins");
	verdict_ref(verdict);
	verdict_unref(old);
	return 0;
}

int verdicts_put(struct verdicts *v, struct verdict *verdict, struct error *err)
{
	int r;

	pthread_mutex_lock(&v->lock);
	verdict->used_at = clock_realtime_ns() / SECOND;
	r = verdicts_add(v, verdict, err);
	v->changed = true;
	pthread_mutex_unlock(&v->lock);
	return r;
}

int verdicts_add_file(struct verdicts *v, const struct known_file *file, struct error *err)
{
	struct known_file *copy = malloc(sizeof(*copy));
	void *old = NULL;
	char key[128];

	if (copy)
		*copy = *file;
	if (!copy || map_put(&v->files, key_of(&file->identity, key), copy, &old) < 0) {
		free(copy);
		return err_nomem(err, "the verdicts on plugins");
	}
	free(old);
	return 0;
}

int verdicts_put_file(struct verdicts *v,
		      const struct file_identity *id,
		      bool trusted,
		      const char *digest,
		      struct error *err)
{
	struct known_file file = {.identity = *id, .trusted = trusted};
	int r;

	memcpy(file.digest, digest, SHA256_HEX_SIZE);
	pthread_mutex_lock(&v->lock);
	file.look = v->look;
	r = verdicts_add_file(v, &file, err);
	v->changed = true;
	pthread_mutex_unlock(&v->lock);
	return r;
}

/* ---- judging --------------------------------------------------------------------------------- */

static int
copy_executors(struct verdict *to, const struct verdict_executor *from, size_t n, struct error *err)
{
	struct verdict_executor *copy = arena_array(&to->arena, n, sizeof(*copy));

	if (!copy)
		return err_nomem(err, "a verdict");
	for (size_t i = 0; i < n; i++) {
		copy[i] = from[i];
		copy[i].name = arena_strdup(&to->arena, from[i].name);
		if (!copy[i].name)
			return err_nomem(err, "a verdict");
	}
	to->executors = copy;
	to->n_executors = n;
	return 0;
}

int verdicts_judge(struct verdicts *v,
		   struct verdict *verdict,
		   enum plugin_state state,
		   const char *reason,
		   bool probed,
		   const struct verdict_executor *executors,
		   size_t n_executors,
		   struct error *err)
{
	const char *copy;
	int r = 0;

	pthread_mutex_lock(&v->lock);
	copy = arena_strdup(&verdict->arena, reason ? reason : "");
	if (!copy)
		r = err_nomem(err, "a verdict");
	else
		r = copy_executors(verdict, executors, n_executors, err);
	if (r == 0) {
		verdict->state = state;
		verdict->reason = copy;
		verdict->probed = probed;
		v->changed = true;
	}
	pthread_mutex_unlock(&v->lock);
	return r;
}
