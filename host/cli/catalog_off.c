/* Plugins that are switched off, as the state directory remembers them:
 *
 *   {"format":1,"disabled":[{"id":"arith","reason":"…"}]} */
#include "cli/catalog_private.h"

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

#include <errno.h>
#include <unistd.h>

#define FORMAT   1
#define FILE_MAX ((size_t)4 << 20)

bool catalog_is_off(const struct catalog *c, const char *id)
{
	return map_get(&c->off, str_of(id)) != NULL;
}

static int put(struct catalog *c, struct str id, struct str reason, struct error *err)
{
	char *copy = strndup(reason.len ? reason.ptr : "", reason.len);
	void *old = NULL;

	if (!copy || map_put(&c->off, id, copy, &old) < 0) {
		free(copy);
		return err_nomem(err, "a disabled plugin");
	}
	free(old);
	return 0;
}

static int take_out(struct catalog *c, struct str id, struct error *err)
{
	struct map rest = MAP_INIT;

	map_foreach (&c->off, e) {
		struct str key = {e->key, e->key_len};

		if (str_eq(key, id) || map_put(&rest, key, e->value, NULL) == 0)
			continue;
		map_done(&rest, NULL);
		return err_nomem(err, "a disabled plugin");
	}
	free(map_get(&c->off, id));
	map_done(&c->off, NULL);
	c->off = rest;
	return 0;
}

/* ---- the file --------------------------------------------------------------------------------- */

static int read_items(struct catalog *c, const json_t *root, struct error *err)
{
	const json_t *list = json_object_get(root, "disabled"), *item;
	size_t i;
	int r = 0;

	if (json_integer_value(json_object_get(root, "format")) != FORMAT || !json_is_array(list))
		return err_set(err, ERR_INVALID, "it was written by another version");
	json_array_foreach(list, i, item)
	{
		const char *id = json_string_value(json_object_get(item, "id"));
		const char *reason = json_string_value(json_object_get(item, "reason"));

		if (r == 0 && id)
			r = put(c, str_of(id), str_of(reason ? reason : ""), err);
	}
	return r;
}

void catalog_off_load(struct catalog *c)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	json_t *root = NULL;
	int r;

	if (access(c->off_path, F_OK) < 0 && errno == ENOENT)
		return;
	r = file_read(c->off_path, FILE_MAX, &text, &err);
	if (r == 0)
		r = json_parse((struct str){text.data, text.len}, c->off_path, &root, &err);
	if (r == 0)
		r = read_items(c, root, &err);
	json_decref(root);
	if (r < 0)
		log_error("which plugins were disabled is not known, so none is: %s: %s",
			  c->off_path, err.message);
}

static int save(const struct catalog *c, struct error *err)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct jw w = JW_INIT(&text, 2);
	int r;

	jw_object_begin(&w);
	jw_kv_int(&w, "format", FORMAT);
	jw_keyz(&w, "disabled");
	jw_array_begin(&w);
	map_foreach (&c->off, e) {
		jw_object_begin(&w);
		jw_kv_str(&w, "id", (struct str){e->key, e->key_len});
		jw_kv_strz(&w, "reason", e->value);
		jw_object_end(&w);
	}
	jw_array_end(&w);
	jw_object_end(&w);
	buf_putc(&text, '\n');
	r = buf_check(&text, "the disabled plugins", err);
	return r < 0 ? r : file_write_atomic(c->off_path, text.data, text.len, 0600, true, err);
}

/* ---- switching -------------------------------------------------------------------------------- */

static bool known(const struct catalog *c, struct str id)
{
	if (catalog_plugin(c, id) || map_get(&c->off, id))
		return true;
	for (size_t i = 0; i < c->n_slots; i++) {
		const struct verdict *v = c->slots[i].file.verdict;

		if (v && v->is_plugin && str_eq(v->note.id, id))
			return true;
	}
	return false;
}

static void apply(struct catalog *c, struct str id, bool enabled)
{
	struct error err = ERROR_INIT;
	struct known_plugin *p = catalog_plugin(c, id);

	if (p && p->current && enabled)
		content_activate(p->current);
	else if (p && p->current)
		content_let_go(p->current);
	if (catalog_types_make(c, &err) < 0)
		log_error("the plugins' task types are not all known: %s", err.message);
	catalog_tell(c, NULL);
}

int catalog_set_enabled(struct catalog *c,
			struct str id,
			bool enabled,
			struct str reason,
			bool *ret_changed,
			struct error *err)
{
	struct error ignored = ERROR_INIT;
	bool off = map_get(&c->off, id) != NULL;
	int r;

	if (!known(c, id))
		return err_set(err, ERR_NOT_FOUND, "there is no plugin '" STR_FMT "'", STR_ARG(id));
	if (off == !enabled) {
		*ret_changed = false;
		return 0;
	}
	r = enabled ? take_out(c, id, err) : put(c, id, reason, err);
	if (r == 0)
		r = save(c, err);
	if (r < 0 && !off) {
		take_out(c, id, &ignored);
		return r;
	}
	if (r < 0) {
		put(c, id, STR(""), &ignored);
		return r;
	}
	log_info("plugin " STR_FMT " is %s%s" STR_FMT, STR_ARG(id),
		 enabled ? "enabled" : "disabled", reason.len ? ": " : "", STR_ARG(reason));
	apply(c, id, enabled);
	*ret_changed = true;
	return 0;
}
