/* A runner program whose plugin is fake_ops. FAKE_BUILD in the environment makes it one of another
 * build, FAKE_NAMER one that says twice what the frames of a crash are called. */
#include "fake_ops.h"
#include "runners/hello.h"
#include "runners/naming.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define CONTROL 3

static int be_foreign(const char *build)
{
	static struct hello h;
	struct error err = ERROR_INIT;

	if (hello_receive(CONTROL, true, &h, &err) <= 0)
		return 1;
	hello_send_as(CONTROL, build, HELLO_REFUSED, NULL, 0, NULL, 0, NULL);
	return 1;
}

static bool is_namer(void)
{
	struct hello_head head;

	return recv(CONTROL, &head, sizeof(head), MSG_PEEK) == sizeof(head) &&
	       head.kind == HELLO_NAME;
}

static int name_twice(void)
{
	static struct hello h;
	struct naming_memory *m;

	if (hello_receive(CONTROL, true, &h, NULL) <= 0)
		return 1;
	m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE, MAP_SHARED, h.fds[0], 0);
	if (m == MAP_FAILED)
		return 1;
	for (int i = 0; i < 3; i++)
		snprintf(m->frames[i].text, sizeof(m->frames[i].text), "frame %d", i);
	m->n_frames = 3;
	hello_send(CONTROL, HELLO_READY, NULL, 0, NULL, 0, NULL);
	hello_send(CONTROL, HELLO_READY, NULL, 0, NULL, 0, NULL);
	return 0;
}

int main(void)
{
	const char *build = getenv("FAKE_BUILD");

	if (build)
		return be_foreign(build);
	if (getenv("FAKE_NAMER") && is_namer())
		return name_twice();
	return runner_serve(CONTROL, &fake_ops, NULL, NULL) < 0;
}
