#include "flyte/document.h"

#include "flyte/literal_parts.h"
#include "flyte/pbjson.h"

#include "desc_table.h"

static int decode(const struct message_desc *type,
		  struct str wire,
		  const char *what,
		  struct arena *arena,
		  void **ret,
		  struct error *err)
{
	if (message_decode(type, wire, NULL, arena, ret, err) == 0)
		return 0;
	return err_wrap(err, "%s", what);
}

int literal_map_decode(
	struct str wire, const char *what, struct arena *arena, LiteralMap **ret, struct error *err)
{
	void *m;
	int r = decode(MESSAGE_DESC(flyteidl__core__literal_map), wire, what, arena, &m, err);

	if (r == 0)
		*ret = m;
	return r;
}

int literal_decode(
	struct str wire, const char *what, struct arena *arena, Literal **ret, struct error *err)
{
	void *m;
	int r = decode(MESSAGE_DESC(flyteidl__core__literal), wire, what, arena, &m, err);

	if (r == 0)
		*ret = m;
	return r;
}

/* True when the slot is filled, before or now. */
#define FILL(arena, slot, name) ((slot) || ((slot) = NEW_MESSAGE(arena, name)))

static bool fill_template(struct arena *a, TaskTemplate *t)
{
	return FILL(a, t->id, flyteidl__core__identifier) &&
	       FILL(a, t->metadata, flyteidl__core__task_metadata) &&
	       FILL(a, t->interface, flyteidl__core__typed_interface) &&
	       FILL(a, t->interface->inputs, flyteidl__core__variable_map) &&
	       FILL(a, t->interface->outputs, flyteidl__core__variable_map);
}

int task_template_decode(struct str wire,
			 const char *what,
			 struct arena *arena,
			 TaskTemplate **ret,
			 struct error *err)
{
	TaskTemplate *t;
	void *m;
	int r = decode(MESSAGE_DESC(flyteidl__core__task_template), wire, what, arena, &m, err);

	if (r < 0)
		return r;
	t = m;
	if (!t->type || !*t->type)
		return err_set(err, ERR_INVALID,
			       "%s: the task template has no type; is it another kind of message?",
			       what);
	if (!fill_template(arena, t))
		return err_nomem(err, what);
	*ret = t;
	return 0;
}

int literal_type_from_json(struct str json,
			   const char *what,
			   struct arena *arena,
			   LiteralType **ret,
			   struct error *err)
{
	const struct message_desc *type = MESSAGE_DESC(flyteidl__core__literal_type);
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	void *m;
	int r = pbjson_parse(type, json, what, &wire, err);

	if (r == 0)
		r = decode(type, (struct str){wire.data, wire.len}, what, arena, &m, err);
	if (r == 0)
		*ret = m;
	return r;
}
