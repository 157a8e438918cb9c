/* SHA-256, base64 and random bytes. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#define SHA256_SIZE     32
#define SHA256_HEX_SIZE 65 /* with the NUL */

void sha256(const void *data, size_t len, uint8_t out[SHA256_SIZE]);
int sha256_fd(int fd, uint8_t out[SHA256_SIZE], struct error *err); /* from offset 0, by pread */
void hex_encode(const void *data, size_t len, char *out); /* 2 * len + 1 bytes, lower case */

/* Of either case; -1: is none. */
static inline int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

void base64_encode(const void *data, size_t len, struct buf *out); /* standard, padded */
/* Standard or URL-safe alphabet, padding optional, no white space. False when malformed, and when
 * `out` has failed; nothing is appended then. */
bool base64_decode(struct str text, struct buf *out);

int random_bytes(void *out, size_t len, struct error *err);
