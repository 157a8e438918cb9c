/* A runner program whose plugin is fake_ops. FAKE_BUILD in the environment makes it one of another
 * build. */
#include "fake_ops.h"
#include "runners/hello.h"

#include <stdlib.h>

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

int main(void)
{
	const char *build = getenv("FAKE_BUILD");

	if (build)
		return be_foreign(build);
	return runner_serve(CONTROL, &fake_ops, NULL, NULL) < 0;
}
