#include "runners/ring.h"

#include <string.h>

#define ALIGN_TO     8u
#define KIND_PADDING UINT32_MAX /* fills the end of the memory; the next record is at its start */

/* Before each record. */
struct header {
	uint32_t size; /* with the header, a multiple of 8 */
	uint32_t kind;
};

static uint32_t record_size(uint32_t len)
{
	return (uint32_t)sizeof(struct header) + ((len + ALIGN_TO - 1) & ~(ALIGN_TO - 1));
}

/* ---- the producer ------------------------------------------------------------------------ */

void ring_writer_init(struct ring_writer *w, struct ring_shared *shared, uint32_t bytes)
{
	uint32_t tail = atomic_load(&shared->tail);

	*w = (struct ring_writer){
		.shared = shared,
		.bytes = bytes,
		.tail = tail,
		.published = tail,
		.head = atomic_load(&shared->head),
	};
}

/* Unsigned, so that it is right across the wrap of the counters. */
static uint32_t room(const struct ring_writer *w)
{
	return w->bytes - (w->tail - w->head);
}

static bool read_head(struct ring_writer *w)
{
	uint32_t head = atomic_load_explicit(&w->shared->head, memory_order_acquire);

	/* Consumed is what was published, and never less than before. */
	if (w->published - head > w->bytes || head - w->head > w->bytes) {
		w->broken = true;
		return false;
	}
	w->head = head;
	return true;
}

static bool make_room(struct ring_writer *w, uint32_t size)
{
	if (w->broken)
		return false;
	if (room(w) >= size)
		return true;
	if (!read_head(w))
		return false;
	if (room(w) >= size)
		return true;
	/* Ask first, look again afterwards: either the consumer sees the wish or we see its head.
	 */
	atomic_store(&w->shared->wants_room, 1);
	return read_head(w) && room(w) >= size;
}

static void write_header(struct ring_writer *w, uint32_t size, uint32_t kind)
{
	struct header h = {.size = size, .kind = kind};

	memcpy(w->shared->data + (w->tail & (w->bytes - 1)), &h, sizeof(h));
}

void *ring_put(struct ring_writer *w, uint32_t kind, uint32_t len)
{
	uint32_t size = record_size(len);
	uint32_t to_end = w->bytes - (w->tail & (w->bytes - 1));
	uint32_t padding = to_end < size ? to_end : 0;
	void *payload;

	if (len > ring_payload_max(w->bytes) || !make_room(w, size + padding))
		return NULL;
	if (padding) {
		write_header(w, padding, KIND_PADDING);
		w->tail += padding;
	}
	write_header(w, (uint32_t)sizeof(struct header) + len, kind);
	payload = w->shared->data + (w->tail & (w->bytes - 1)) + sizeof(struct header);
	w->tail += size;
	return payload;
}

bool ring_publish(struct ring_writer *w)
{
	if (w->tail == w->published)
		return false;
	w->published = w->tail;
	atomic_store(&w->shared->tail, w->tail);
	/* The consumer announces its sleep, then looks at the tail; we write the tail, then look at
	 * the announcement. One of us sees the other. */
	return atomic_load(&w->shared->asleep) && atomic_exchange(&w->shared->asleep, 0);
}

/* ---- the consumer ------------------------------------------------------------------------ */

void ring_reader_init(struct ring_reader *r, struct ring_shared *shared, uint32_t bytes)
{
	uint32_t head = atomic_load(&shared->head);

	*r = (struct ring_reader){
		.shared = shared,
		.bytes = bytes,
		.head = head,
		.consumed = head,
		.tail = head,
	};
}

static int broken(struct error *err, const char *what, uint32_t value)
{
	return err_set(err, ERR_INVALID, "the ring is broken: %s %u", what, value);
}

static int read_tail(struct ring_reader *r, struct error *err)
{
	uint32_t tail = atomic_load_explicit(&r->shared->tail, memory_order_acquire);

	if (tail - r->consumed > r->bytes || tail - r->head > r->bytes)
		return broken(err, "the end is at", tail);
	if (tail % ALIGN_TO)
		return broken(err, "the end is not aligned:", tail);
	r->tail = tail;
	return tail != r->head;
}

/* One load, so that what is checked is what is used. */
static struct header load_header(const unsigned char *at)
{
	uint64_t both = __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_RELAXED);
	struct header h;

	memcpy(&h, &both, sizeof(h));
	return h;
}

int ring_next(struct ring_reader *r, struct ring_record *ret, struct error *err)
{
	for (;;) {
		uint32_t at = r->head & (r->bytes - 1);
		uint32_t taken;
		struct header h;
		int more = r->head == r->tail ? read_tail(r, err) : 1;

		if (more <= 0)
			return more;
		h = load_header(r->shared->data + at);
		if (h.size < sizeof(h) || h.size > r->bytes)
			return broken(err, "a record has the size", h.size);
		taken = record_size(h.size - (uint32_t)sizeof(h));
		if (taken > r->tail - r->head || taken > r->bytes - at)
			return broken(err, "a record reaches past the end with the size", h.size);
		r->head += taken;
		/* Padding reaches to the end and is never at the start, so it cannot go on for
		 * ever. */
		if (h.kind == KIND_PADDING && at > 0 && at + taken == r->bytes)
			continue;
		if (h.kind == KIND_PADDING)
			return broken(err, "padding is at", at);
		*ret = (struct ring_record){
			.kind = h.kind,
			.len = h.size - (uint32_t)sizeof(h),
			.data = r->shared->data + at + sizeof(h),
		};
		return 1;
	}
}

bool ring_consume(struct ring_reader *r)
{
	if (r->consumed == r->head)
		return false;
	r->consumed = r->head;
	atomic_store(&r->shared->head, r->head);
	return atomic_load(&r->shared->wants_room) && atomic_exchange(&r->shared->wants_room, 0);
}

bool ring_sleep(struct ring_reader *r)
{
	atomic_store(&r->shared->asleep, 1);
	if (atomic_load(&r->shared->tail) == r->head)
		return true;
	atomic_store(&r->shared->asleep, 0);
	return false;
}

void ring_awake(struct ring_reader *r)
{
	if (atomic_load_explicit(&r->shared->asleep, memory_order_relaxed))
		atomic_store(&r->shared->asleep, 0);
}
