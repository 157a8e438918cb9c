/* One record about a task, executor or resolver. Inside the layer only. */
#pragma once

#include "abi/note.h"
#include "base/json.h"

/* "task", "executor" or "resolver": the member that holds the name. */
int note_offer_read(const json_t *record,
		    const char *kind,
		    struct arena *arena,
		    struct note_offer *ret,
		    struct error *err);

/* Name and index of a task's record from its first bytes, `{"task":"NAME","index":NUMBER,`, without
 * parsing it; the record becomes `unread`. Returns 1; 0 for any other spelling of JSON, which has to
 * be read whole; ERR_NOMEM. */
int note_offer_peek(struct str record,
		    struct arena *arena,
		    struct note_offer *ret,
		    struct error *err);

/* Text of a string member copied into the arena. A missing one is empty unless `required`. */
int note_text(const json_t *object,
	      const char *key,
	      bool required,
	      struct arena *arena,
	      struct str *ret,
	      struct error *err);
int note_copy(struct str s, struct arena *arena, struct str *ret, struct error *err);

/* Strings of an array member; a missing member is an empty list. */
int note_strings(const json_t *object,
		 const char *key,
		 struct arena *arena,
		 struct str **ret,
		 size_t *ret_n,
		 struct error *err);
