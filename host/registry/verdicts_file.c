/* The tables as JSON:
 *
 *   {"format":1,"abi":"1.0","inspector":1,"host":"0.1.0",
 *    "verdicts":[{"digest":"…","state":"active","reason":"","plugin":true,
 *                 "loadable":true,"probed":true,"used":SECONDS,"executors":[["name",16]],
 *                 "libraries":[["path",IDENTITY]],"records":[[type,"text"]]}],
 *    "files":[["digest",trusted,IDENTITY]]}
 *   IDENTITY: dev, ino, size, mtime, ctime (ns)
 *
 * It may change in any way with a new "format": another one is left aside. */
#include "registry/verdicts_internal.h"

#include "base/clock.h"
#include "base/json.h"

#include <taskhost/note.h>
#include <taskhost/plugin-api.h>

#include <stdio.h>

#define FORMAT  1
#define KEEP_S  (INT64_C(30) * 24 * 3600)
#define SECOND  INT64_C(1000000000)
#define ID_SIZE 5

static const char *const states[] = {
	[PLUGIN_ACTIVE] = "active",
	[PLUGIN_REFUSED] = "refused",
	[PLUGIN_QUARANTINED] = "quarantined",
	[PLUGIN_NOT_A_PLUGIN] = "none",
};

static const char *abi_text(char text[32])
{
	snprintf(text, 32, "%u.%u", TH_ABI_MAJOR, TH_ABI_MINOR);
	return text;
}

/* ---- printing -------------------------------------------------------------------------------- */

static void print_identity(struct jw *w, const struct file_identity *id)
{
	jw_uint(w, id->dev);
	jw_uint(w, id->ino);
	jw_uint(w, id->size);
	jw_int(w, id->mtime_ns);
	jw_int(w, id->ctime_ns);
}

static void print_parts(struct jw *w, const struct verdict *v)
{
	jw_keyz(w, "executors");
	jw_array_begin(w);
	for (size_t i = 0; i < v->n_executors; i++) {
		jw_array_begin(w);
		jw_strz(w, v->executors[i].name);
		jw_uint(w, v->executors[i].max_inflight);
		jw_array_end(w);
	}
	jw_array_end(w);
	jw_keyz(w, "libraries");
	jw_array_begin(w);
	for (size_t i = 0; i < v->n_libraries; i++) {
		jw_array_begin(w);
		jw_strz(w, v->libraries[i].path);
		print_identity(w, &v->libraries[i].identity);
		jw_array_end(w);
	}
	jw_array_end(w);
	jw_keyz(w, "records");
	jw_array_begin(w);
	for (size_t i = 0; i < v->n_records; i++) {
		jw_array_begin(w);
		jw_uint(w, v->records[i].type);
		jw_str(w, v->records[i].desc);
		jw_array_end(w);
	}
	jw_array_end(w);
}

static void print_verdict(struct jw *w, const struct verdict *v)
{
	/* What could not be run is tried again by the next process. */
	bool unknown = v->loadable && !v->probed;

	jw_object_begin(w);
	jw_kv_strz(w, "digest", v->digest);
	jw_kv_strz(w, "state", states[unknown ? PLUGIN_ACTIVE : v->state]);
	jw_kv_strz(w, "reason", unknown && v->state != PLUGIN_ACTIVE ? "" : v->reason);
	jw_kv_bool(w, "plugin", v->is_plugin);
	jw_kv_bool(w, "loadable", v->loadable);
	jw_kv_bool(w, "probed", v->probed);
	jw_kv_int(w, "used", v->used_at);
	print_parts(w, v);
	jw_object_end(w);
}

int verdicts_print(const struct verdicts *v, struct buf *out, struct error *err)
{
	int64_t oldest = clock_realtime_ns() / SECOND - KEEP_S;
	struct jw w = JW_INIT(out, 0);
	char abi[32];

	jw_object_begin(&w);
	jw_kv_int(&w, "format", FORMAT);
	jw_kv_strz(&w, "abi", abi_text(abi));
	jw_kv_int(&w, "inspector", VERDICTS_INSPECTOR);
	jw_kv_strz(&w, "host", TASKHOST_VERSION);
	jw_keyz(&w, "verdicts");
	jw_array_begin(&w);
	map_foreach (&v->contents, e) {
		const struct verdict *verdict = e->value;

		if (verdict->used_at >= oldest)
			print_verdict(&w, verdict);
	}
	jw_array_end(&w);
	jw_keyz(&w, "files");
	jw_array_begin(&w);
	map_foreach (&v->files, e) {
		const struct known_file *f = e->value;

		if (f->look != v->look)
			continue;
		jw_array_begin(&w);
		jw_strz(&w, f->digest);
		jw_bool(&w, f->trusted);
		print_identity(&w, &f->identity);
		jw_array_end(&w);
	}
	jw_array_end(&w);
	jw_object_end(&w);
	return buf_check(out, "the verdicts on plugins", err);
}

/* ---- parsing --------------------------------------------------------------------------------- */

static bool read_identity(const json_t *list, size_t at, struct file_identity *ret)
{
	json_int_t n[ID_SIZE];

	if (json_array_size(list) != at + ID_SIZE)
		return false;
	for (size_t i = 0; i < ID_SIZE; i++) {
		const json_t *item = json_array_get(list, at + i);

		if (!json_is_integer(item))
			return false;
		n[i] = json_integer_value(item);
	}
	*ret = (struct file_identity){(uint64_t)n[0], (uint64_t)n[1], (uint64_t)n[2], n[3], n[4]};
	return true;
}

static bool read_digest(const json_t *text, char ret[SHA256_HEX_SIZE])
{
	if (json_string_length(text) != SHA256_HEX_SIZE - 1)
		return false;
	memcpy(ret, json_string_value(text), SHA256_HEX_SIZE);
	return strspn(ret, "0123456789abcdef") == SHA256_HEX_SIZE - 1;
}

static const char *copy_text(struct verdict *v, const json_t *text)
{
	return json_is_string(text) ? arena_strdup(&v->arena, json_string_value(text)) : NULL;
}

static bool read_libraries(struct verdict *v, const json_t *list)
{
	const json_t *item;
	size_t i;

	v->libraries = arena_array(&v->arena, json_array_size(list), sizeof(*v->libraries));
	if (!json_is_array(list) || !v->libraries)
		return false;
	json_array_foreach(list, i, item)
	{
		struct verdict_library *l = &v->libraries[v->n_libraries++];

		l->path = copy_text(v, json_array_get(item, 0));
		if (!l->path || !read_identity(item, 1, &l->identity))
			return false;
	}
	return true;
}

static bool read_executors(struct verdict *v, const json_t *list)
{
	struct verdict_executor *to;
	const json_t *item;
	size_t i;

	to = arena_array(&v->arena, json_array_size(list), sizeof(*to));
	if (!json_is_array(list) || !to)
		return false;
	json_array_foreach(list, i, item)
	{
		json_int_t n = json_integer_value(json_array_get(item, 1));

		to[i].name = copy_text(v, json_array_get(item, 0));
		to[i].max_inflight = (uint32_t)n;
		if (!to[i].name || n < 0 || n > UINT32_MAX)
			return false;
	}
	v->executors = to;
	v->n_executors = json_array_size(list);
	return true;
}

static bool read_records(struct verdict *v, const json_t *list)
{
	struct elf_info elf = {.n_notes = 0};
	const json_t *item;
	size_t i;

	v->records = arena_array(&v->arena, json_array_size(list), sizeof(*v->records));
	if (!json_is_array(list) || !v->records)
		return false;
	json_array_foreach(list, i, item)
	{
		struct elf_note *n = &v->records[v->n_records++];
		const char *text = copy_text(v, json_array_get(item, 1));
		const json_t *type = json_array_get(item, 0);

		if (!text || !json_is_integer(type))
			return false;
		n->type = (uint32_t)json_integer_value(type);
		n->owner = STR(TH_NOTE_OWNER);
		n->desc = str_of(text);
	}
	elf.notes = v->records;
	elf.n_notes = v->n_records;
	return !v->is_plugin || note_read(&elf, &v->arena, &v->note, NULL) == 0;
}

static bool read_state(struct verdict *v, const json_t *from)
{
	const char *state = json_string_value(json_object_get(from, "state"));
	size_t i = 0;

	while (state && i < ARRAY_LEN(states) && !streq(state, states[i]))
		i++;
	if (!state || i == ARRAY_LEN(states))
		return false;
	v->state = (enum plugin_state)i;
	v->reason = copy_text(v, json_object_get(from, "reason"));
	v->is_plugin = json_is_true(json_object_get(from, "plugin"));
	v->loadable = json_is_true(json_object_get(from, "loadable"));
	v->probed = json_is_true(json_object_get(from, "probed"));
	v->used_at = json_integer_value(json_object_get(from, "used"));
	return v->reason && (v->is_plugin || !v->loadable) &&
	       (v->loadable || v->state != PLUGIN_ACTIVE);
}

static int read_verdict(struct verdicts *v, const json_t *from, struct error *err)
{
	char digest[SHA256_HEX_SIZE];
	struct verdict *verdict;
	int r = ERR_INVALID;

	if (!read_digest(json_object_get(from, "digest"), digest))
		return err_set(err, r, "a digest is none");
	verdict = verdict_alloc(digest);
	if (!verdict)
		return err_nomem(err, "the verdicts on plugins");
	if (read_state(verdict, from) &&
	    read_libraries(verdict, json_object_get(from, "libraries")) &&
	    read_executors(verdict, json_object_get(from, "executors")) &&
	    read_records(verdict, json_object_get(from, "records")))
		r = verdicts_add(v, verdict, err);
	else
		err_set(err, r, "the verdict on %s makes no sense", digest);
	verdict_unref(verdict);
	return r;
}

static int read_file(struct verdicts *v, const json_t *from, struct error *err)
{
	struct known_file f = {.trusted = json_is_true(json_array_get(from, 1))};

	if (!read_digest(json_array_get(from, 0), f.digest) || !read_identity(from, 2, &f.identity))
		return err_set(err, ERR_INVALID, "the identity of a file makes no sense");
	return verdicts_add_file(v, &f, err);
}

static int read_tables(struct verdicts *v, const json_t *root, struct error *err)
{
	const char *abi = json_string_value(json_object_get(root, "abi"));
	const char *host = json_string_value(json_object_get(root, "host"));
	const json_t *item;
	char ours[32];
	size_t i;
	int r = 0;

	if (json_integer_value(json_object_get(root, "format")) != FORMAT || !abi ||
	    !streq(abi, abi_text(ours)) || !host || !streq(host, TASKHOST_VERSION) ||
	    json_integer_value(json_object_get(root, "inspector")) != VERDICTS_INSPECTOR)
		return err_set(err, ERR_INVALID, "it was written by another version");
	json_array_foreach(json_object_get(root, "verdicts"), i, item)
	{
		if (r == 0)
			r = read_verdict(v, item, err);
	}
	json_array_foreach(json_object_get(root, "files"), i, item)
	{
		if (r == 0)
			r = read_file(v, item, err);
	}
	return r;
}

int verdicts_parse(struct verdicts *v, struct str text, const char *name, struct error *err)
{
	json_t *root = NULL;
	int r = json_parse(text, name, &root, err);

	if (r < 0)
		return r;
	r = read_tables(v, root, err);
	json_decref(root);
	return r < 0 ? err_wrap(err, "%s", name) : 0;
}
