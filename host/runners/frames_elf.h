/* What ELF files say about addresses of code mapped from them. Reads files that may be broken in a
 * library that was not made for that: only in a process that may crash. */
#pragma once

#include "runners/crash.h"

#include <stdbool.h>

struct symbols;

struct symbol {
	char build_id[13];  /* its first 12 digits; empty: none */
	char function[300]; /* empty: not known */
	uint64_t offset;    /* into the function */
	char file[120];     /* base name of the source file; empty: not known */
	int line;
	bool stripped; /* the file has no names but those it exports */
};

/* NULL when out of memory. */
struct symbols *symbols_new(void);
void symbols_free(struct symbols *s);

/* Adds a file mapped at `m`; takes `fd`. A file that is no ELF file is left out. */
void symbols_add(struct symbols *s, const struct crash_module *m, int fd);

/* False when no file added covers the frame. */
bool symbols_find(struct symbols *s, const struct crash_frame *frame, struct symbol *ret);
