/* Memory in which a runner that has nothing else to do names the frames of another one's crash: the
 * host must not, since it would have to fork and to read files that may be broken. */
#pragma once

#include "runners/crash.h"
#include "runners/once.h"

struct naming_memory {
	/* from the host */
	struct crash_record crash;
	struct once_child about;
	/* to the host */
	_Atomic uint32_t n_frames;
	char note[160];
	struct once_frame frames[ONCE_FRAMES_MAX];
};
