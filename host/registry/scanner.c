#include "registry/scanner.h"

#include "abi/load.h"
#include "base/file.h"
#include "base/log.h"
#include "registry/copies.h"
#include "registry/settling.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct scanner {
	struct verdicts *verdicts;
	char **dirs, **trusted;
	size_t n_dirs, n_trusted;
	bool *warned; /* that a directory is not there */
	struct verify_policy policy;
	struct copies copies;
	struct settling settling;
	uint64_t files_read;
};

/* One look under way. */
struct looking {
	struct scanner *scanner;
	struct look *look;
	struct library_cache *libraries;
	const char *dir;
	int dir_fd;
	bool trusted;
};

void look_done(struct look *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->files[i].path);
		free(l->files[i].reason);
		free(l->files[i].copy);
		verdict_unref(l->files[i].verdict);
	}
	free(l->files);
	*l = (struct look){.n = 0};
}

/* ---- one file -------------------------------------------------------------------------------- */

/* The result already says the path. */
static int
refuse(struct looked_file *f, enum look_state state, const char *reason, struct error *err)
{
	size_t n = strlen(f->path);
	const char *text =
		strncmp(reason, f->path, n) == 0 && reason[n] == ':' ? reason + n + 2 : reason;

	f->state = state;
	f->reason = strdup(text);
	return f->reason ? 0 : err_nomem(err, f->path);
}

static int settle_later(struct looking *l, struct looked_file *f)
{
	f->state = LOOK_SETTLING;
	l->look->settling = true;
	return 0;
}

/* What is wrong may only be that the rest is still to come. */
static bool may_be_cut(const struct buf *bytes)
{
	return bytes->len < SELFMAG || memcmp(bytes->data, ELFMAG, SELFMAG) == 0;
}

/* *ret stays NULL when the file is no complete ELF file yet. */
static int inspect(struct looking *l,
		   const struct looked_file *f,
		   const struct buf *bytes,
		   const char *digest,
		   bool is_young,
		   struct verdict **ret,
		   struct error *err)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	struct inspection in = {.is_plugin = false};
	enum plugin_state state = PLUGIN_ACTIVE;
	struct error why = ERROR_INIT;
	size_t n = strlen(f->path);
	const char *text = why.message;
	int r;

	if (!l->libraries)
		l->libraries = library_cache_new();
	if (!l->libraries)
		return err_nomem(err, f->path);
	r = inspect_plugin_cached(bytes->data, bytes->len, f->path, l->libraries, &arena, &in,
				  &why);
	if (r == ERR_INVALID && is_young && may_be_cut(bytes))
		return 0;
	if (r == ERR_NOT_FOUND)
		state = PLUGIN_NOT_A_PLUGIN;
	else if (r < 0)
		state = PLUGIN_REFUSED;
	else if (inspection_verdict(&in, &why) < 0)
		state = PLUGIN_REFUSED;
	if (r == ERR_NOMEM)
		return err_nomem(err, f->path);
	if (strncmp(text, f->path, n) == 0 && text[n] == ':')
		text += n + 2;
	return verdict_new(digest, &in, state, state == PLUGIN_ACTIVE ? NULL : text, ret, err);
}

/* The verdict on bytes; NULL when they are not all there yet. */
static int judge(struct looking *l,
		 const struct looked_file *f,
		 const struct buf *bytes,
		 bool is_young,
		 struct verdict **ret,
		 struct error *err)
{
	struct verdicts *known = l->scanner->verdicts;
	uint8_t digest[SHA256_SIZE];
	char hex[SHA256_HEX_SIZE];
	int r;

	sha256(bytes->data, bytes->len, digest);
	hex_encode(digest, sizeof(digest), hex);
	*ret = verdicts_of_content(known, hex);
	if (*ret)
		return 0;
	r = inspect(l, f, bytes, hex, is_young, ret, err);
	return r == 0 && *ret ? verdicts_put(known, *ret, err) : r;
}

/* Keeps the copy that will be loaded; nothing when the file has changed meanwhile. */
static int copy_out(struct looking *l, struct looked_file *f, int fd, struct error *err)
{
	struct error why = ERROR_INIT;
	bool same = false;
	int r;

	if (!f->verdict->loadable)
		return 0;
	r = copies_add(&l->scanner->copies, fd, f->verdict->digest, &same, &why);
	if (r == ERR_NOMEM)
		return err_set(err, r, "%s", why.message);
	if (r < 0) {
		verdict_unref(TAKE(f->verdict));
		return refuse(f, LOOK_REFUSED, why.message, err);
	}
	if (!same) {
		verdict_unref(TAKE(f->verdict));
		return settle_later(l, f);
	}
	f->copy = strdup(copies_get(&l->scanner->copies, f->verdict->digest));
	return f->copy ? 0 : err_nomem(err, f->path);
}

static bool unchanged(int fd, const struct file_identity *id)
{
	struct stat st;
	struct file_identity now;

	if (fstat(fd, &st) < 0)
		return false;
	now = file_identity_of(&st);
	return file_identity_eq(&now, id);
}

static int read_file(struct looking *l,
		     struct looked_file *f,
		     int fd,
		     const struct file_identity *id,
		     bool trusted,
		     struct error *err)
{
	_cleanup_(buf_done) struct buf bytes = BUF_INIT;
	struct error why = ERROR_INIT;
	int r;

	l->scanner->files_read++;
	r = file_read_fd(fd, f->path, ELF_FILE_MAX, &bytes, &why);
	if (r == ERR_NOMEM)
		return err_set(err, r, "%s", why.message);
	if (r < 0)
		return refuse(f, LOOK_REFUSED, why.message, err);
	r = judge(l, f, &bytes, settling_young(id), &f->verdict, err);
	if (r == 0 && f->verdict)
		r = copy_out(l, f, fd, err);
	if (r < 0 || f->state != LOOK_READ)
		return r;
	if (!f->verdict || !unchanged(fd, id)) {
		verdict_unref(TAKE(f->verdict));
		return settle_later(l, f);
	}
	return verdicts_put_file(l->scanner->verdicts, id, trusted, f->verdict->digest, err);
}

/* True when nothing needs to be read. */
static bool
know(struct looking *l, struct looked_file *f, const struct file_identity *id, bool trusted)
{
	struct verdict *v = verdicts_of_file(l->scanner->verdicts, id, trusted);
	const char *copy;

	if (!v)
		return false;
	copy = v->loadable ? copies_get(&l->scanner->copies, v->digest) : NULL;
	f->copy = copy ? strdup(copy) : NULL;
	if (v->loadable && !f->copy) {
		verdict_unref(v);
		return false;
	}
	f->verdict = v;
	f->state = LOOK_READ;
	return true;
}

/* A link, or what it leads to, is held to the rules as a whole each time. */
static int look_at_link(struct looking *l, struct looked_file *f, struct error *err)
{
	_cleanup_(freep) char *resolved = NULL;
	_cleanup_(closep) int fd = -1;
	struct error why = ERROR_INIT;
	struct file_identity id;
	bool settled;
	struct stat st;
	int r;

	r = verify_open(f->path, &l->scanner->policy, &fd, &resolved, &why);
	if (r == ERR_NOMEM)
		return err_set(err, r, "%s", why.message);
	if (r < 0)
		return refuse(f, LOOK_REFUSED, why.message, err);
	if (fstat(fd, &st) < 0)
		return refuse(f, LOOK_REFUSED, strerrordesc_np(errno), err);
	id = file_identity_of(&st);
	if (know(l, f, &id, true))
		return 0;
	r = settling_check(&l->scanner->settling, f->path, &id, &settled, err);
	if (r < 0)
		return r;
	return settled ? read_file(l, f, fd, &id, true, err) : settle_later(l, f);
}

static int
look_at_file(struct looking *l, struct looked_file *f, const struct stat *st, struct error *err)
{
	struct file_identity id = file_identity_of(st);
	_cleanup_(closep) int fd = -1;
	struct error why = ERROR_INIT;
	bool settled;
	int r;

	if (S_ISREG(st->st_mode)) {
		if (verify_file(f->path, st, l->trusted, NULL) == 0 && know(l, f, &id, l->trusted))
			return 0;
		r = settling_check(&l->scanner->settling, f->path, &id, &settled, err);
		if (r < 0)
			return r;
		if (!settled || (st->st_size == 0 && settling_young(&id)))
			return settle_later(l, f);
	}
	if (verify_file(f->path, st, l->trusted, &why) < 0)
		return refuse(f, LOOK_REFUSED, why.message, err);
	fd = openat(l->dir_fd, path_base(f->path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		err_set_errno(&why, ERR_IO, errno, "it cannot be read");
		return refuse(f, LOOK_REFUSED, why.message, err);
	}
	return unchanged(fd, &id) ? read_file(l, f, fd, &id, l->trusted, err) : settle_later(l, f);
}

/* ---- directories ----------------------------------------------------------------------------- */

static struct looked_file *add(struct looking *l, const char *name)
{
	struct look *look = l->look;
	struct looked_file *more;

	if (look->n == look->cap) {
		size_t cap = look->cap ? look->cap * 2 : 16;

		more = realloc(look->files, cap * sizeof(*more));
		if (!more)
			return NULL;
		look->files = more;
		look->cap = cap;
	}
	more = &look->files[look->n];
	*more = (struct looked_file){.path = path_join(l->dir, name)};
	if (!more->path)
		return NULL;
	look->n++;
	return more;
}

/* `refusal`: of the whole directory, or NULL. */
static int look_at(struct looking *l, const char *name, const char *refusal, struct error *err)
{
	struct looked_file *f;
	struct stat st;

	if (fstatat(l->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0; /* gone meanwhile */
	f = add(l, name);
	if (!f)
		return err_nomem(err, l->dir);
	if (!str_ends(str_of(name), ".so"))
		return refuse(f, LOOK_OTHER, "its name does not end in .so", err);
	if (refusal)
		return refuse(f, LOOK_REFUSED, refusal, err);
	return S_ISLNK(st.st_mode) ? look_at_link(l, f, err) : look_at_file(l, f, &st, err);
}

static int visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int look_through(struct looking *l, const char *refusal, struct error *err)
{
	struct dirent **names = NULL;
	int n = scandirat(l->dir_fd, ".", &names, visible, alphasort), r = 0;

	if (n < 0 && errno == ENOMEM)
		return err_nomem(err, l->dir);
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = look_at(l, names[i]->d_name, refusal, err);
		free(names[i]);
	}
	free(names);
	return r;
}

static int look_in(struct looking *l, size_t at, struct error *err)
{
	struct scanner *s = l->scanner;
	struct error why = ERROR_INIT;
	int r;

	l->dir = s->dirs[at];
	l->dir_fd = -1;
	r = verify_dir(l->dir, &s->policy, &l->dir_fd, &l->trusted, &why);
	if (r < 0 && l->dir_fd < 0)
		l->dir_fd = open(l->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->dir_fd < 0) {
		if (!s->warned[at])
			log_warn("plugin directory %s is skipped: %s", l->dir, why.message);
		s->warned[at] = true;
		return 0;
	}
	s->warned[at] = false;
	r = look_through(l, r < 0 ? why.message : NULL, err);
	close(l->dir_fd);
	return r;
}

int scanner_look(struct scanner *s,
		 const char *const *keep,
		 size_t n_keep,
		 struct look *ret,
		 struct error *err)
{
	_cleanup_(look_done) struct look look = {.n = 0};
	struct looking l = {.scanner = s, .look = &look};
	int r = 0;

	verdicts_look(s->verdicts);
	settling_look(&s->settling);
	for (size_t i = 0; r == 0 && i < s->n_dirs; i++)
		r = look_in(&l, i, err);
	library_cache_free(l.libraries);
	for (size_t i = 0; r == 0 && i < n_keep; i++)
		copies_keep(&s->copies, keep[i]);
	for (size_t i = 0; r == 0 && i < look.n; i++)
		if (look.files[i].verdict)
			copies_keep(&s->copies, look.files[i].verdict->digest);
	if (r < 0)
		return r;
	copies_prune(&s->copies);
	*ret = look;
	look = (struct look){.n = 0};
	return 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

static char **copy_list(const char *const *list, size_t n)
{
	char **copy = calloc(n + 1, sizeof(*copy));

	for (size_t i = 0; copy && i < n; i++) {
		copy[i] = strdup(list[i]);
		if (copy[i])
			continue;
		while (i > 0)
			free(copy[--i]);
		free(copy);
		return NULL;
	}
	return copy;
}

static void free_list(char **list, size_t n)
{
	for (size_t i = 0; list && i < n; i++)
		free(list[i]);
	free(list);
}

int scanner_new(const struct scanner_params *params,
		struct verdicts *verdicts,
		struct scanner **ret,
		struct error *err)
{
	struct scanner *s = calloc(1, sizeof(*s));

	if (!s)
		return err_nomem(err, "the plugin directories");
	s->verdicts = verdicts;
	s->n_dirs = params->n_dirs;
	s->n_trusted = params->n_trusted;
	s->dirs = copy_list(params->dirs, params->n_dirs);
	s->trusted = copy_list(params->trusted, params->n_trusted);
	s->warned = calloc(params->n_dirs + 1, sizeof(*s->warned));
	if (!s->dirs || !s->trusted || !s->warned ||
	    copies_init(&s->copies, params->store_dir, err) < 0) {
		scanner_free(s);
		return err_nomem(err, "the plugin directories");
	}
	s->policy = (struct verify_policy){(const char *const *)s->trusted, s->n_trusted};
	*ret = s;
	return 0;
}

void scanner_free(struct scanner *s)
{
	if (!s)
		return;
	settling_done(&s->settling);
	copies_done(&s->copies);
	free_list(s->dirs, s->n_dirs);
	free_list(s->trusted, s->n_trusted);
	free(s->warned);
	free(s);
}

void scanner_forget_copy(struct scanner *s, const char *digest)
{
	copies_forget(&s->copies, digest);
}

uint64_t scanner_files_read(const struct scanner *s)
{
	return s->files_read;
}
