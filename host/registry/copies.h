/* The private copies of plugin files, by content. Inside the layer only. */
#pragma once

#include "base/error.h"
#include "base/map.h"

struct copies {
	char *store_dir;
	struct map by_digest; /* -> struct copy */
};

/* Finds those that are there already. */
int copies_init(struct copies *c, const char *store_dir, struct error *err);
/* Those in files stay for the next time. */
void copies_done(struct copies *c);

/* The path to load; NULL when there is none. Good until copies_prune or copies_forget. */
const char *copies_get(const struct copies *c, const char *digest);

/* Copies what the descriptor holds; *ret_same is false, and nothing is kept, when that is another
 * content. */
int copies_add(struct copies *c, int fd, const char *digest, bool *ret_same, struct error *err);
void copies_forget(struct copies *c, const char *digest);

/* Removes all that copies_keep was not called for since the last time. */
void copies_keep(struct copies *c, const char *digest);
void copies_prune(struct copies *c);
