/* For fuzz targets: a broken promise stops the program, which is how a fuzzer sees it. */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(cond)                                                                           \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* An error says something, in UTF-8. */
#define FUZZ_TOLD(err)                                                                             \
	FUZZ_CHECK((err).message[0] && utf8_valid((err).message, strlen((err).message), NULL))

/* `call` succeeds; the error is shown otherwise. */
#define FUZZ_OK(call, err)                                                                         \
	do {                                                                                       \
		int r_ = (call);                                                                   \
		if (r_ < 0) {                                                                      \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call,              \
				(err).message);                                                    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)
