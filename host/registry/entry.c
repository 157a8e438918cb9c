#include "registry/entry.h"

#include "base/file.h"

int registry_entry_set(struct registry_entry *e,
		       enum plugin_state state,
		       const char *reason,
		       struct error *err)
{
	char *copy = NULL;

	if (reason) {
		copy = strdup(reason);
		if (!copy)
			return err_nomem(err, e->path);
	}
	free(e->reason);
	e->reason = copy;
	e->state = state;
	return 0;
}

/* How the file could be built safer is for inspect to say, not for every list: a plugin made by one
 * plain compiler command has something there. */
static bool remarkable(const struct finding *f)
{
	return f->level == FINDING_WARN && !streq(f->rule, "weak-hardening");
}

int registry_entry_activate(struct registry_entry *e, struct error *err)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	int r;

	for (size_t i = 0; i < e->inspection.n_findings; i++) {
		const struct finding *f = &e->inspection.findings[i];

		if (!remarkable(f))
			continue;
		if (text.len)
			buf_puts(&text, "; ");
		buf_append(&text, f->text.ptr, f->text.len);
	}
	r = buf_check(&text, e->path, err);
	return r < 0 ? r : registry_entry_set(e, PLUGIN_ACTIVE, text.data, err);
}

/* The bytes go away after the inspection; what points into them is copied or dropped. */
static int keep(struct registry_entry *e, struct str *s, struct error *err)
{
	const char *copy = arena_strndup(&e->arena, s->ptr ? s->ptr : "", s->len);

	if (!copy)
		return err_nomem(err, e->path);
	s->ptr = copy;
	return 0;
}

static int detach(struct registry_entry *e, struct error *err)
{
	struct elf_info *elf = &e->inspection.elf;
	struct str *const strings[] = {&elf->build_id, &elf->soname, &elf->rpath, &elf->runpath};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(strings); i++)
		r = keep(e, strings[i], err);
	for (size_t i = 0; r == 0 && i < elf->n_needed; i++)
		r = keep(e, &elf->needed[i], err);
	for (size_t i = 0; r == 0 && i < e->inspection.n_libraries; i++)
		r = keep(e, &e->inspection.libraries[i].name, err);
	elf->exported = elf->undefined = NULL;
	elf->n_exported = elf->n_undefined = 0;
	elf->notes = NULL;
	elf->n_notes = 0;
	return r;
}

/* The entry says its path already. */
static const char *without_path(const struct registry_entry *e, const char *message)
{
	size_t n = strlen(e->path);

	return strncmp(message, e->path, n) == 0 && message[n] == ':' ? message + n + 2 : message;
}

/* The whole inspection; the bytes are not kept. */
static int
inspect_all(struct registry_entry *e, int fd, struct library_cache *cache, struct error *why)
{
	_cleanup_(buf_done) struct buf bytes = BUF_INIT;
	int r = file_read_fd(fd, e->path, ELF_FILE_MAX, &bytes, why);

	if (r == 0)
		r = inspect_plugin_cached(bytes.data, bytes.len, e->path, cache, &e->arena,
					  &e->inspection, why);
	return r < 0 ? r : detach(e, why);
}

static int inspect_quickly(struct registry_entry *e, int fd, struct error *why)
{
	int r = plugin_file_read(fd, e->path, &e->file, why);

	if (r == 0)
		e->inspection = e->file->inspection;
	return r;
}

static int look_at(struct registry_entry *e,
		   const struct verify_policy *policy,
		   struct library_cache *cache,
		   struct error *err)
{
	_cleanup_(closep) int fd = -1;
	_cleanup_(freep) char *resolved = NULL;
	struct error why = ERROR_INIT;
	int r;

	r = verify_open(e->path, policy, &fd, &resolved, &why);
	if (r < 0 && r != ERR_NOMEM)
		return registry_entry_set(e, PLUGIN_REFUSED, why.message, err);
	if (r == 0)
		r = cache ? inspect_all(e, fd, cache, &why) : inspect_quickly(e, fd, &why);
	if (r == ERR_NOT_FOUND)
		return registry_entry_set(e, PLUGIN_NOT_A_PLUGIN, without_path(e, why.message),
					  err);
	if (r == 0)
		r = inspection_verdict(&e->inspection, &why);
	if (r == ERR_NOMEM)
		return err_set(err, r, "%s", why.message);
	return r < 0 ? registry_entry_set(e, PLUGIN_REFUSED, without_path(e, why.message), err)
		     : registry_entry_activate(e, err);
}

int registry_entry_new(const char *path,
		       const struct verify_policy *policy,
		       struct library_cache *cache,
		       struct registry_entry **ret,
		       struct error *err)
{
	struct registry_entry *e = calloc(1, sizeof(*e));
	struct str name = str_of(path_base(path));
	int r = ERR_NOMEM;

	if (!e)
		return err_nomem(err, path);
	if (str_ends(name, ".so"))
		name.len -= 3;
	e->path = strdup(path);
	e->name = strndup(name.ptr, name.len);
	if (!e->path || !e->name)
		err_nomem(err, path);
	else if (!str_ends(str_of(path), ".so"))
		r = registry_entry_set(e, PLUGIN_NOT_A_PLUGIN, "its name does not end in .so", err);
	else
		r = look_at(e, policy, cache, err);
	if (r < 0) {
		registry_entry_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

void registry_entry_free(struct registry_entry *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->n_lost_claims; i++)
		free(e->lost_claims[i]);
	free(e->lost_claims);
	plugin_file_unref(e->file);
	arena_done(&e->arena);
	free(e->reason);
	free(e->name);
	free(e->path);
	free(e);
}

const struct note_offer *registry_offer(const struct registry_entry *e, struct str name)
{
	const struct note_plugin *n = &e->inspection.note;

	for (size_t i = 0; i < n->n_executors; i++)
		if (str_eq(n->executors[i].name, name))
			return &n->executors[i];
	for (size_t i = 0; i < n->n_tasks; i++)
		if (str_eq(n->tasks[i].name, name))
			return &n->tasks[i];
	return NULL;
}

int registry_task_note(const struct registry_entry *e,
		       struct str task,
		       const struct note_offer **ret,
		       struct error *err)
{
	int r = inspection_task(&e->inspection, task, e->file ? &e->file->arena : NULL, ret, err);

	return r < 0 ? err_wrap(err, "%s", e->path) : 0;
}
