"""What the built programs are: what they link, how they are hardened, the names they go by."""

import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap
import taskhost

LIBC = {"libc.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
# The worker's SQLite names mathematical functions; libm is a part of libc.
ALLOWED = {"": LIBC, "d": LIBC | {"libm.so.6"}, "-runner": LIBC}
SANITIZERS = re.compile(r"lib(asan|ubsan|tsan)\.so")


PROGRAMS = {taskhost.BIN + suffix: libraries for suffix, libraries in ALLOWED.items()}


def readelf(program, *flags):
    return subprocess.run(["readelf", "-W", *flags, program], check=True,
                          capture_output=True, text=True).stdout


class Programs(unittest.TestCase):
    def test_libc_is_the_only_shared_library(self):
        for program, allowed in PROGRAMS.items():
            needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", readelf(program, "-d")))
            self.assertIn("libc.so.6", needed)
            if any(SANITIZERS.match(n) for n in needed):  # they bring libm and others along
                needed = {n for n in needed if not SANITIZERS.match(n)} - {"libm.so.6", "libgcc_s.so.1"}
            self.assertEqual(needed - allowed, set(), program)

    def test_hardening(self):
        for program in PROGRAMS:
            self.assertRegex(readelf(program, "-h"), r"Type:\s+DYN", program)  # position-independent
            segments = readelf(program, "-l")
            self.assertRegex(segments, r"GNU_STACK\s+\S+ \S+ \S+ \S+ \S+ RW ", program)
            self.assertIn("GNU_RELRO", segments, program)
            self.assertRegex(readelf(program, "-d"), r"BIND_NOW|\bNOW\b", program)
            self.assertIn("__stack_chk_fail", readelf(program, "--dyn-syms"), program)

    def test_no_symbols_for_plugins_to_hang_on_to(self):
        for program in PROGRAMS:
            exported = [line.split()[7] for line in readelf(program, "--dyn-syms").splitlines()
                        if re.search(r" (GLOBAL|WEAK) +DEFAULT +\d+ ", line)]
            ours = [s for s in exported if not s.startswith(("_", "__")) and "@" not in s]
            if not SANITIZERS.search(readelf(program, "-d")):
                self.assertEqual(ours, [], program)

    def test_names_it_stands_in_for(self):
        with taskhost.Place() as place:
            for name in ("pyflyte-execute", "pyflyte-fast-execute", "pyflyte-map-execute"):
                os.symlink(taskhost.BIN, place.path(name))
                done = subprocess.run([place.path(name), "--help"], capture_output=True, text=True)
                self.assertEqual(done.returncode, 0)
                self.assertTrue(done.stdout.startswith(f"Usage: {name} "), done.stdout)


if __name__ == "__main__":
    tap.main()
