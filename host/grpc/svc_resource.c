#include "grpc/svc_resource.h"

#include "base/mem.h"
#include "flyte/wire.h"
#include "store/ident.h"

/* Fields of flyteidl.admin.Resource and what is in it. */
enum {
	RESOURCE_OUTPUTS = 2,
	RESOURCE_MESSAGE = 3,
	RESOURCE_LOG_LINKS = 4,
	RESOURCE_PHASE = 5,
	RESOURCE_AGENT_ERROR = 7,
	TASK_LOG_URI = 1,
	TASK_LOG_NAME = 2,
	AGENT_ERROR_CODE = 1,
	AGENT_ERROR_KIND = 3,
	AGENT_ERROR_ORIGIN = 4,
};

void resource_writer_done(struct resource_writer *w)
{
	buf_done(&w->tail);
}

/* ---- text -------------------------------------------------------------------------------- */

void put_text_clean(struct buf *out, struct str text, size_t most)
{
	size_t end = out->len + most;

	for (size_t i = 0, n; i < text.len; i += n) {
		bool good;

		n = utf8_char(text.ptr + i, text.len - i);
		good = n > 0 && text.ptr[i] != '\0';
		if (out->len + (good ? n : 3) > end || out->failed)
			return;
		if (good)
			buf_append(out, text.ptr + i, n);
		else
			buf_puts(out, "\xef\xbf\xbd");
		n = n > 0 ? n : 1;
	}
}

static bool is_clean(struct str text)
{
	return !memchr(text.ptr, '\0', text.len) && utf8_valid(text.ptr, text.len, NULL);
}

static void put_message(struct buf *out, struct str code, struct str text)
{
	size_t mark;

	if (code.len + text.len == 0)
		return;
	if (code.len == 0 && text.len <= RESOURCE_MESSAGE_MAX && is_clean(text)) {
		wire_put_bytes(out, RESOURCE_MESSAGE, text);
		return;
	}
	mark = wire_begin(out, RESOURCE_MESSAGE);
	if (code.len > 0) {
		put_text_clean(out, code, 256);
		buf_puts(out, ": ");
	}
	if (!out->failed)
		put_text_clean(out, text, RESOURCE_MESSAGE_MAX - (out->len - mark));
	wire_end(out, mark);
}

/* ---- the parts --------------------------------------------------------------------------- */

static void put_link(struct buf *out, const char *base, uint64_t id)
{
	char text[IDENT_TEXT + 1];
	size_t link, uri;

	ident_format(id, text);
	link = wire_begin(out, RESOURCE_LOG_LINKS);
	uri = wire_begin(out, TASK_LOG_URI);
	buf_puts(out, base);
	buf_puts(out, text);
	wire_end(out, uri);
	wire_put_bytes(out, TASK_LOG_NAME, STR("taskhost"));
	wire_end(out, link);
}

static void put_number(struct buf *out, uint32_t field, uint64_t value)
{
	if (value == 0)
		return;
	wire_put_tag(out, field, WIRE_VARINT);
	wire_put_varint(out, value);
}

static void put_agent_error(struct buf *out, const struct dispatch_answer *a)
{
	size_t mark = wire_begin(out, RESOURCE_AGENT_ERROR),
	       code = wire_begin(out, AGENT_ERROR_CODE);

	put_text_clean(out, a->code, 256);
	wire_end(out, code);
	put_number(out, AGENT_ERROR_KIND, a->recoverable);
	put_number(out, AGENT_ERROR_ORIGIN, a->system_origin ? 2 : 1); /* SYSTEM, USER */
	wire_end(out, mark);
}

/* ---- heads ------------------------------------------------------------------------------- */

/* Written from its end, as each length counts what follows. */
static char *put_back(char *at, uint64_t v)
{
	char bytes[10];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		bytes[n++] = (char)(v | 0x80);
	bytes[n++] = (char)v;
	while (n > 0)
		*--at = bytes[--n];
	return at;
}

static struct str heads(struct resource_writer *w, int levels, bool outputs, size_t n_outputs)
{
	char *end = w->head + sizeof(w->head), *at = end;

	if (outputs) {
		at = put_back(at, n_outputs);
		at = put_back(at, RESOURCE_OUTPUTS << 3 | WIRE_LEN);
	}
	for (int i = 0; i < levels; i++) { /* all of them are field 1 */
		at = put_back(at, (size_t)(end - at) + n_outputs + w->tail.len);
		at = put_back(at, 1 << 3 | WIRE_LEN);
	}
	return (struct str){at, (size_t)(end - at)};
}

int resource_write(struct resource_writer *w,
		   enum resource_for what,
		   const struct dispatch_answer *a,
		   struct str ret_pieces[3],
		   struct error *err)
{
	bool inline_outputs = a->phase == PHASE_SUCCEEDED && a->outputs_kind != ROW_OUTPUTS_FILE;
	struct str outputs = inline_outputs ? a->outputs : STR_NULL;
	bool named = what == RESOURCE_GET && a->phase != PHASE_SUCCEEDED;

	buf_clear(&w->tail);
	put_message(&w->tail, named ? a->code : STR_NULL, a->message);
	if (w->log_base && what == RESOURCE_GET)
		put_link(&w->tail, w->log_base, a->id);
	put_number(&w->tail, RESOURCE_PHASE, a->phase);
	if (a->code.len > 0)
		put_agent_error(&w->tail, a);
	if (buf_check(&w->tail, "an answer", err) < 0)
		return w->tail.failed;
	ret_pieces[0] = heads(w, (int)what, inline_outputs, outputs.len);
	ret_pieces[1] = outputs;
	ret_pieces[2] = (struct str){w->tail.data, w->tail.len};
	return 0;
}
