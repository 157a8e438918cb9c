/* What wire_check has accepted before, by its bytes: requests come with the same task template again
 * and again, and it is most of what there is to check in a small one. For messages of one type,
 * wherever they are part of another, and for one depth limit. Not thread-safe. */
#pragma once

#include "base/map.h"
#include "flyte/desc.h"

struct wire_known {
	const struct message_desc *type;
	/* private */
	struct map accepted;
	size_t last; /* index of the one found last: often the next one too */
};

#define WIRE_KNOWN_INIT(type_)                                                                     \
	{                                                                                          \
		.type = (type_), .accepted = MAP_INIT                                              \
	}

void wire_known_done(struct wire_known *k);

/* How the walk over it ended. */
struct wire_part {
	size_t decoded; /* bytes that decoding allocates, never less */
	unsigned flags; /* enum wire_flag */
	unsigned depth; /* at which it was found */
};

/* NULL when these bytes were not seen at this depth. */
const struct wire_part *wire_known_find(struct wire_known *k, struct str wire, unsigned depth);

/* Without memory, or when it is large, it is not kept. From time to time all is forgotten. */
void wire_known_add(struct wire_known *k, struct str wire, const struct wire_part *part);
