/* Files of executions, for dispatch: outputs, decks and error documents at a URI, written and read
 * off the loop. [loop] */
#pragma once

#include "dispatch/env.h"
#include "loop/loop.h"

struct serve_files;

int serve_files_new(struct loop *l, struct serve_files **ret, struct error *err);
/* When nothing is under way. NULL is fine. */
void serve_files_free(struct serve_files *f);

/* Begins nothing any more, and tells nobody how what is under way ends: the store is closed by then,
 * and the next start looks at what became of it. */
void serve_files_close(struct serve_files *f);

struct dispatch_data serve_files_table(struct serve_files *f);
