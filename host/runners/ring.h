/* One direction of a shared-memory channel: a queue of records between one producer and one
 * consumer, which may be threads or processes.
 *
 * Neither side trusts the other. What a side writes it also keeps for itself and never reads back
 * from the shared memory, and what it reads it checks; a peer that writes nonsense gets its own
 * side of the queue declared broken, nothing else.
 *
 * The queue neither waits nor wakes: ring_publish and ring_consume tell when the other side sleeps
 * and has to be woken, however that is done. */
#pragma once

#include "base/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* At the start of the shared memory of one direction; the bytes of the queue follow it. */
struct ring_shared {
	_Alignas(64) _Atomic uint32_t tail;   /* bytes ever published, modulo 2^32 */
	_Alignas(64) _Atomic uint32_t head;   /* bytes ever consumed, modulo 2^32 */
	_Alignas(64) _Atomic uint32_t asleep; /* the consumer waits to be woken */
	_Atomic uint32_t wants_room;          /* the producer waits for room */
	_Alignas(64) unsigned char data[];
};

#define RING_BYTES_MIN 4096u
#define RING_BYTES_MAX (1u << 24)

/* Room that one direction takes up. `bytes`, a power of two between the bounds above, is what the
 * queue holds. */
static inline size_t ring_size(uint32_t bytes)
{
	return sizeof(struct ring_shared) + bytes;
}

/* Most payload of one record: a quarter of the queue, so that a full one soon has room again. */
static inline uint32_t ring_payload_max(uint32_t bytes)
{
	return bytes / 4 - 8;
}

/* ---- the producer ------------------------------------------------------------------------ */

struct ring_writer {
	struct ring_shared *shared;
	uint32_t bytes;
	uint32_t tail;      /* with what is reserved and not yet published */
	uint32_t published; /* what the consumer has been told */
	uint32_t head;      /* as last read */
	bool broken;        /* the consumer wrote an impossible head */
};

/* On memory that is zero, or where the producer before left it (then the queue goes on). */
void ring_writer_init(struct ring_writer *w, struct ring_shared *shared, uint32_t bytes);

/* Room for a record with `len` bytes of payload (at most ring_payload_max), 8-byte aligned; NULL
 * when the queue is full, having asked the consumer to tell when it is not, or broken. The record
 * is queued with this call and is to be filled in before ring_publish. */
void *ring_put(struct ring_writer *w, uint32_t kind, uint32_t len);

/* Shows the consumer what was put since. True when it slept: the caller must wake it. */
bool ring_publish(struct ring_writer *w);

/* ---- the consumer ------------------------------------------------------------------------ */

struct ring_reader {
	struct ring_shared *shared;
	uint32_t bytes;
	uint32_t head;     /* with what is read and not yet consumed */
	uint32_t consumed; /* what the producer has been told */
	uint32_t tail;     /* as last read */
};

struct ring_record {
	uint32_t kind;
	uint32_t len;     /* of the payload */
	const void *data; /* in shared memory: the producer may still change it; 8-byte aligned */
};

void ring_reader_init(struct ring_reader *r, struct ring_shared *shared, uint32_t bytes);

/* 1: *ret is the next record, good until ring_consume. 0: there is none. ERR_INVALID: what the
 * producer wrote is impossible; the queue must not be used any more. */
int ring_next(struct ring_reader *r, struct ring_record *ret, struct error *err);

/* Gives the room of everything read so far back. True when the producer waits for it: the caller
 * must wake it. */
bool ring_consume(struct ring_reader *r);

/* Announces that the consumer will sleep. False when there is something to read meanwhile: it must
 * not sleep then. */
bool ring_sleep(struct ring_reader *r);

/* The consumer is awake and will look by itself: no need to wake it. */
void ring_awake(struct ring_reader *r);
