"""Every public header compiles alone, in every language version an author may use; the layout is
the stored one; a plugin is made by one compiler command."""

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import tap  # noqa: E402

SOURCE = os.environ["TASKHOST_TEST_SOURCE"]
INCLUDE = os.path.join(SOURCE, "plugin-api", "include")
HEADERS = sorted(os.listdir(os.path.join(INCLUDE, "taskhost")))
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]
C_COMPILERS = [["gcc", "-xc"], ["clang", "-xc"]]
CPP_COMPILERS = [["g++", "-xc++"], ["clang++", "-xc++"]]

PLUGIN = """
#include <taskhost/author.h>
TH_PLUGIN("tiny", "1.0.0", "One task");
#define ADD(X) X(in, a, integer, "") X(in, b, integer, "") X(out, o0, integer, "")
TH_TASK(add, ADD, "Adds")
{
	out->o0 = in->a + in->b;
	return TH_OK;
}
"""


def compile_text(command, text, *flags):
    return subprocess.run([*command, *flags, "-I", INCLUDE, "-"], input=text, capture_output=True, text=True)


class Headers(unittest.TestCase):
    def each_alone(self, compilers, standards):
        tried = 0
        for compiler, standard, header in itertools.product(compilers, standards, HEADERS):
            if not shutil.which(compiler[0]):
                continue
            with self.subTest(compiler=compiler[0], standard=standard, header=header):
                text = f"#include <taskhost/{header}>\n#include <taskhost/{header}>\nextern int not_empty;\n"
                done = compile_text(compiler, text, f"-std={standard}", *STRICT, "-fsyntax-only")
                self.assertEqual(done.returncode, 0, done.stderr)
                tried += 1
        self.assertGreaterEqual(tried, len(HEADERS))

    def test_alone_as_c11(self):
        self.each_alone(C_COMPILERS, ["c11"])

    def test_alone_as_c17(self):
        self.each_alone(C_COMPILERS, ["c17"])

    def test_alone_as_cpp17(self):
        self.each_alone(CPP_COMPILERS, ["c++17"])

    def test_one_command_builds_a_plugin(self):
        tried = 0
        for compiler, standard in [
            *itertools.product(C_COMPILERS, ["c11", "c17"]),
            *itertools.product(CPP_COMPILERS, ["c++17"]),
        ]:
            if not shutil.which(compiler[0]):
                continue
            with self.subTest(compiler=compiler[0]), tempfile.TemporaryDirectory() as work:
                so = os.path.join(work, "tiny.so")
                flags = ["-shared", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror"]
                done = compile_text(compiler, PLUGIN, f"-std={standard}", *flags, "-o", so)
                self.assertEqual(done.returncode, 0, done.stderr)
                names = subprocess.run(
                    ["nm", "-D", "--defined-only", so], capture_output=True, text=True, check=True
                ).stdout.split()
                self.assertEqual(names[2::3], ["th_plugin_main"])
                tried += 1
        self.assertGreaterEqual(tried, 3)

    def test_layout_is_the_stored_one(self):
        for compiler in ("gcc", "clang"):
            if not shutil.which(compiler):
                continue
            with self.subTest(compiler=compiler):
                done = subprocess.run(
                    [sys.executable, os.path.join(SOURCE, "tools", "abi-layout"), "--check"],
                    env={**os.environ, "CC": compiler},
                    capture_output=True,
                    text=True,
                )
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_layout_covers_every_struct(self):
        """Nothing public is forgotten by the listing: the headers hold no struct it does not name."""
        with open(os.path.join(SOURCE, "tests", "golden", "abi-layout.txt"), encoding="utf-8") as file:
            listed = {line.split()[1].rstrip(":") for line in file if line.startswith("struct ")}
        text = "#include <taskhost/plugin-api.h>\n"
        done = compile_text(["gcc", "-xc"], text, "-E", "-P")
        words = done.stdout.replace("{", " { ").split()
        defined = {
            words[i + 1] for i in range(len(words) - 2) if words[i] == "struct" and words[i + 2] == "{"
        }
        self.assertEqual({d for d in defined if d.startswith("th_")}, listed)
        self.assertGreater(len(listed), 20)


if __name__ == "__main__":
    tap.main()
