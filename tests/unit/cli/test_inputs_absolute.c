#include "cli/inputs_absolute.h"
#include "lib/test.h"

#include <unistd.h>

/* Blobs with these URIs: alone, in a list, in a map, in a union. */
static Literal *blob(struct arena *a, const char *uri)
{
	Literal *lit = arena_zalloc(a, sizeof(*lit));
	Flyteidl__Core__Scalar *scalar = arena_zalloc(a, sizeof(*scalar));
	Flyteidl__Core__Blob *b = arena_zalloc(a, sizeof(*b));

	CHECK(lit && scalar && b);
	flyteidl__core__literal__init(lit);
	flyteidl__core__scalar__init(scalar);
	flyteidl__core__blob__init(b);
	b->uri = arena_strdup(a, uri);
	scalar->value_case = FLYTEIDL__CORE__SCALAR__VALUE_BLOB;
	scalar->blob = b;
	lit->value_case = FLYTEIDL__CORE__LITERAL__VALUE_SCALAR;
	lit->scalar = scalar;
	return lit;
}

static LiteralMap *map_of(struct arena *a, Literal *lit)
{
	LiteralMap *map = arena_zalloc(a, sizeof(*map));
	Flyteidl__Core__LiteralMap__LiteralsEntry *e = arena_zalloc(a, sizeof(*e));

	CHECK(map && e);
	flyteidl__core__literal_map__init(map);
	flyteidl__core__literal_map__literals_entry__init(e);
	map->literals = arena_alloc(a, sizeof(*map->literals));
	CHECK(map->literals != NULL);
	map->literals[0] = e;
	map->n_literals = 1;
	e->key = arena_strdup(a, "x");
	e->value = lit;
	return map;
}

static Literal *in_list(struct arena *a, Literal *inner)
{
	Literal *lit = arena_zalloc(a, sizeof(*lit));
	Flyteidl__Core__LiteralCollection *list = arena_zalloc(a, sizeof(*list));

	CHECK(lit && list);
	flyteidl__core__literal__init(lit);
	flyteidl__core__literal_collection__init(list);
	list->literals = arena_alloc(a, sizeof(*list->literals));
	CHECK(list->literals != NULL);
	list->literals[0] = inner;
	list->n_literals = 1;
	lit->value_case = FLYTEIDL__CORE__LITERAL__VALUE_COLLECTION;
	lit->collection = list;
	return lit;
}

static Literal *in_map(struct arena *a, Literal *inner)
{
	Literal *lit = arena_zalloc(a, sizeof(*lit));

	CHECK(lit != NULL);
	flyteidl__core__literal__init(lit);
	lit->value_case = FLYTEIDL__CORE__LITERAL__VALUE_MAP;
	lit->map = map_of(a, inner);
	return lit;
}

static Literal *in_union(struct arena *a, Literal *inner)
{
	Literal *lit = arena_zalloc(a, sizeof(*lit));
	Flyteidl__Core__Scalar *scalar = arena_zalloc(a, sizeof(*scalar));
	Flyteidl__Core__Union *u = arena_zalloc(a, sizeof(*u));

	CHECK(lit && scalar && u);
	flyteidl__core__literal__init(lit);
	flyteidl__core__scalar__init(scalar);
	flyteidl__core__union__init(u);
	u->value = inner;
	scalar->value_case = FLYTEIDL__CORE__SCALAR__VALUE_UNION;
	scalar->union_ = u;
	lit->value_case = FLYTEIDL__CORE__LITERAL__VALUE_SCALAR;
	lit->scalar = scalar;
	return lit;
}

TEST(relative_paths_only)
{
	const char *dir = test_tmpdir();
	static const struct {
		const char *uri, *tail; /* NULL: unchanged */
	} cases[] = {
		{"data.csv", "/data.csv"},
		{"./data.csv", "/data.csv"},
		{"../data.csv", "/../data.csv"},
		{"a b/c", "/a b/c"},
		{"/data.csv", NULL},
		{"s3://b/k", NULL},
		{"file:///x", NULL},
		{"", NULL},
	};

	CHECK(chdir(dir) == 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena arena = ARENA_INIT;
		struct error err = ERROR_INIT;
		char expected[400];
		Literal *lit = blob(&arena, cases[i].uri);

		CHECK_OK(inputs_make_absolute(map_of(&arena, lit), &arena, &err), err);
		snprintf(expected, sizeof(expected), "%s%s", cases[i].tail ? dir : "",
			 cases[i].tail ? cases[i].tail : cases[i].uri);
		CHECK_STR(lit->scalar->blob->uri, expected);
		arena_done(&arena);
	}
	CHECK(chdir("/") == 0);
}

TEST(wherever_they_are)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	Literal *lit = blob(&arena, "x");

	CHECK(chdir("/tmp") == 0);
	CHECK_OK(inputs_make_absolute(
			 map_of(&arena, in_list(&arena, in_map(&arena, in_union(&arena, lit)))),
			 &arena, &err),
		 err);
	CHECK_STR(lit->scalar->blob->uri, "/tmp/x");
	arena_done(&arena);
}
