/* Decoding costs, in nanoseconds: the wire walk alone, walk and decoding into an arena, and
 * protobuf-c's own decoding with malloc, for literal maps of 1, 10 and 100 entries. JSON out. */
#include "base/clock.h"
#include "flyte/document.h"
#include "flyte/wire.h"

#include "desc_table.h"

#include <stdio.h>

static int make(size_t n, struct arena *arena, struct buf *wire)
{
	LiteralMap map = FLYTEIDL__CORE__LITERAL_MAP__INIT;
	struct error err = ERROR_INIT;

	map.literals = arena_array(arena, n, sizeof(*map.literals));
	if (!map.literals)
		return -1;
	for (size_t i = 0; i < n; i++) {
		Flyteidl__Core__LiteralMap__LiteralsEntry *e = arena_alloc(arena, sizeof(*e));

		if (!e)
			return -1;
		flyteidl__core__literal_map__literals_entry__init(e);
		e->key = arena_printf(arena, "input_%zu", i);
		e->value = literal_new_integer(arena, (int64_t)i);
		map.literals[map.n_literals++] = e;
	}
	return message_encode(&map.base, wire, &err);
}

int main(void)
{
	printf("{");
	for (size_t n = 1; n <= 100; n *= 10) {
		struct arena arena = ARENA_INIT;
		struct buf wire = BUF_INIT;
		size_t rounds = 200000 / n;
		int64_t start, view, decode, plain;
		struct str text;

		if (make(n, &arena, &wire) < 0)
			return 1;
		text = (struct str){wire.data, wire.len};
		start = clock_monotonic_ns();
		for (size_t i = 0; i < rounds; i++)
			if (wire_check(MESSAGE_DESC(flyteidl__core__literal_map), text, NULL, NULL,
				       NULL) < 0)
				return 1;
		view = clock_monotonic_ns() - start;
		start = clock_monotonic_ns();
		for (size_t i = 0; i < rounds; i++) {
			LiteralMap *map;

			arena_clear(&arena);
			if (literal_map_decode(text, "bench", &arena, &map, NULL) < 0)
				return 1;
		}
		decode = clock_monotonic_ns() - start;
		start = clock_monotonic_ns();
		for (size_t i = 0; i < rounds; i++)
			flyteidl__core__literal_map__free_unpacked(
				flyteidl__core__literal_map__unpack(NULL, text.len,
								    (const uint8_t *)text.ptr),
				NULL);
		plain = clock_monotonic_ns() - start;
		printf("%s\"%zu\":{\"walk_ns\":%.0f,\"decode_ns\":%.0f,\"protobuf_c_malloc_ns\":%."
		       "0f}",
		       n > 1 ? "," : "", n, (double)view / (double)rounds,
		       (double)decode / (double)rounds, (double)plain / (double)rounds);
		arena_done(&arena);
		buf_done(&wire);
	}
	printf("}\n");
	return 0;
}
