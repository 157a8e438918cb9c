#include "base/json.h"

#include "base/mem.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <sys/random.h>

/* ---- memory ---------------------------------------------------------------------------------- */

/* When its token buffer cannot grow, jansson drops the character and reads on, to a wrong value or
 * a failed assertion. So the first failed allocation leaves the parser at once, by longjmp, and
 * what it had allocated is freed from a list. Each block's link lies behind its last byte, so that
 * blocks stay ordinary malloc blocks, which may be freed after the parse without the list. */
struct link {
	void *prev, *next;
};

struct guard {
	jmp_buf out_of_memory;
	void *blocks;
};

static _Thread_local struct guard *guard; /* of the parse that runs in this thread */

static struct link *link_of(void *block)
{
	size_t size = malloc_usable_size(block) & ~(_Alignof(struct link) - 1);

	return (struct link *)(void *)((char *)block + (size - sizeof(struct link)));
}

static void *guarded_malloc(size_t size)
{
	const size_t extra = sizeof(struct link) + _Alignof(struct link) - 1;
	void *block;

	if (!guard)
		return malloc(size);
	block = size <= SIZE_MAX - extra ? malloc(size + extra) : NULL;
	if (!block)
		longjmp(guard->out_of_memory, 1);
	*link_of(block) = (struct link){NULL, guard->blocks};
	if (guard->blocks)
		link_of(guard->blocks)->prev = block;
	guard->blocks = block;
	return block;
}

static void guarded_free(void *block)
{
	if (guard && block) {
		const struct link *link = link_of(block);

		if (link->prev)
			link_of(link->prev)->next = link->next;
		else
			guard->blocks = link->next;
		if (link->next)
			link_of(link->next)->prev = link->prev;
	}
	free(block);
}

__attribute__((constructor)) static void use_guard(void)
{
	json_set_alloc_funcs(guarded_malloc, guarded_free);
}

/* Hash tables have a random seed, for which jansson would read a device file. It takes the first
 * seed it is given and none after that; who comes too late for this one gets jansson's own. */
static void seed_once(void)
{
	static atomic_flag done = ATOMIC_FLAG_INIT;
	size_t seed;

	if (!atomic_flag_test_and_set(&done) &&
	    getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == sizeof(seed) && seed != 0)
		json_object_seed(seed);
}

/* False when out of memory; *ret is NULL when the text is malformed. */
static bool load(struct guard *g, struct str text, json_t **ret, json_error_t *e)
{
	guard = g;
	if (setjmp(g->out_of_memory) != 0) {
		guard = NULL;
		for (void *block = g->blocks, *next; block; block = next) {
			next = link_of(block)->next;
			free(block);
		}
		return false;
	}
	*ret = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, e);
	guard = NULL;
	return true;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int report(const char *name, const json_error_t *e, struct error *err)
{
	enum json_error_code code = json_error_code(e);

	if (code == json_error_null_character)
		return err_set(err, ERR_INVALID,
			       "%s: line %d, column %d: \\u0000 is not supported in a string; "
			       "remove it or encode the bytes as base64",
			       name, e->line, e->column);
	if (code == json_error_numeric_overflow && strstr(e->text, "integer"))
		return err_set(err, ERR_INVALID,
			       "%s: line %d, column %d: integer outside -9223372036854775808 to "
			       "9223372036854775807; write it as a string or with an exponent",
			       name, e->line, e->column);
	if (code == json_error_stack_overflow)
		return err_set(err, ERR_LIMIT,
			       "%s: line %d, column %d: nested more than 2048 levels deep", name,
			       e->line, e->column);
	return err_set(err, ERR_INVALID, "%s: line %d, column %d: %s", name, e->line, e->column,
		       e->text);
}

/* jansson skips a NUL byte that follows a number; no JSON text has one. */
static int refuse_nul(struct str text, const char *name, struct error *err)
{
	const char *nul = memchr(text.ptr, '\0', text.len), *line_start = text.ptr;
	int line = 1;

	if (!nul)
		return 0;
	for (const char *p = text.ptr; (p = memchr(p, '\n', (size_t)(nul - p))) != NULL;) {
		line_start = ++p;
		line++;
	}
	return err_set(err, ERR_INVALID, "%s: line %d, column %d: NUL byte; JSON is text", name,
		       line, (int)(nul - line_start) + 1);
}

int json_parse(struct str text, const char *name, json_t **ret, struct error *err)
{
	struct guard g = {.blocks = NULL};
	json_error_t e = {.line = 0};
	json_t *v = NULL;
	int r;

	if (text.len == 0)
		return err_set(err, ERR_INVALID, "%s: empty; expected a JSON value", name);
	r = refuse_nul(text, name, err);
	if (r < 0)
		return r;
	seed_once();
	if (!load(&g, text, &v, &e))
		return err_nomem(err, name);
	if (!v)
		return report(name, &e, err);
	*ret = v;
	return 0;
}
