/* One verdict: what is kept of an inspection. */
#include "registry/verdicts_internal.h"

#include <taskhost/note.h>

#include <sys/stat.h>

struct file_identity file_identity_of(const struct stat *st)
{
	return (struct file_identity){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_ns = st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec,
		.ctime_ns = st->st_ctim.tv_sec * INT64_C(1000000000) + st->st_ctim.tv_nsec,
	};
}

bool file_identity_eq(const struct file_identity *a, const struct file_identity *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

struct verdict *verdict_alloc(const char *digest)
{
	struct verdict *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->refs = 1;
	v->reason = "";
	v->state = PLUGIN_REFUSED;
	memcpy(v->digest, digest, SHA256_HEX_SIZE - 1);
	return v;
}

struct verdict *verdict_ref(struct verdict *v)
{
	__atomic_add_fetch(&v->refs, 1, __ATOMIC_RELAXED);
	return v;
}

void verdict_unref(struct verdict *v)
{
	if (!v || __atomic_sub_fetch(&v->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	arena_done(&v->arena);
	free(v);
}

/* ---- what is kept ---------------------------------------------------------------------------- */

/* The records are read again from our own copy, so that the note does not point into the file. */
static int keep_note(struct verdict *v, const struct elf_info *elf, struct error *err)
{
	struct elf_info copy = {.n_notes = 0};

	v->records = arena_array(&v->arena, elf->n_notes, sizeof(*v->records));
	if (!v->records)
		return err_nomem(err, "a verdict");
	for (size_t i = 0; i < elf->n_notes; i++) {
		struct elf_note n = elf->notes[i];

		if (!str_is(n.owner, TH_NOTE_OWNER))
			continue;
		n.owner = STR(TH_NOTE_OWNER);
		while (n.desc.len && n.desc.ptr[n.desc.len - 1] == '\0')
			n.desc.len--;
		n.desc.ptr = arena_strndup(&v->arena, n.desc.len ? n.desc.ptr : "", n.desc.len);
		if (!n.desc.ptr)
			return err_nomem(err, "a verdict");
		v->records[v->n_records++] = n;
	}
	copy.notes = v->records;
	copy.n_notes = v->n_records;
	v->is_plugin = true;
	return note_read(&copy, &v->arena, &v->note, err);
}

static void look_at(struct verdict_library *l)
{
	struct stat st;

	if (stat(l->path, &st) == 0)
		l->identity = file_identity_of(&st);
}

/* A library that is missing, or another one of its name, comes with a change of the loader's cache,
 * so that file is one they all rest on. */
static int keep_libraries(struct verdict *v, const struct inspection *in, struct error *err)
{
	v->libraries = arena_zalloc(&v->arena, (in->n_libraries + 1) * sizeof(*v->libraries));
	if (!v->libraries)
		return err_nomem(err, "a verdict");
	for (size_t i = 0; i <= in->n_libraries; i++) {
		struct str path =
			i < in->n_libraries ? in->libraries[i].path : STR("/etc/ld.so.cache");
		struct verdict_library *l = &v->libraries[v->n_libraries];

		if (path.len == 0)
			continue;
		l->path = arena_strndup(&v->arena, path.ptr, path.len);
		if (!l->path)
			return err_nomem(err, "a verdict");
		look_at(l);
		v->n_libraries++;
	}
	return 0;
}

/* How the file could be built safer is for inspect to say, and how it is called is not of its
 * content. */
static bool remarkable(const struct finding *f)
{
	return f->level == FINDING_WARN && !streq(f->rule, "weak-hardening") &&
	       !streq(f->rule, "file-name");
}

static int
keep_reason(struct verdict *v, const struct inspection *in, const char *why, struct error *err)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	int r;

	if (why)
		buf_puts(&text, why);
	for (size_t i = 0; !why && i < in->n_findings; i++) {
		if (!remarkable(&in->findings[i]))
			continue;
		buf_puts(&text, text.len ? "; " : "");
		buf_append(&text, in->findings[i].text.ptr, in->findings[i].text.len);
	}
	r = buf_check(&text, "a verdict", err);
	if (r < 0)
		return r;
	v->reason = arena_strndup(&v->arena, text.data ? text.data : "", text.len);
	return v->reason ? 0 : err_nomem(err, "a verdict");
}

int verdict_new(const char digest[SHA256_HEX_SIZE],
		const struct inspection *in,
		enum plugin_state state,
		const char *why,
		struct verdict **ret,
		struct error *err)
{
	struct verdict *v = verdict_alloc(digest);
	int r;

	if (!v)
		return err_nomem(err, "a verdict");
	v->state = state;
	v->loadable = state == PLUGIN_ACTIVE;
	r = keep_reason(v, in, why, err);
	if (r == 0)
		r = keep_libraries(v, in, err);
	if (r == 0 && in->is_plugin)
		r = keep_note(v, &in->elf, err);
	if (r < 0) {
		verdict_unref(v);
		return r;
	}
	*ret = v;
	return 0;
}
