/* Any text as a query template: the pieces, put together with their {{…}}, are the text again. */
#include "fuzz.h"

#include "query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *last = text;
	struct query_scan scan;
	struct query_piece piece;
	size_t pieces = 0;

	query_scan_init(&scan, text, size);
	while (query_scan_next(&scan, &piece)) {
		const char *before = last;

		FUZZ_CHECK(piece.len > 0 && ++pieces <= size);
		FUZZ_CHECK(piece.ptr >= last && piece.ptr + piece.len <= scan.at);
		last = scan.at;
		if (piece.place == QUERY_TEXT) {
			FUZZ_CHECK(piece.ptr == before && piece.ptr + piece.len == last);
			continue;
		}
		FUZZ_CHECK(before[0] == '{' && before[1] == '{');
		FUZZ_CHECK(last[-1] == '}' && last[-2] == '}');
	}
	FUZZ_CHECK(last == text + size);
	return 0;
}
