#include "runners/frames.h"
#include "runners/naming.h"
#include "runners/runner_internal.h"

#include "base/mem.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

int namer_serve(int control, int memory, struct error *err)
{
	_cleanup_(closep) int owned = memory;
	struct once_result result = {.n_frames = 0};
	struct naming_memory *m;
	uint32_t n;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	prctl(PR_SET_NAME, "taskhost-namer", 0, 0, 0);
	m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE, MAP_SHARED, owned, 0);
	if (m == MAP_FAILED)
		return err_set_errno(err, ERR_NOMEM, errno, "cannot map a crash");
	frames_name(&m->crash, &m->about, &result);
	n = (uint32_t)MIN(result.n_frames, (size_t)ONCE_FRAMES_MAX);
	if (n > 0)
		memcpy(m->frames, result.frames, n * sizeof(m->frames[0]));
	memcpy(m->note, result.trace_note, sizeof(m->note));
	m->n_frames = n;
	once_result_done(&result);
	munmap(m, sizeof(*m));
	return hello_send(control, HELLO_READY, NULL, 0, NULL, 0, err);
}
