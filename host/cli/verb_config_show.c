#include "cli/config_verb.h"
#include "cli/output.h"
#include "cli/verb.h"

#include "base/mem.h"

#include <stdio.h>

static const char about[] =
	"Shows every setting of the worker with its value and where that comes from:\n"
	"a flag, the environment, the file, or the default. Takes the options of 'serve'.";

static void item_json(const struct config_item *item, struct jw *w)
{
	jw_object_begin(w);
	jw_kv_strz(w, "key", item->key);
	jw_kv_strz(w, "value", item->value);
	jw_kv_strz(w, "source", config_source_name(item->origin.source));
	if (*item->origin.where)
		jw_kv_strz(w, "where", item->origin.where);
	jw_object_end(w);
}

static void
show_json(const struct worker_config *c, const struct config_item *items, size_t n, struct buf *out)
{
	struct jw w = JW_INIT(out, 2);

	jw_object_begin(&w);
	jw_keyz(&w, "settings");
	jw_array_begin(&w);
	for (size_t i = 0; i < n; i++)
		item_json(&items[i], &w);
	jw_array_end(&w);
	config_list_json(&w, "problems", &c->problems);
	config_list_json(&w, "notes", &c->notes);
	jw_object_end(&w);
	buf_putc(out, '\n');
}

static void show_text(const struct config_item *items, size_t n, struct buf *out)
{
	struct table t = TABLE_INIT(3);
	char source[600];

	table_add(&t, STR("KEY"));
	table_add(&t, STR("VALUE"));
	table_add(&t, STR("FROM"));
	for (size_t i = 0; i < n; i++) {
		const struct config_origin *o = &items[i].origin;

		snprintf(source, sizeof(source), "%s%s%.500s", config_source_name(o->source),
			 *o->where ? " " : "", o->where);
		table_add(&t, str_of(items[i].key));
		table_add(&t, str_of(*items[i].value ? items[i].value : "-"));
		table_add(&t, str_of(source));
	}
	table_print(&t, out);
	table_done(&t);
}

static int show(const char *prog, struct worker_config *c, bool json, bool good)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	struct config_item *items;
	size_t n;
	int code;

	if (config_items(c, &items, &n, &err) < 0)
		return output_error(prog, &err);
	if (json)
		show_json(c, items, n, &text);
	else
		show_text(items, n, &text);
	code = output_text(&text);
	if (!json)
		config_print_problems(prog, c);
	return code != EXIT_DONE ? code : good ? EXIT_DONE : EXIT_FAILED;
}

int verb_config_show(const char *prog, int argc, char **argv)
{
	return config_verb(prog, argc, argv, about, "taskhost config show --slots 8", show);
}
