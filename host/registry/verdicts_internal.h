/* The tables from inside. Inside the layer only. */
#pragma once

#include "registry/verdicts.h"

#include <pthread.h>

struct known_file {
	struct file_identity identity;
	bool trusted; /* the rules for paths had been lifted */
	char digest[SHA256_HEX_SIZE];
	unsigned look; /* that saw it last */
};

struct verdicts {
	pthread_mutex_t lock;
	struct map contents;  /* digest -> struct verdict */
	struct map files;     /* identity as text -> struct known_file */
	struct map libraries; /* path -> struct file_identity, of this look */
	unsigned look;
	bool changed;
};

/* A copy of the tables as a file has them, or the tables of a file into empty ones. The lock is
 * held. */
int verdicts_print(const struct verdicts *v, struct buf *out, struct error *err);
int verdicts_parse(struct verdicts *v, struct str text, const char *name, struct error *err);

/* Adds without asking whether something has changed. The lock is held. */
int verdicts_add(struct verdicts *v, struct verdict *verdict, struct error *err);
int verdicts_add_file(struct verdicts *v, const struct known_file *file, struct error *err);

/* A verdict without parts. */
struct verdict *verdict_alloc(const char *digest);
