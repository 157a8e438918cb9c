/* What a crashing process says about itself before it dies: addresses only, collected on an
 * alternate stack without locks or allocation, in memory that outlives it. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define CRASH_FRAMES_MAX  64
#define CRASH_MODULES_MAX 128

struct crash_frame {
	uint64_t pc;
	uint64_t exact; /* 1: the instruction itself; 0: where a call returns to */
};

/* An executable mapping. */
struct crash_module {
	uint64_t start, end;
	uint64_t offset; /* of `start` in the file */
	char path[400];
};

struct crash_record {
	_Atomic uint32_t owner;  /* thread that writes it; 0: nobody crashed */
	_Atomic uint32_t signal; /* set before anything else is filled in */
	int32_t error_number;    /* errno of the crashing thread */
	int32_t address_known;
	uint64_t address;    /* that could not be accessed */
	uint64_t stack;      /* stack pointer */
	uint64_t data_bytes; /* writable private memory, as RLIMIT_DATA counts it */
	_Atomic uint32_t n_frames, n_modules;
	struct crash_frame frames[CRASH_FRAMES_MAX];
	struct crash_module modules[CRASH_MODULES_MAX];
};

/* Installs handlers for the signals that mean a crash; on one, `record` (zeroed before, shared with
 * whoever reads it) is filled in and the signal takes its default action. Frames of `boundary` and
 * of its callers are left out. Serves the calling thread's stack overflow too; in other threads one
 * leaves no record. */
void crash_install(struct crash_record *record, void (*boundary)(void));

/* From now on SIGUSR1 writes the stack of the thread that takes it to stderr; the process goes on.
 */
void crash_dump_on_sigusr1(void (*boundary)(void));

/* ---- the parts, all async-signal-safe -------------------------------------------------------- */

/* Adds the executable mappings of this process. */
void crash_read_modules(struct crash_record *record);

/* Writable private memory of this process; 0 when it cannot be told. */
uint64_t crash_data_bytes(void);

/* Adds the frames from the interrupted instruction `pc` outwards; to be called in the handler.
 * `exact` is what is noted for the first of them. */
void crash_unwind(struct crash_record *record, uint64_t pc, uint64_t exact, void (*boundary)(void));

/* Instruction pointer of an interrupted context (ucontext_t). */
uint64_t crash_context_pc(const void *context);
