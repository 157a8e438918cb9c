/* Where inside a value something is: [2].weights["a b"]. Frames live on the stack of whatever walks
 * the value; a NULL frame is the value itself. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

struct place {
	const struct place *up;
	size_t index;
	struct str key;
	bool has_key;
};

static inline struct place place_index(const struct place *up, size_t index)
{
	return (struct place){.up = up, .index = index};
}

static inline struct place place_key(const struct place *up, struct str key)
{
	return (struct place){.up = up, .key = key, .has_key = true};
}

/* Text of others for a sentence: cut between characters when it is long, without control
 * characters. As a value, so that shown("…").text can stand among arguments. */
struct shown {
	char text[72];
};
struct shown shown(struct str s);

/* Appends nothing for NULL. With `first` a leading key has no dot. */
void place_print(const struct place *at, bool first, struct buf *out);
