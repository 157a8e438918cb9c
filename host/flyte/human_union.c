#include "flyte/human_read.h"

#define NAMED_MAX 6 /* variants named in an error */

/* One search among the variants of a union. */
struct choice {
	struct reading *r;
	const struct place *at;
	const LiteralType *type;
	const json_t *j;
	const char *forced; /* name of the variant asked for; NULL: any */

	size_t found;
	const LiteralType *fits[NAMED_MAX]; /* the first ones found */
	Literal *made;                      /* by the first one */
	size_t candidates;                  /* tried, none apart */
	const LiteralType *candidate;       /* the last of them */
};

/* By its tag ("int") or in words ("integer"). */
static int is_called(const LiteralType *variant, const char *name)
{
	_cleanup_(buf_done) struct buf words = BUF_INIT;

	if (streq(variant_tag(variant), name))
		return 1;
	type_describe(variant, &words);
	if (words.failed)
		return ERR_NOMEM;
	return streq(words.data, name);
}

static int try_variant(struct choice *c, const LiteralType *variant)
{
	Literal *made;
	int r = c->forced ? is_called(variant, c->forced) : 1;

	if (r <= 0)
		return r;
	if (!type_is_simple(variant, SIMPLE_(NONE))) {
		c->candidates++;
		c->candidate = variant;
	}
	r = read_value(c->r, c->at, c->j, variant, &made);
	if (r < 0)
		return r == ERR_MISMATCH ? 0 : r;
	if (c->found == 0)
		c->made = made;
	if (c->found < NAMED_MAX)
		c->fits[c->found] = variant;
	c->found++;
	return 0;
}

static int try_variants(struct choice *c)
{
	const UnionType *u = c->type->union_type;
	struct error *err = c->r->c.err;
	int r = 0;

	c->found = c->candidates = 0;
	c->r->c.err = NULL;
	c->r->c.trying++;
	for (size_t i = 0; r == 0 && i < u->n_variants; i++)
		r = try_variant(c, u->variants[i]);
	c->r->c.trying--;
	c->r->c.err = err;
	return r;
}

/* First with 1.0 as a float only, then, when nothing takes it, as an integer too. */
static int search(struct choice *c)
{
	bool exact = c->r->exact;
	int r;

	c->r->exact = true;
	r = try_variants(c);
	c->r->exact = exact;
	if (r == 0 && c->found == 0 && !exact)
		r = try_variants(c);
	return r;
}

/* ---- errors ---------------------------------------------------------------------------------- */

static int tell_ambiguous(struct choice *c)
{
	_cleanup_(buf_done) struct buf names = BUF_INIT;
	_cleanup_(buf_done) struct buf have = BUF_INIT;

	c->r->ambiguous = true;
	if (!c->r->c.err)
		return ERR_MISMATCH;
	for (size_t i = 0; i < c->found && i < NAMED_MAX; i++) {
		buf_puts(&names, i > 0 ? ", " : "");
		buf_printf(&names, "\"%s\"", variant_tag(c->fits[i]));
	}
	if (c->found > NAMED_MAX)
		buf_puts(&names, ", …");
	json_describe(c->j, &have);
	if (names.failed || have.failed)
		return convert_nomem(&c->r->c);
	return convert_mismatch(&c->r->c, c->at,
				"%s is ambiguous, as the variants %s all take it; choose one with "
				"{\"type\":\"%s\",\"value\":…}",
				have.data, names.data, variant_tag(c->fits[0]));
}

static int tell_unknown_name(struct choice *c, const char *name)
{
	const UnionType *u = c->type->union_type;
	_cleanup_(buf_done) struct buf names = BUF_INIT;

	if (!c->r->c.err)
		return ERR_MISMATCH;
	for (size_t i = 0; i < u->n_variants && i < NAMED_MAX; i++)
		buf_printf(&names, "%s\"%s\"", i > 0 ? ", " : "", variant_tag(u->variants[i]));
	if (names.failed)
		return convert_nomem(&c->r->c);
	return convert_mismatch(&c->r->c, c->at,
				"the union has no variant called \"%s\"; its variants are %s",
				shown(str_of(name)).text, names.data);
}

/* With one candidate its own reason says most. */
static int tell_none(struct choice *c)
{
	Literal *made;
	int r;

	if (!c->r->c.err)
		return ERR_MISMATCH;
	if (c->candidates != 1 || (!c->forced && !json_is_array(c->j) && !json_is_object(c->j)))
		return read_expected(c->r, c->at, NULL, c->type, c->j);
	r = read_value(c->r, c->at, c->j, c->candidate, &made);
	return r == 0 ? ERR_MISMATCH : r;
}

/* ---- the form that names a variant ----------------------------------------------------------- */

static const char *forced_name(const json_t *j)
{
	const json_t *type = json_object_get(j, "type");

	return json_is_object(j) && json_object_size(j) == 2 && json_is_string(type) &&
			       json_object_get(j, "value")
		       ? json_string_value(type)
		       : NULL;
}

static int names_variant(const UnionType *u, const char *name)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < u->n_variants; i++)
		r = is_called(u->variants[i], name);
	return r;
}

int read_union(struct reading *r,
	       const struct place *at,
	       const json_t *j,
	       const LiteralType *type,
	       Literal **ret)
{
	struct choice c = {.r = r, .at = at, .type = type, .j = j};
	const char *name = forced_name(j);
	const LiteralType *variant;
	int result = name ? names_variant(type->union_type, name) : 0;

	if (result < 0)
		return convert_nomem(&r->c);
	if (result > 0) {
		c.forced = name;
		c.j = json_object_get(j, "value");
	}
	result = search(&c);
	if (result < 0)
		return result;
	if (c.found == 0)
		return name && !c.forced ? tell_unknown_name(&c, name) : tell_none(&c);
	if (c.found > 1)
		return tell_ambiguous(&c);
	variant = variant_tagged(r->c.arena, c.fits[0]);
	*ret = variant ? literal_new_union(r->c.arena, c.made, variant) : NULL;
	return *ret ? 0 : convert_nomem(&r->c);
}
