/* The tabs a plugin opens, and the page deck.html that shows them (contract 6.4). */
#pragma once

#include "abi/load.h"
#include "base/buf.h"
#include "flyte/literal.h"
#include "task/timeline.h"

#define DECKS_MAX      1000
#define DECK_BYTES_MAX ((size_t)64 << 20) /* all decks of an execution together */

struct decks;

struct th_deck {
	struct decks *all;
	char *name;
	struct buf html;
};

struct decks {
	struct th_deck *items[DECKS_MAX]; /* in the order they were opened */
	size_t n;
	size_t bytes;
};

struct decks *decks_new(void); /* NULL when out of memory */
void decks_free(struct decks *d);

/* ERR_LIMIT, ERR_NOMEM. */
int decks_open(struct decks *d, struct str name, struct th_deck **ret);

/* A newline and the text, as it is or escaped. ERR_LIMIT, ERR_NOMEM; nothing is added then. */
int deck_append(struct th_deck *deck, struct str text, bool escape);

/* What a page shows. Tabs come in flytekit's order: Timeline, the plugin's own, Source Code,
 * Dependencies, Input, Output. NULL members are left out. */
struct deck_page {
	const struct timeline *timeline;
	const struct decks *decks;
	const struct plugin *plugin;
	const LiteralMap *inputs, *outputs;
};

/* The whole page; it needs nothing from elsewhere. */
int deck_render(const struct deck_page *page, struct buf *out, struct error *err);
