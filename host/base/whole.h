/* Whole numbers among doubles, without libm: programs link no shared library but libc. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Has it no fraction? False for NaN and the infinities. */
static inline bool is_whole(double v)
{
	/* From 2^53 on no double has a fraction; below, int64_t holds the whole part exactly. */
	const double limit = 9007199254740992;

	if (v > -limit && v < limit)
		return v == (double)(int64_t)v;
	return v - v == 0;
}
