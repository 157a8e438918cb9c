/* Server reflection, v1 and v1alpha: which services there are, and their descriptors. [loop] */
#pragma once

#include "grpc/engine.h"

/* A FileDescriptorSet as generate_reflection.py writes it: no pointers inside, nothing to relocate,
 * nothing in memory until somebody asks. */
struct reflection_file {
	uint32_t name;         /* offset in names */
	uint32_t bytes, len;   /* FileDescriptorProto, in `bytes` */
	uint16_t deps, n_deps; /* in `deps`: indexes of files */
};

struct reflection_symbol {
	uint32_t name; /* offset in names */
	uint16_t file;
	uint16_t is_message;
};

struct reflection_set {
	const char *names; /* NUL-terminated, one after the other */
	const uint8_t *bytes;
	const uint16_t *deps;
	const struct reflection_file *files;
	size_t n_files;
	const struct reflection_symbol *symbols; /* fully qualified, sorted as strcmp does */
	size_t n_symbols;
};

/* Adds both services. `set` must outlive the engine. */
int reflection_add(struct grpc_engine *e, const struct reflection_set *set, struct error *err);
