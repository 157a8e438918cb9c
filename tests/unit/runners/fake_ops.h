/* What the tests' runners do: each run is a word that says how to behave. */
#pragma once

#include "runners/runner_main.h"

extern const struct runner_ops fake_ops;

/* In-process runs, or starts, that are "stuck" are so until this is true. */
extern _Atomic bool fake_release;
