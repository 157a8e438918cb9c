#include "cli/status_line.h"

#include "base/mem.h"
#include "cli/worker_format.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TO_START_AND_ERASE "\r\033[K"

static size_t terminal_width(void)
{
	struct winsize size = {.ws_col = 0};

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

void status_line_show(struct status_line *s, const char *text)
{
	_cleanup_(buf_done) struct buf line = BUF_INIT;

	if (!isatty(STDERR_FILENO))
		return;
	buf_puts(&line, TO_START_AND_ERASE);
	/* The last column is left free: some terminals begin a new line there. */
	format_line(text, terminal_width() - 1, &line);
	if (!line.failed)
		fwrite(line.data, 1, line.len, stderr);
	fflush(stderr);
	s->shown = true;
}

void status_line_clear(struct status_line *s)
{
	if (s->shown)
		fputs(TO_START_AND_ERASE, stderr);
	s->shown = false;
}
