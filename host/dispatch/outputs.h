/* Where outputs go: pure.
 *
 *   small, no deck          inline: in the row and in the answer; no file is written
 *   large, or a deck        files at the output prefix, before the row says SUCCEEDED
 *   no back end for it      inline as far as an answer can carry them, else FAILED OutputUpload */
#pragma once

#include "dispatch/config.h"
#include "dispatch/env.h"

struct outputs_plan {
	bool files;         /* write files (outputs, and the deck when there is one) */
	bool inline_;       /* keep the outputs in the row */
	bool impossible;    /* neither: the execution fails */
	bool above_warning; /* more than propeller takes by default */
};

struct outputs_plan
outputs_plan(const struct run_result *r, bool has_back_end, const struct dispatch_config *config);

/* "s3" of "s3://bucket/key"; "file" of a path. */
struct str outputs_scheme(struct str uri);
