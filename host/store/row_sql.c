#include "store/row_sql.h"

#include "base/mem.h"

void step_pack(enum exec_state state, uint32_t run, uint32_t after_ms, uint8_t out[ROW_STEP_SIZE])
{
	struct row_step step = {.state = (uint8_t)state,
				.run = (uint16_t)MIN(run, UINT16_MAX),
				.after_ms = after_ms};

	row_step_pack(step, out);
}

static uint8_t *put(uint8_t *at, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		at[i] = (uint8_t)(v >> (8 * i));
	return at + bytes;
}

static uint64_t take(const uint8_t **at, int bytes)
{
	uint64_t v = 0;

	for (int i = 0; i < bytes; i++)
		v |= (uint64_t)(*at)[i] << (8 * i);
	*at += bytes;
	return v;
}

void terms_pack(const struct store_row *row, uint8_t out[TERMS_SIZE])
{
	uint8_t *at = out;

	at = put(at, 1, 1);
	at = put(at, (uint64_t)row->priority, 1);
	at = put(at, row->flags, 2);
	at = put(at, (uint32_t)row->type_version, 4);
	at = put(at, row->max_runs, 4);
	at = put(at, (uint64_t)row->queue_ttl_ns, 8);
	at = put(at, (uint64_t)row->soft_ns, 8);
	at = put(at, (uint64_t)row->hard_ns, 8);
	at = put(at, row->retry_of, 8);
	put(at, row->spec.len, 8);
}

bool terms_unpack(struct str packed, struct store_row *row)
{
	const uint8_t *at = (const uint8_t *)packed.ptr;

	if (packed.len != TERMS_SIZE || take(&at, 1) != 1)
		return false;
	row->priority = (int32_t)take(&at, 1);
	row->flags = (uint32_t)take(&at, 2);
	row->type_version = (int32_t)(uint32_t)take(&at, 4);
	row->max_runs = (uint32_t)take(&at, 4);
	row->queue_ttl_ns = (int64_t)take(&at, 8);
	row->soft_ns = (int64_t)take(&at, 8);
	row->hard_ns = (int64_t)take(&at, 8);
	row->retry_of = take(&at, 8);
	row->spec_size = (size_t)take(&at, 8);
	return true;
}

/* ---- reading ----------------------------------------------------------------------------- */

/* Reads columns from left to right. */
struct columns {
	sqlite3_stmt *s;
	int at;
};

static int64_t next_int(struct columns *c)
{
	return sqlite3_column_int64(c->s, c->at++);
}

static struct str next_str(struct columns *c)
{
	return column_str(c->s, c->at++);
}

static bool next_bytes(struct columns *c, uint8_t *out, size_t size, bool *ret_has)
{
	struct str s = next_str(c);

	*ret_has = s.len > 0;
	if (s.len == 0)
		return true;
	if (s.len != size)
		return false;
	memcpy(out, s.ptr, size);
	return true;
}

static bool read_request(struct columns *c, struct store_row *row)
{
	bool ok;

	row->id = (uint64_t)next_int(c);
	row->state = (enum exec_state)next_int(c);
	ok = next_bytes(c, row->key, sizeof(row->key), &row->has_key);
	row->incarnation = (uint64_t)next_int(c);
	ok = terms_unpack(next_str(c), row) && ok;
	row->plugin = next_str(c);
	row->type = next_str(c);
	row->name = next_str(c);
	row->tenant = next_str(c);
	row->node = next_str(c);
	row->output_prefix = next_str(c);
	row->accepted_at = next_int(c);
	return ok && exec_state_durable(row->state);
}

static bool read_progress(struct columns *c, struct store_row *row)
{
	row->run = (uint32_t)next_int(c);
	row->started_at = next_int(c);
	row->history = next_str(c);
	row->failures = (uint32_t)next_int(c);
	row->crashes = (uint32_t)next_int(c);
	row->losses = (uint32_t)next_int(c);
	row->due_at = next_int(c);
	row->cause = next_str(c);
	row->cancel = (enum row_cancel)next_int(c);
	row->cancel_reason = next_str(c);
	return row->history.len > 0 && row->history.len % ROW_STEP_SIZE == 0;
}

static bool read_end(struct columns *c, struct store_row *row)
{
	int64_t ended;
	bool ok;

	row->finished_at = next_int(c);
	row->code = next_str(c);
	row->message = next_str(c);
	ended = next_int(c);
	row->recoverable = ended & ROW_RECOVERABLE;
	row->system_origin = ended & ROW_SYSTEM;
	row->has_deck = ended & ROW_DECK;
	row->outputs_kind = (enum row_outputs)next_int(c);
	ok = next_bytes(c, row->digest, sizeof(row->digest), &row->has_digest);
	row->usage.cpu_ns = next_int(c);
	row->usage.max_rss_bytes = next_int(c);
	row->retried_as = (uint64_t)next_int(c);
	row->spec = next_str(c);
	row->outputs = next_str(c);
	return ok;
}

int row_read(sqlite3_stmt *s, struct store_row *row, struct error *err)
{
	struct columns c = {.s = s, .at = 0};
	bool ok;

	memset(row, 0, sizeof(*row));
	ok = read_request(&c, row);
	ok = read_progress(&c, row) && ok;
	ok = read_end(&c, row) && ok;
	if (ok)
		return 0;
	return err_set(err, ERR_IO, "state database: the row of execution %llu makes no sense",
		       (unsigned long long)row->id);
}

/* ---- writing ----------------------------------------------------------------------------- */

void row_bind(sqlite3_stmt *s,
	      const struct store_row *row,
	      struct str short_spec,
	      const uint8_t *terms,
	      const uint8_t *step)
{
	struct str key =
		row->has_key ? (struct str){(const char *)row->key, sizeof(row->key)} : STR_NULL;
	int at = 1;

	sqlite3_bind_int64(s, at++, (int64_t)row->id);
	sqlite3_bind_int(s, at++, (int)row->state);
	bind_blob(s, at++, key);
	sqlite3_bind_int64(s, at++, (int64_t)row->incarnation);
	sqlite3_bind_blob(s, at++, terms, TERMS_SIZE, SQLITE_STATIC);
	bind_str(s, at++, row->plugin);
	bind_str(s, at++, row->type);
	bind_str(s, at++, row->name);
	bind_str(s, at++, row->tenant);
	bind_str(s, at++, row->node);
	bind_str(s, at++, row->output_prefix);
	sqlite3_bind_int64(s, at++, row->accepted_at);
	sqlite3_bind_int64(s, at++, row->run);
	sqlite3_bind_int64(s, at++, row->started_at);
	bind_blob(s, at++, short_spec);
	sqlite3_bind_blob(s, at++, step, ROW_STEP_SIZE, SQLITE_STATIC);
}
