/* When a plugin generation is kept from being started again, because it only crashes. Pure: time is
 * a value. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define POISON_CRASHES    5
#define POISON_WINDOW_NS  (INT64_C(60) * 1000000000)
#define POISON_STARTS     3
#define POISON_FIRST_NS   (INT64_C(30) * 1000000000)
#define POISON_LONGEST_NS (INT64_C(600) * 1000000000)

struct poison {
	int64_t crashes[POISON_CRASHES]; /* the latest ones, a ring */
	uint64_t n_crashes;
	unsigned failed_starts; /* in a row */
	unsigned times;         /* it has been quarantined, doubling each time */
	int64_t since_ns, until_ns;
};

/* True when this one is one too many: it is quarantined from now on. */
bool poison_crashed(struct poison *p, int64_t now_ns);
bool poison_start_failed(struct poison *p, int64_t now_ns);

void poison_started(struct poison *p);
bool poison_active(const struct poison *p, int64_t now_ns); /* until until_ns */

/* Forgets everything. */
void poison_clear(struct poison *p);
