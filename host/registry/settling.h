/* When a file is no longer being written: nothing happened to it for two seconds, or it is the same
 * in two looks a tenth of a second apart. Inside the layer only. */
#pragma once

#include "registry/verdicts.h"

struct settling {
	struct map before, now; /* path -> a young file as it was seen first */
};

/* A look begins; what the one before did not ask for is forgotten. */
void settling_look(struct settling *s);
void settling_done(struct settling *s);

bool settling_young(const struct file_identity *id);

int settling_check(struct settling *s,
		   const char *path,
		   const struct file_identity *id,
		   bool *ret_settled,
		   struct error *err);
