#include "flyte/wire_known.h"

#include "base/mem.h"

#define PARTS_MAX 64u
#define BYTES_MAX ((size_t)16 << 10) /* of one */

struct kept {
	struct wire_part part;
	size_t index; /* in the map */
};

void wire_known_done(struct wire_known *k)
{
	map_done(&k->accepted, free);
	k->last = 0;
}

static const struct kept *look_up(const struct wire_known *k, struct str wire)
{
	const struct map_entry *e;

	if (wire.len > BYTES_MAX || k->last >= k->accepted.len)
		return NULL;
	e = &k->accepted.entries[k->last];
	if (str_eq((struct str){e->key, e->key_len}, wire))
		return e->value;
	return map_get(&k->accepted, wire);
}

const struct wire_part *wire_known_find(struct wire_known *k, struct str wire, unsigned depth)
{
	const struct kept *kept = look_up(k, wire);

	if (!kept || kept->part.depth != depth)
		return NULL;
	k->last = kept->index;
	return &kept->part;
}

void wire_known_add(struct wire_known *k, struct str wire, const struct wire_part *part)
{
	struct kept *kept, *found;

	if (wire.len > BYTES_MAX)
		return;
	if (k->accepted.len >= PARTS_MAX)
		wire_known_done(k);
	found = map_get(&k->accepted, wire);
	if (found) {
		found->part = *part;
		return;
	}
	kept = malloc(sizeof(*kept));
	if (!kept)
		return;
	*kept = (struct kept){*part, k->accepted.len};
	if (map_put(&k->accepted, wire, kept, NULL) < 0)
		free(kept);
}
