/* resource_meta: what Flyte keeps for us and shows again. It names an execution, and it alone is
 * enough to answer when everything else is lost.
 *
 * Version 1 is ASCII text of at most 512 bytes:
 *
 *   th1.<id>.<key>.<incarnation>.<prefix>.<mac>
 *
 * id: 13 characters (store/ident.h). key: 32 hex digits, or "-". incarnation: of the process that
 * accepted it, 16 hex digits. prefix: "p" and the output prefix with everything but letters, digits
 * and "-_/:" as %XX; or, when that is too long, "h" and its SHA-256 in 64 hex digits. mac: the
 * first 16 bytes of HMAC-SHA256 over all before its dot, as 32 hex digits.
 *
 * How it may change: a new version gets a new first word and a line in the table of meta.c; those
 * before stay there as long as executions accepted under them may live, two versions at least. What
 * was given out for an execution never changes. */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "store/row.h"

#define META_MAX      512
#define META_KEY_SIZE 32
#define META_HASH     64

struct meta_key {
	uint8_t bytes[META_KEY_SIZE];
};

struct meta {
	uint64_t id;
	bool has_key;
	uint8_t key[STORE_KEY_SIZE];
	uint64_t incarnation;
	char prefix[META_MAX]; /* the output prefix, or empty when only its digest is known */
	char prefix_hash[META_HASH + 1]; /* or empty */
};

/* Reads the key file, making it (0600, random) when it is missing. */
int meta_key_load(const char *path, struct meta_key *ret, struct error *err);

/* Writes the text and its NUL; returns its length. */
size_t meta_format(const struct meta_key *key, const struct store_row *row, char out[META_MAX + 1]);

/* ERR_INVALID when it is not ours or was changed; ERR_UNSUPPORTED when it is of a version this
 * release does not know. */
int meta_parse(const struct meta_key *key, struct str text, struct meta *ret, struct error *err);

/* The id, without checking anything but its form: to find what meta_format gave out before, which
 * can then be compared. False when it does not look like one of ours. */
bool meta_peek(struct str text, uint64_t *ret_id);

/* Whether a text claims to be ours, whatever its version. */
bool meta_is_ours(struct str text);
