/* A file that takes up room, so that there is room to be had when the disk is full: removing it
 * lets the writes through that end what was begun. It comes back when there is plenty again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ballast {
	char *path;     /* of the file */
	uint64_t bytes; /* its size; 0: none is kept */
	bool there;
};

/* `dir` is where the file stands. False when out of memory. */
bool ballast_init(struct ballast *b, const char *dir, uint64_t bytes);
void ballast_done(struct ballast *b);

/* Writes the file when it is missing and at least twice its size would stay free above
 * `low_water`. A failure leaves none behind and is no error. */
void ballast_refill(struct ballast *b, uint64_t free_bytes, uint64_t low_water);

/* Removes the file; false when there was none. */
bool ballast_release(struct ballast *b);

/* Free bytes for us on the file system of `path`; UINT64_MAX when that cannot be told. */
uint64_t disk_free(const char *path);
