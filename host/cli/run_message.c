#include "cli/run_message.h"

#include "base/mem.h"
#include "flyte/wire.h"

#include <string.h>

/* ---- fields ---------------------------------------------------------------------------------- */

enum part_kind {
	PART_BYTES,  /* anything */
	PART_TEXT,   /* UTF-8 without U+0000 */
	PART_NUMBER, /* 0 to `most` */
	PART_FLAG,
};

/* Where field number i + 1 of a message is kept. */
struct part {
	const char *name;
	enum part_kind kind;
	size_t offset;
	size_t size; /* of a number */
	uint64_t most;
};

#define PART(type, part_kind, member, limit)                                                       \
	{                                                                                          \
		.name = #member, .kind = part_kind, .offset = offsetof(type, member),              \
		.size = sizeof(((type *)NULL)->member), .most = limit                              \
	}
#define CONTEXT(kind, member, most)  PART(struct run_context, kind, member, most)
#define DOCUMENT(kind, member, most) PART(struct run_document, kind, member, most)

static const struct part context_parts[] = {
	CONTEXT(PART_TEXT, execution, 0),       CONTEXT(PART_NUMBER, run, UINT32_MAX),
	CONTEXT(PART_NUMBER, runs, UINT32_MAX), CONTEXT(PART_TEXT, task, 0),
	CONTEXT(PART_TEXT, executor, 0),        CONTEXT(PART_TEXT, output_prefix, 0),
	CONTEXT(PART_TEXT, raw_prefix, 0),      CONTEXT(PART_TEXT, node, 0),
	CONTEXT(PART_BYTES, metadata, 0),       CONTEXT(PART_TEXT, work, 0),
	CONTEXT(PART_FLAG, checked, 1),
};

static const struct part document_parts[] = {
	DOCUMENT(PART_NUMBER, kind, RUN_DOCUMENT_STOPPED),
	DOCUMENT(PART_BYTES, outputs, 0),
	DOCUMENT(PART_TEXT, file_name, 0),
	DOCUMENT(PART_FLAG, ignored, 1),
	DOCUMENT(PART_BYTES, deck, 0),
	DOCUMENT(PART_BYTES, error_document, 0),
	DOCUMENT(PART_TEXT, code, 0),
	DOCUMENT(PART_TEXT, message, 0),
	DOCUMENT(PART_FLAG, recoverable, 1),
	DOCUMENT(PART_FLAG, system_origin, 1),
	DOCUMENT(PART_NUMBER, cpu_ns, INT64_MAX),
};

static uint64_t number_of(const struct part *p, const void *message)
{
	const char *at = (const char *)message + p->offset;
	uint64_t wide;
	uint32_t narrow;

	if (p->kind == PART_FLAG)
		return *(const bool *)(const void *)at;
	if (p->size == sizeof(narrow)) {
		memcpy(&narrow, at, sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, at, sizeof(wide));
	return wide;
}

static void set_number(const struct part *p, void *message, uint64_t v)
{
	char *at = (char *)message + p->offset;
	uint32_t narrow = (uint32_t)v;

	if (p->kind == PART_FLAG)
		*(bool *)(void *)at = v != 0;
	else if (p->size == sizeof(narrow))
		memcpy(at, &narrow, sizeof(narrow));
	else
		memcpy(at, &v, sizeof(v));
}

static bool is_number(const struct part *p)
{
	return p->kind == PART_NUMBER || p->kind == PART_FLAG;
}

static const struct str *bytes_of(const struct part *p, const void *message)
{
	return (const struct str *)(const void *)((const char *)message + p->offset);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Zeros and empty spans are left out. */
static int write_parts(const struct part *parts,
		       size_t n,
		       const void *message,
		       const char *what,
		       struct buf *out,
		       struct error *err)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct part *p = &parts[i];

		if (!is_number(p)) {
			struct str s = *bytes_of(p, message);

			if (s.len > WIRE_LEN_MAX)
				return err_set(err, ERR_LIMIT, "%s: %s is 2 GiB or more", what,
					       p->name);
			if (s.len > 0)
				wire_put_bytes(out, i + 1, s);
		} else if (number_of(p, message) != 0) {
			wire_put_tag(out, i + 1, WIRE_VARINT);
			wire_put_varint(out, number_of(p, message));
		}
	}
	return buf_check(out, what, err);
}

int run_context_write(const struct run_context *c, struct buf *out, struct error *err)
{
	return write_parts(context_parts, ARRAY_LEN(context_parts), c, "the context of a run", out,
			   err);
}

int run_document_write(const struct run_document *d, struct buf *out, struct error *err)
{
	return write_parts(document_parts, ARRAY_LEN(document_parts), d, "the result of a run", out,
			   err);
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool is_text(struct str s)
{
	return utf8_valid(s.ptr, s.len, NULL) && (s.len == 0 || !memchr(s.ptr, '\0', s.len));
}

/* What is wrong with the value of a field; NULL when it is fine and kept. */
static const char *take_part(const struct part *p, const struct view_field *f, void *message)
{
	if (is_number(p)) {
		if (f->wire_type != WIRE_VARINT)
			return "is no number";
		if (f->value > p->most)
			return "is too large";
		set_number(p, message, f->value);
		return NULL;
	}
	if (f->wire_type != WIRE_LEN)
		return "is no text";
	if (p->kind == PART_TEXT && !is_text(f->bytes))
		return "is not UTF-8 text";
	*(struct str *)(void *)((char *)message + p->offset) = f->bytes;
	return NULL;
}

static int read_parts(const struct part *parts,
		      size_t n,
		      const char *what,
		      struct str bytes,
		      void *message,
		      struct error *err)
{
	struct view v = view_of(bytes);
	struct view_field f;
	uint32_t seen = 0;
	int more;

	for (uint32_t i = 0; i < n; i++)
		if (!is_number(&parts[i]))
			*(struct str *)(void *)((char *)message + parts[i].offset) = STR("");
	while ((more = view_next(&v, &f)) > 0) {
		const char *fault;

		if (f.number > n)
			return err_set(err, ERR_INVALID, "%s: unknown field %u", what, f.number);
		fault = take_part(&parts[f.number - 1], &f, message);
		if (!fault && (seen & (1U << f.number)))
			fault = "is there twice";
		if (fault)
			return err_set(err, ERR_INVALID, "%s: %s %s", what,
				       parts[f.number - 1].name, fault);
		seen |= 1U << f.number;
	}
	return more < 0 ? err_set(err, ERR_INVALID, "%s: damaged", what) : 0;
}

int run_context_read(struct str bytes, struct run_context *ret, struct error *err)
{
	static const char what[] = "the context of a run";
	struct run_context c = {.run = 0};
	int r = read_parts(context_parts, ARRAY_LEN(context_parts), what, bytes, &c, err);

	if (r < 0)
		return r;
	if ((c.task.len == 0) == (c.executor.len == 0))
		return err_set(err, ERR_INVALID, "%s: exactly one of task and executor is needed",
			       what);
	*ret = c;
	return 0;
}

/* The runner may have been taken over by its plugin: what makes no sense is refused. */
static const char *document_fault(const struct run_document *d)
{
	switch (d->kind) {
	case RUN_DOCUMENT_OUTPUTS:
		if (d->file_name.len > 0 && !str_is(d->file_name, "futures.pb"))
			return "outputs of an unknown kind";
		if (d->code.len > 0 || d->error_document.len > 0)
			return "both outputs and an error";
		if (d->ignored && (d->outputs.len > 0 || d->file_name.len > 0))
			return "outputs although they are ignored";
		return NULL;
	case RUN_DOCUMENT_ERROR:
	case RUN_DOCUMENT_STOPPED:
		if (d->outputs.len > 0 || d->file_name.len > 0 || d->ignored)
			return "both outputs and an error";
		if (d->code.len == 0)
			return "an error without a code";
		return NULL;
	}
	return "no kind";
}

int run_document_read(struct str bytes, struct run_document *ret, struct error *err)
{
	static const char what[] = "the result of a run";
	struct run_document d = {.cpu_ns = 0};
	const char *fault;
	int r = read_parts(document_parts, ARRAY_LEN(document_parts), what, bytes, &d, err);

	if (r < 0)
		return r;
	fault = document_fault(&d);
	if (fault)
		return err_set(err, ERR_INVALID, "%s: %s", what, fault);
	*ret = d;
	return 0;
}
