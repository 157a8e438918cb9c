/* Rows to and from SQLite. Inside host/store. */
#pragma once

#include "store/db.h"

/* The columns that row_read expects, in its order, for "SELECT " ROW_COLUMNS " FROM execution". */
#define ROW_COLUMNS                                                                                \
	"id,state,key,incarnation,terms,plugin,type,name,tenant,node,output_prefix,accepted_at,"   \
	"run,started_at,history,failures,crashes,losses,due_at,cause,cancel,cancel_reason,"        \
	"finished_at,code,message,ended,outputs_kind,digest,cpu,rss,retried_as,"
#define ROW_NO_PAYLOAD "NULL,NULL"
#define ROW_SHORT_SPEC "spec,NULL"
#define ROW_ALL_PAYLOAD                                                                            \
	"CASE WHEN ?2 THEN coalesce(spec,(SELECT data FROM spec s WHERE s.id=execution.id)) END,"  \
	"CASE WHEN ?3 THEN coalesce(outputs,(SELECT data FROM outputs o WHERE "                    \
	"o.id=execution.id)) END"

enum row_ended { ROW_RECOVERABLE = 1, ROW_SYSTEM = 2, ROW_DECK = 4 };

/* The row the statement stands on; spans are good until it moves. ERR_IO, saying what, for a row
 * that cannot be ours. */
int row_read(sqlite3_stmt *s, struct store_row *row, struct error *err);

/* INSERT of a row as it is accepted; the rest are the table's defaults. */
#define ROW_INSERT                                                                                 \
	"INSERT INTO execution (id,state,key,incarnation,terms,plugin,type,name,tenant,node,"      \
	"output_prefix,accepted_at,run,started_at,spec,history) VALUES "                           \
	"(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"                                                        \
	" ON CONFLICT (key) WHERE key IS NOT NULL DO NOTHING"

/* What was asked for, as numbers. Packed little endian: version 1 (1), priority (1), flags (2),
 * type_version (4), max_runs (4), queue_ttl, soft, hard, retry_of, spec_size (8 each). Another
 * layout gets another version; those before stay readable. */
#define TERMS_SIZE 52
void terms_pack(const struct store_row *row, uint8_t out[TERMS_SIZE]);
bool terms_unpack(struct str packed, struct store_row *row);

/* `terms` and `step` stay the caller's until the statement has run. */
void row_bind(sqlite3_stmt *s,
	      const struct store_row *row,
	      struct str short_spec,
	      const uint8_t *terms,
	      const uint8_t *step);

void step_pack(enum exec_state state, uint32_t run, uint32_t after_ms, uint8_t out[ROW_STEP_SIZE]);
