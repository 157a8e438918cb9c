/* Inputs of `taskhost run`: what a person typed, by the types the task declares. */
#pragma once

#include "abi/note.h"
#include "cli/args.h"
#include "flyte/document.h"

struct run_inputs {
	const TaskTemplate *template;
	const struct note_offer
		*note;    /* of a native task: says what may be missing; NULL: unknown */
	const char *file; /* --inputs: .json in the human form, or .pb; NULL: none */
	const struct args_list *values; /* -i: "name=value", "name=@path", "name=-" */
};

/* Appends the serialized LiteralMap. ERR_INVALID: a name that is unknown (with a close one), given
 * twice or missing, or a value that does not fit. ERR_NOT_FOUND: a file that is not there. */
int run_inputs_build(const struct run_inputs *in, struct buf *out, struct error *err);

/* May `name` be left out? */
bool run_input_optional(const struct note_offer *note, struct str name);
