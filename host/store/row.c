#include "store/row.h"

#include "base/mem.h"

/* The spans of a row, in one list for copying. */
#define ROW_SPANS(X)                                                                               \
	X(plugin)                                                                                  \
	X(type)                                                                                    \
	X(name)                                                                                    \
	X(tenant)                                                                                  \
	X(node)                                                                                    \
	X(output_prefix) X(spec) X(cause) X(cancel_reason) X(history) X(code) X(message) X(outputs)

static void move_span(struct str *s, char **at)
{
	char *to = *at;

	if (s->len > 0)
		memcpy(to, s->ptr, s->len);
	to[s->len] = '\0';
	s->ptr = to;
	*at = to + s->len + 1;
}

struct store_row *store_row_copy(const struct store_row *row)
{
	size_t size = sizeof(*row);
	struct store_row *copy;
	char *at;

#define X(span) size += row->span.len + 1;
	ROW_SPANS(X)
#undef X
	copy = malloc(size);
	if (!copy)
		return NULL;
	*copy = *row;
	at = (char *)(copy + 1);
#define X(span) move_span(&copy->span, &at);
	ROW_SPANS(X)
#undef X
	return copy;
}

void store_row_free(struct store_row *row)
{
	free(row);
}

struct row_step row_step(const struct store_row *row, size_t i)
{
	const uint8_t *p = (const uint8_t *)row->history.ptr + i * ROW_STEP_SIZE;

	return (struct row_step){
		.state = p[0],
		.run = (uint16_t)(p[2] | p[3] << 8),
		.after_ms = (uint32_t)p[4] | (uint32_t)p[5] << 8 | (uint32_t)p[6] << 16 |
			    (uint32_t)p[7] << 24,
	};
}

void row_step_pack(struct row_step step, uint8_t out[ROW_STEP_SIZE])
{
	out[0] = step.state;
	out[1] = 0;
	out[2] = (uint8_t)step.run;
	out[3] = (uint8_t)(step.run >> 8);
	for (int i = 0; i < 4; i++)
		out[4 + i] = (uint8_t)(step.after_ms >> (8 * i));
}
