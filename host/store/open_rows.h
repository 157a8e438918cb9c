/* Which rows a start has to read, without reading what was finished long ago and without an index
 * that every accept and every end would have to write to. Inside host/store.
 *
 * A mark, the one row of the table `recovery`, moves up behind the newest rows whenever the log is
 * tidied away. A live row that it passes is flagged as lingering, and so is every dead one; only
 * flagged rows stand in the index `execution_lingering`. So all that is live is above the mark or
 * in that index. */
#pragma once

#include "store/row_sql.h"

#define LIVE_SQL       "state<" EXEC_FINISHED_SQL
#define MARK_SQL       "(SELECT coalesce(min(mark),0) FROM recovery)"
#define ABOVE_MARK_SQL "id>" MARK_SQL

/* The mark is worth moving when so many rows stand above it, and at most one in so many of all that
 * are live: flagging a row costs more than a start that reads a few too many. */
#define MARK_EVERY   4096
#define MARK_LIVE_IN 8

/* Rows that are live, from a snapshot of one moment; both halves come in order and are merged. The
 * dead above the mark are flagged, but not live. */
#define LIVE_ROWS_SQL(columns, and_, order)                                                        \
	"SELECT " columns " FROM execution WHERE lingering=1 AND " LIVE_SQL and_                   \
	" UNION ALL SELECT " columns " FROM execution WHERE " ABOVE_MARK_SQL                       \
	" AND lingering=0 AND " LIVE_SQL and_ " ORDER BY id" order

#define LIVE_COUNT_SQL                                                                             \
	"SELECT (SELECT count(*) FROM execution WHERE lingering=1 AND " LIVE_SQL                   \
	")+(SELECT count(*) FROM execution WHERE " ABOVE_MARK_SQL " AND lingering=0 AND " LIVE_SQL \
	")"

#define RECOVER_SQL LIVE_ROWS_SQL(ROW_COLUMNS ROW_SHORT_SPEC, "", "")

/* Newest first. ?1: ids below, ?2: states or 0, ?3: plugin, ?4: type, ?5 and ?6: bits and mask of
 * the id, ?7: how many. */
#define LIST_CONDITION                                                                             \
	"id<?1 AND (?2=0 OR (?2>>state)&1) AND (?3 IS NULL OR plugin=?3) AND (?4 IS NULL OR "      \
	"type=?4) AND (id&?6)=?5"
#define LIST_COLUMNS ROW_COLUMNS ROW_NO_PAYLOAD
#define LIST_SQL                                                                                   \
	"SELECT " LIST_COLUMNS " FROM execution WHERE " LIST_CONDITION " ORDER BY id DESC LIMIT "  \
	"?7"
#define LIST_LIVE_SQL LIVE_ROWS_SQL(LIST_COLUMNS, " AND " LIST_CONDITION, " DESC LIMIT ?7")
#define LIST_DEAD_SQL                                                                              \
	"SELECT " LIST_COLUMNS                                                                     \
	" FROM execution WHERE lingering=1 AND state=20 AND " LIST_CONDITION                       \
	" ORDER BY id DESC LIMIT ?7"

/* Rows that break the rule above. */
#define UNFINDABLE_SQL                                                                             \
	"SELECT id FROM execution WHERE lingering<>1 AND (state=20 OR (" LIVE_SQL                  \
	" AND NOT " ABOVE_MARK_SQL "))"
