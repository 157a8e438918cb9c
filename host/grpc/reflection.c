#include "grpc/reflection.h"

#include "base/mem.h"
#include "flyte/wire.h"
#include "grpc/call.h"

#include <stdlib.h>

/* Field numbers of the protocol. */
enum {
	ASK_HOST = 1,
	ASK_FILE = 3,
	ASK_SYMBOL = 4,
	ASK_EXTENSION = 5,
	ASK_EXTENSION_NUMBERS = 6,
	ASK_SERVICES = 7,
	ANSWER_HOST = 1,
	ANSWER_QUESTION = 2,
	ANSWER_FILES = 4,
	ANSWER_EXTENSION_NUMBERS = 5,
	ANSWER_SERVICES = 6,
	ANSWER_ERROR = 7,
};

/* What a handler gets: the set and whose services to list. Lives as long as the engine. */
struct reflection {
	struct grpc_engine *engine;
	const struct reflection_set *set;
};

/* ---- looking up -------------------------------------------------------------------------- */

static int find_file(const struct reflection_set *set, struct str name)
{
	for (size_t i = 0; i < set->n_files; i++)
		if (str_is(name, set->names + set->files[i].name))
			return (int)i;
	return -1;
}

static const struct reflection_symbol *find_symbol(const struct reflection_set *set,
						   struct str name)
{
	size_t low = 0, high = set->n_symbols;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *at = set->names + set->symbols[middle].name;
		int order = strncmp(name.ptr, at, name.len);

		if (order == 0)
			order = at[name.len] == 0 ? 0 : -1;
		if (order == 0)
			return &set->symbols[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* ---- answers ----------------------------------------------------------------------------- */

static void put_error(struct buf *out, enum grpc_status status, const char *what, struct str name)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	size_t mark = wire_begin(out, ANSWER_ERROR);

	buf_printf(&text, "%s: " STR_FMT, what, STR_ARG(name));
	wire_put_tag(out, 1, WIRE_VARINT);
	wire_put_varint(out, status);
	wire_put_bytes(out, 2, (struct str){text.data, text.len});
	wire_end(out, mark);
}

/* The file, then all it needs, each once. */
static void put_files(struct buf *out, const struct reflection_set *set, size_t first)
{
	_cleanup_(freep) bool *seen = calloc(set->n_files, sizeof(*seen));
	_cleanup_(freep) size_t *queue = calloc(set->n_files, sizeof(*queue));
	size_t n = 0, mark = wire_begin(out, ANSWER_FILES);

	if (!seen || !queue) {
		out->failed = ERR_NOMEM;
		return;
	}
	queue[n++] = first;
	seen[first] = true;
	for (size_t i = 0; i < n; i++) {
		const struct reflection_file *f = &set->files[queue[i]];

		wire_put_bytes(out, 1, (struct str){(const char *)set->bytes + f->bytes, f->len});
		for (size_t d = 0; d < f->n_deps; d++) {
			size_t dep = set->deps[f->deps + d];

			if (!seen[dep])
				queue[n++] = dep;
			seen[dep] = true;
		}
	}
	wire_end(out, mark);
}

static void put_services(struct buf *out, const struct grpc_engine *e)
{
	size_t mark = wire_begin(out, ANSWER_SERVICES);

	for (size_t i = 0; i < grpc_engine_services(e); i++) {
		size_t service = wire_begin(out, 1);

		wire_put_bytes(out, 1, str_of(grpc_engine_service(e, i)));
		wire_end(out, service);
	}
	wire_end(out, mark);
}

/* No message here has extensions. */
static void
put_extension_numbers(struct buf *out, const struct reflection_set *set, struct str type)
{
	const struct reflection_symbol *s = find_symbol(set, type);
	size_t mark;

	if (!s || !s->is_message) {
		put_error(out, GRPC_NOT_FOUND, "no such message", type);
		return;
	}
	mark = wire_begin(out, ANSWER_EXTENSION_NUMBERS);
	wire_put_bytes(out, 1, type);
	wire_end(out, mark);
}

static void put_answer(struct buf *out, const struct reflection *r, const struct view_field *ask)
{
	const struct reflection_symbol *symbol;
	int file;

	switch (ask->number) {
	case ASK_FILE:
		file = find_file(r->set, ask->bytes);
		if (file < 0)
			put_error(out, GRPC_NOT_FOUND, "no such file", ask->bytes);
		else
			put_files(out, r->set, (size_t)file);
		break;
	case ASK_SYMBOL:
		symbol = find_symbol(r->set, ask->bytes);
		if (!symbol)
			put_error(out, GRPC_NOT_FOUND, "no such symbol", ask->bytes);
		else
			put_files(out, r->set, symbol->file);
		break;
	case ASK_EXTENSION:
		put_error(out, GRPC_NOT_FOUND, "no such extension", STR("there are none"));
		break;
	case ASK_EXTENSION_NUMBERS:
		put_extension_numbers(out, r->set, ask->bytes);
		break;
	case ASK_SERVICES:
		put_services(out, r->engine);
		break;
	default:
		put_error(out, GRPC_INVALID_ARGUMENT, "the question", STR("is empty"));
		break;
	}
}

/* Reads a question: its host, and the last member of the oneof, which is the one that counts. */
static int read_question(struct str message, struct str *host, struct view_field *ask)
{
	struct view v = view_of(message);
	struct view_field f;
	int r;

	*host = STR_NULL;
	ask->number = 0;
	while ((r = view_next(&v, &f)) > 0) {
		if (f.wire_type != WIRE_LEN)
			continue;
		if (f.number == ASK_HOST)
			*host = f.bytes;
		if (f.number >= ASK_FILE && f.number <= ASK_SERVICES)
			*ask = f;
	}
	return r;
}

/* ---- the service ------------------------------------------------------------------------- */

static void start(struct grpc_call *call, void *user)
{
	grpc_call_set_user(call, user);
}

static void message(struct grpc_call *call, struct str question)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT;
	const struct reflection *r = grpc_call_user(call);
	struct error err = ERROR_INIT;
	struct view_field ask;
	struct str host;
	int sent;

	if (read_question(question, &host, &ask) < 0) {
		grpc_call_finish(call, GRPC_INTERNAL, STR("the question is not a message"));
		return;
	}
	if (host.len > 0)
		wire_put_bytes(&out, ANSWER_HOST, host);
	wire_put_bytes(&out, ANSWER_QUESTION, question);
	put_answer(&out, r, &ask);
	if (buf_check(&out, "an answer", &err) < 0) {
		grpc_call_fail(call, &err);
		return;
	}
	sent = grpc_call_send(call, &(struct str){out.data, out.len}, 1, &err);
	if (sent < 0)
		grpc_call_fail(call, &err);
	else if (sent == GRPC_FULL)
		grpc_call_pause(call); /* one who asks without reading */
}

static void half_close(struct grpc_call *call)
{
	grpc_call_finish(call, GRPC_OK, STR_NULL);
}

static void cancelled(struct grpc_call *call)
{
	grpc_call_finish(call, GRPC_CANCELLED, STR_NULL);
}

static const struct grpc_call_ops ops = {
	.message = message,
	.half_close = half_close,
	.writable = grpc_call_resume,
	.cancelled = cancelled,
};
static const struct grpc_method methods[] = {
	{"ServerReflectionInfo", GRPC_BIDI, start, &ops},
};
static const struct grpc_service services[] = {
	{"grpc.reflection.v1.ServerReflection", methods, ARRAY_LEN(methods)},
	{"grpc.reflection.v1alpha.ServerReflection", methods, ARRAY_LEN(methods)},
};

int reflection_add(struct grpc_engine *e, const struct reflection_set *set, struct error *err)
{
	struct reflection *r = grpc_engine_alloc(e, sizeof(*r));
	int code = 0;

	if (!r)
		return err_nomem(err, "reflection");
	*r = (struct reflection){e, set};
	for (size_t i = 0; i < ARRAY_LEN(services) && code == 0; i++)
		code = grpc_engine_add(e, &services[i], r, err);
	return code;
}
