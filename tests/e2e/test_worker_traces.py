"""What one execution leaves behind in a warm runner does not reach the next ones."""

import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap
import taskhost
import unruly
import worker
from worker import phase

PLUGIN = """
#include <taskhost/author.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

TH_PLUGIN("traces", "1.0.0", "Leaves traces");

static int leave(th_str how)
{
	if (th_str_eq(how, th_s("close")))
		return close(1) + close(2);
	if (th_str_eq(how, th_s("file")))
		return dup2(open("DATA", O_WRONLY | O_CREAT | O_APPEND, 0600), 1) == 1 ? 0 : -1;
	if (th_str_eq(how, th_s("umask")))
		umask(0777);
	if (th_str_eq(how, th_s("chdir")))
		return chdir("/proc");
	return 0;
}

TH_EXECUTOR(Traces, "Leaves traces", TH_TASK_TYPE("traces"))
{
	char directory[512];
	th_str how;
	th_status st = TH_LIT->as_str(TH_LIT->input(run->exec, th_s("do")), &how);
	mode_t mask;

	if (st != TH_OK)
		return st;
	if (!th_str_eq(how, th_s("look")))
		return leave(how) == 0 ? TH_OK : TH_E_USER;
	mask = umask(0);
	umask(mask);
	printf("umask %o in %s, process %d\\n", mask, getcwd(directory, sizeof(directory)), getpid());
	fprintf(stderr, "and this\\n");
	return TH_OK;
}
"""


class Traces(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = taskhost.Place()
        cls.addClassCleanup(shutil.rmtree, cls.place.root, True)
        os.mkdir(cls.place.path("plugins"))
        cls.data = cls.place.path("data.txt")
        done = taskhost.compile_plugin(
            cls.place.path("plugins", "traces.so"),
            cls.place.write("traces.c", PLUGIN.replace("DATA", cls.data)))
        assert done.returncode == 0, done.stderr

    def setUp(self):
        """A worker with one runner, which stays."""
        place = taskhost.Place()
        self.addCleanup(shutil.rmtree, place.root, True)
        self.w = worker.Worker(place, "--slots", "1", plugins=[self.place.path("plugins")],
                               TASKHOST_RUNNERS_IDLE="600s")
        self.addCleanup(self.w.kill)

    def run_one(self, how):
        """What it printed."""
        t = worker.template("traces", {"do": "STRING"})
        meta = self.w.client.create("traces", {"do": how}, metadata=unruly.owned(), task_template=t)
        r = self.w.client.wait(meta)
        self.assertEqual(r.phase, phase("SUCCEEDED"), r)
        return unruly.Worker.logs_of(self.w, meta)

    def look(self):
        return [line for line in self.run_one("look") if not line.startswith("WARNING: ")]

    def told(self):
        return [line for line in list(self.w.lines)
                if "an earlier run in this process had changed" in line]

    def nothing_is_left(self, how, *words):
        before = self.look()
        self.assertEqual(len(before), 2, before)
        for _ in range(2):
            self.run_one(how)
            self.assertEqual(self.look(), before)
        told = unruly.settle(self.told, lambda told: told)
        self.assertEqual(len(told), 1, told)
        for word in words:
            self.assertIn(word, told[0])

    def test_closed_output(self):
        self.nothing_is_left("close", "stdout", "stderr")

    def test_output_to_a_file(self):
        self.nothing_is_left("file", "stdout")
        self.assertEqual(os.path.getsize(self.data), 0)

    def test_umask(self):
        self.nothing_is_left("umask", "the umask")

    def test_working_directory(self):
        self.nothing_is_left("chdir", "the working directory")


if __name__ == "__main__":
    tap.main()
