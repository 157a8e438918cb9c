#include "task/deck.h"

#include "base/digest.h"
#include "flyte/human.h"
#include "task/html.h"

#define SHOWN_MAX    20000 /* bytes of one value */
#define BUILD_ID_MAX 64

struct decks *decks_new(void)
{
	return calloc(1, sizeof(struct decks));
}

static void deck_free(struct th_deck *deck)
{
	if (!deck)
		return;
	free(deck->name);
	buf_done(&deck->html);
	free(deck);
}

void decks_free(struct decks *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n; i++)
		deck_free(d->items[i]);
	free(d);
}

int decks_open(struct decks *d, struct str name, struct th_deck **ret)
{
	struct th_deck *deck;

	if (d->n == DECKS_MAX)
		return ERR_LIMIT;
	deck = calloc(1, sizeof(*deck));
	if (!deck)
		return ERR_NOMEM;
	deck->all = d;
	deck->name = strndup(name.len ? name.ptr : "", name.len);
	if (!deck->name) {
		free(deck);
		return ERR_NOMEM;
	}
	d->items[d->n++] = deck;
	*ret = deck;
	return 0;
}

int deck_append(struct th_deck *deck, struct str text, bool escape)
{
	size_t before = deck->html.len;

	buf_putc(&deck->html, '\n');
	if (escape)
		html_escape(text, &deck->html);
	else
		buf_append(&deck->html, text.ptr, text.len);
	if (deck->html.failed || deck->all->bytes + (deck->html.len - before) > DECK_BYTES_MAX) {
		int code = deck->html.failed ? deck->html.failed : ERR_LIMIT;

		deck->html.len = before;
		deck->html.failed = ERR_OK;
		if (deck->html.data)
			deck->html.data[before] = '\0';
		return code;
	}
	deck->all->bytes += deck->html.len - before;
	return 0;
}

/* ---- tabs ------------------------------------------------------------------------------------ */

/* Tabs are written twice, as a name and as a body; both lists come from one walk over them. */
enum part { NAMES, BODIES };

struct page_writer {
	const struct deck_page *page;
	enum part part;
	struct buf *out;
};

static void put_name(struct buf *out, const char *name)
{
	buf_puts(out, "<li onclick=\"handleLinkClick(this)\">");
	html_escape(str_of(name), out);
	buf_puts(out, "</li>");
}

static void put_row(struct buf *out, const char *name, struct str value)
{
	buf_puts(out, "<tr><td>");
	html_escape(str_of(name), out);
	buf_puts(out, "</td><td>");
	html_escape(value, out);
	buf_puts(out, "</td></tr>");
}

static void put_source(const struct plugin *p, struct buf *out)
{
	struct str id = p->inspection.elf.build_id;
	char hex[2 * BUILD_ID_MAX + 1] = "";

	if (id.len <= BUILD_ID_MAX)
		hex_encode(id.ptr, id.len, hex);
	buf_puts(out, "<table><thead><tr><th>Plugin</th><th></th></tr></thead><tbody>");
	put_row(out, "id", str_of(p->table.id));
	put_row(out, "version", str_of(p->table.version));
	put_row(out, "file", str_of(p->path));
	put_row(out, "sha256", str_of(p->digest));
	put_row(out, "build-id", str_of(hex));
	buf_puts(out, "</tbody></table>");
}

static void put_dependencies(const struct plugin *p, struct buf *out)
{
	buf_puts(out, "<table><thead><tr><th>Name</th><th>File</th></tr></thead><tbody>");
	put_row(out, "taskhost " TASKHOST_VERSION, STR(""));
	for (size_t i = 0; i < p->inspection.n_libraries; i++) {
		const struct needed_library *l = &p->inspection.libraries[i];

		buf_puts(out, "<tr><td>");
		html_escape(l->name, out);
		buf_puts(out, "</td><td>");
		html_escape(l->path, out);
		buf_puts(out, "</td></tr>");
	}
	buf_puts(out, "</tbody></table>");
}

/* The longest start of at most `max` bytes that does not cut a character. */
static size_t cut(struct str s, size_t max)
{
	if (s.len <= max)
		return s.len;
	while (max > 0 && ((unsigned char)s.ptr[max] & 0xc0) == 0x80)
		max--;
	return max;
}

static void put_value(const char *name, const Literal *lit, struct buf *out)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	struct jw w = JW_INIT(&text, 2);
	struct error err = ERROR_INIT;
	struct str shown;

	if (!lit || human_print(lit, NULL, &w, &err) < 0 || text.failed) {
		put_row(out, name, STR("(cannot be shown)"));
		return;
	}
	shown = (struct str){text.data, cut((struct str){text.data, text.len}, SHOWN_MAX)};
	buf_puts(out, "<tr><td>");
	html_escape(str_of(name), out);
	buf_puts(out, "</td><td><pre>");
	html_escape(shown, out);
	buf_puts(out, shown.len < text.len ? "…</pre></td></tr>" : "</pre></td></tr>");
}

static void put_values(const LiteralMap *map, struct buf *out)
{
	buf_puts(out, "<table><thead><tr><th>Name</th><th>Value</th></tr></thead><tbody>");
	for (size_t i = 0; i < map->n_literals; i++)
		put_value(map->literals[i]->key, map->literals[i]->value, out);
	buf_puts(out, "</tbody></table>");
}

static bool name_seen(const struct decks *d, size_t before)
{
	for (size_t i = 0; i < before; i++)
		if (streq(d->items[i]->name, d->items[before]->name))
			return true;
	return false;
}

/* Of decks with one name the last counts, at the place of the first. */
static const struct th_deck *last_of_name(const struct decks *d, size_t first)
{
	for (size_t i = d->n; i > first; i--)
		if (streq(d->items[i - 1]->name, d->items[first]->name))
			return d->items[i - 1];
	return d->items[first];
}

static void put_own(const struct page_writer *w)
{
	const struct decks *d = w->page->decks;

	for (size_t i = 0; d && i < d->n; i++) {
		const struct th_deck *deck;

		if (name_seen(d, i))
			continue;
		deck = last_of_name(d, i);
		if (w->part == NAMES) {
			put_name(w->out, deck->name);
			continue;
		}
		buf_puts(w->out, "<div>");
		buf_append(w->out, deck->html.data, deck->html.len);
		buf_puts(w->out, "</div>\n");
	}
}

static bool begin_tab(const struct page_writer *w, const char *name)
{
	if (w->part == BODIES) {
		buf_puts(w->out, "<div>");
		return true;
	}
	put_name(w->out, name);
	return false;
}

static void end_tab(const struct page_writer *w)
{
	buf_puts(w->out, "</div>\n");
}

static void put_tabs(const struct page_writer *w)
{
	const struct deck_page *p = w->page;

	if (p->timeline && begin_tab(w, "Timeline")) {
		timeline_html(p->timeline, w->out);
		end_tab(w);
	}
	put_own(w);
	if (p->plugin && begin_tab(w, "Source Code")) {
		put_source(p->plugin, w->out);
		end_tab(w);
	}
	if (p->plugin && begin_tab(w, "Dependencies")) {
		put_dependencies(p->plugin, w->out);
		end_tab(w);
	}
	if (p->inputs && begin_tab(w, "Input")) {
		put_values(p->inputs, w->out);
		end_tab(w);
	}
	if (p->outputs && begin_tab(w, "Output")) {
		put_values(p->outputs, w->out);
		end_tab(w);
	}
}

/* ---- the page -------------------------------------------------------------------------------- */

static const char page_head[] =
	"<!doctype html>\n"
	"<html lang=\"en\">\n"
	"<head>\n"
	"<meta charset=\"utf-8\">\n"
	"<title>Deck</title>\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<style>\n"
	"body { margin: 0; font-family: sans-serif; font-size: 14px; color: #222; }\n"
	"#flyte-frame-nav { border-bottom: 1px solid #ccc; }\n"
	"#flyte-frame-tabs { list-style: none; margin: 0; padding: 0; display: flex;"
	" flex-wrap: wrap; }\n"
	"#flyte-frame-tabs li { padding: 8px 16px; cursor: pointer; }\n"
	"#flyte-frame-tabs li.active { border-bottom: 3px solid #6f2aef; }\n"
	"#flyte-frame-container { padding: 16px; }\n"
	"#flyte-frame-container > div { display: none; }\n"
	"#flyte-frame-container > div.active { display: block; }\n"
	"table { border-collapse: collapse; }\n"
	"th, td { border: 1px solid #ccc; padding: 4px 8px; text-align: left;"
	" vertical-align: top; }\n"
	"pre { margin: 0; white-space: pre-wrap; }\n"
	"</style>\n"
	"</head>\n"
	"<body>\n"
	"<nav id=\"flyte-frame-nav\">\n"
	"<ul id=\"flyte-frame-tabs\">\n";

static const char page_middle[] = "\n</ul>\n"
				  "</nav>\n"
				  "<div id=\"flyte-frame-container\">\n";

static const char page_foot[] =
	"</div>\n"
	"</body>\n"
	"<script>\n"
	"const tabs = document.getElementById('flyte-frame-tabs').children;\n"
	"const bodies = document.getElementById('flyte-frame-container').children;\n"
	"for (const list of [tabs, bodies])\n"
	"  for (let i = 0; i < list.length; i++)\n"
	"    list[i].setAttribute('link_index', i + 1);\n"
	"function handleLinkClick(tab) {\n"
	"  const index = tab.getAttribute('link_index');\n"
	"  for (const list of [tabs, bodies])\n"
	"    for (const e of list)\n"
	"      e.classList.toggle('active', e.getAttribute('link_index') === index);\n"
	"}\n"
	"if (tabs.length)\n"
	"  handleLinkClick(tabs[0]);\n"
	"</script>\n"
	"</html>\n";

int deck_render(const struct deck_page *page, struct buf *out, struct error *err)
{
	struct page_writer w = {.page = page, .part = NAMES, .out = out};

	buf_puts(out, page_head);
	put_tabs(&w);
	buf_puts(out, page_middle);
	w.part = BODIES;
	put_tabs(&w);
	buf_puts(out, page_foot);
	return buf_check(out, "deck.html", err);
}
