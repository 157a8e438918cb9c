#include "lib/test.h"

#include "base/mem.h"
#include "runners/ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define BYTES 4096u

static struct ring_shared *new_ring(uint32_t bytes)
{
	struct ring_shared *s = aligned_alloc(64, ring_size(bytes));

	CHECK(s);
	memset(s, 0, ring_size(bytes));
	return s;
}

static void put_text(struct ring_writer *w, uint32_t kind, const char *text)
{
	void *to = ring_put(w, kind, (uint32_t)strlen(text));

	CHECK(to);
	memcpy(to, text, strlen(text));
}

static void expect(struct ring_reader *r, uint32_t kind, const char *text)
{
	struct error err = ERROR_INIT;
	struct ring_record record;

	CHECK_INT(ring_next(r, &record, &err), 1);
	CHECK_INT(record.kind, kind);
	CHECK_INT(record.len, strlen(text));
	CHECK(memcmp(record.data, text, record.len) == 0);
	CHECK((uintptr_t)record.data % 8 == 0);
}

TEST(records_come_out_as_they_went_in)
{
	_cleanup_(freep) struct ring_shared *s = new_ring(BYTES);
	struct ring_writer w;
	struct ring_reader r;
	struct ring_record record;
	struct error err = ERROR_INIT;

	ring_writer_init(&w, s, BYTES);
	ring_reader_init(&r, s, BYTES);
	put_text(&w, 1, "one");
	put_text(&w, 2, "");
	CHECK_INT(ring_next(&r, &record, &err), 0); /* not published */
	CHECK(!ring_publish(&w));
	expect(&r, 1, "one");
	expect(&r, 2, "");
	CHECK_INT(ring_next(&r, &record, &err), 0);
}

TEST(a_full_ring_refuses_and_goes_on)
{
	_cleanup_(freep) struct ring_shared *s = new_ring(BYTES);
	struct ring_writer w;
	struct ring_reader r;
	struct ring_record record;
	struct error err = ERROR_INIT;
	unsigned n = 0;

	ring_writer_init(&w, s, BYTES);
	ring_reader_init(&r, s, BYTES);
	CHECK(!ring_put(&w, 1, ring_payload_max(BYTES) + 1));
	while (ring_put(&w, 1, 100))
		n++;
	CHECK_INT(n, BYTES / 112);
	ring_publish(&w);
	CHECK_INT(ring_next(&r, &record, &err), 1);
	CHECK(ring_consume(&r)); /* the producer waits for room */
	CHECK(ring_put(&w, 1, 100));
	CHECK(!ring_put(&w, 1, 100));
}

TEST(sleep_is_announced_once)
{
	_cleanup_(freep) struct ring_shared *s = new_ring(BYTES);
	struct ring_writer w;
	struct ring_reader r;

	ring_writer_init(&w, s, BYTES);
	ring_reader_init(&r, s, BYTES);
	CHECK(ring_sleep(&r));
	put_text(&w, 1, "a");
	CHECK(ring_publish(&w)); /* wake it */
	put_text(&w, 1, "b");
	CHECK(!ring_publish(&w)); /* it is being woken */
	CHECK(!ring_sleep(&r));   /* there is something */
	expect(&r, 1, "a");
	expect(&r, 1, "b");
	CHECK(ring_sleep(&r));
	ring_awake(&r);
	put_text(&w, 1, "c");
	CHECK(!ring_publish(&w));
}

TEST(impossible_contents_are_told)
{
	static const struct {
		uint32_t tail, size, kind;
	} bad[] = {
		{4097, 0, 0},         {12, 12, 1},
		{16, 7, 1},           {16, 0, 1},
		{16, 17, 1},          {16, 0xffffffffu, 1},
		{16, 0xfffffff9u, 1}, {0x80000000u, 8, 1},
		{16, 16, UINT32_MAX}, {4096, 4096, UINT32_MAX},
		{4096, 4097, 1},
	};
	struct ring_reader r;
	struct ring_record record;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		_cleanup_(freep) struct ring_shared *s = new_ring(BYTES);
		struct error err = ERROR_INIT;

		ring_reader_init(&r, s, BYTES);
		memcpy(s->data, &bad[i].size, 4);
		memcpy(s->data + 4, &bad[i].kind, 4);
		atomic_store(&s->tail, bad[i].tail);
		CHECK_ERR(ring_next(&r, &record, &err), ERR_INVALID, err, "the ring is broken");
	}
}

TEST(an_impossible_head_breaks_the_writer)
{
	_cleanup_(freep) struct ring_shared *s = new_ring(BYTES);
	struct ring_writer w;

	ring_writer_init(&w, s, BYTES);
	while (ring_put(&w, 1, 100))
		;
	ring_publish(&w);
	atomic_store(&s->head, 1u << 20);
	CHECK(!ring_put(&w, 1, 100));
	CHECK(w.broken);
}

/* ---- two threads -------------------------------------------------------------------------- */

/* The law: what comes out is what went in, in order, and nobody sleeps while there is something for
 * him. Sizes and pauses come from a generator, so a failure can be repeated. */
#define N_RECORDS 200000u

struct pipe {
	struct ring_shared *shared;
	pthread_mutex_t lock;
	pthread_cond_t woken;
	bool consumer_kicked, producer_kicked;
	uint64_t seed;
	const char *failure;
};

static uint64_t next_random(uint64_t *seed)
{
	uint64_t z = (*seed += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static void kick(struct pipe *p, bool *flag)
{
	pthread_mutex_lock(&p->lock);
	*flag = true;
	pthread_cond_broadcast(&p->woken);
	pthread_mutex_unlock(&p->lock);
}

static void wait_for(struct pipe *p, bool *flag)
{
	pthread_mutex_lock(&p->lock);
	while (!*flag)
		pthread_cond_wait(&p->woken, &p->lock);
	*flag = false;
	pthread_mutex_unlock(&p->lock);
}

static uint32_t size_of(uint64_t *seed)
{
	uint64_t v = next_random(seed);

	return v % 50 == 0 ? (uint32_t)(v >> 8) % 1000 : (uint32_t)(v >> 8) % 60;
}

static void *produce(void *arg)
{
	struct pipe *p = arg;
	uint64_t sizes = p->seed, choices = p->seed + 1;
	struct ring_writer w;

	ring_writer_init(&w, p->shared, BYTES);
	for (uint32_t i = 0; i < N_RECORDS; i++) {
		uint32_t len = size_of(&sizes);
		unsigned char *to;

		while (!(to = ring_put(&w, i, len))) {
			if (ring_publish(&w))
				kick(p, &p->consumer_kicked);
			to = ring_put(&w, i, len); /* the wish for room is made anew */
			if (to)
				break;
			wait_for(p, &p->producer_kicked);
		}
		for (uint32_t k = 0; k < len; k++)
			to[k] = (unsigned char)(i + k);
		if (next_random(&choices) % 4 == 0 && ring_publish(&w))
			kick(p, &p->consumer_kicked);
	}
	if (ring_publish(&w))
		kick(p, &p->consumer_kicked);
	return NULL;
}

static const char *check_record(const struct ring_record *record, uint32_t i, uint64_t *sizes)
{
	const unsigned char *data = record->data;

	if (record->kind != i || record->len != size_of(sizes))
		return "a record is not the one that was put";
	for (uint32_t k = 0; k < record->len; k++)
		if (data[k] != (unsigned char)(i + k))
			return "a record has other contents";
	return NULL;
}

static void *take(void *arg)
{
	struct pipe *p = arg;
	uint64_t sizes = p->seed, choices = p->seed + 2;
	struct ring_reader r;
	struct error err = ERROR_INIT;

	ring_reader_init(&r, p->shared, BYTES);
	for (uint32_t i = 0; i < N_RECORDS && !p->failure;) {
		struct ring_record record;
		int code = ring_next(&r, &record, &err);

		if (code < 0)
			p->failure = "the ring is broken";
		if (code > 0)
			p->failure = check_record(&record, i++, &sizes);
		if ((code == 0 || next_random(&choices) % 8 == 0) && ring_consume(&r))
			kick(p, &p->producer_kicked);
		if (code == 0 && ring_sleep(&r))
			wait_for(p, &p->consumer_kicked);
	}
	if (ring_consume(&r))
		kick(p, &p->producer_kicked);
	return NULL;
}

TEST(two_threads)
{
	for (uint64_t seed = 1; seed <= 3; seed++) {
		_cleanup_(freep) struct ring_shared *s = new_ring(BYTES);
		struct pipe p = {.shared = s,
				 .lock = PTHREAD_MUTEX_INITIALIZER,
				 .woken = PTHREAD_COND_INITIALIZER,
				 .seed = seed};
		pthread_t a, b;

		/* The counters wrap on the way. */
		atomic_store(&s->head, UINT32_MAX - 65535);
		atomic_store(&s->tail, UINT32_MAX - 65535);
		CHECK_INT(pthread_create(&a, NULL, produce, &p), 0);
		CHECK_INT(pthread_create(&b, NULL, take, &p), 0);
		pthread_join(a, NULL);
		pthread_join(b, NULL);
		if (p.failure)
			test_fail(__FILE__, __LINE__, "seed %llu: %s", (unsigned long long)seed,
				  p.failure);
	}
}
