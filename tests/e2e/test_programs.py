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
SANITIZERS = re.compile(r"lib(asan|ubsan|tsan)\.so")


def readelf(*flags):
    return subprocess.run(["readelf", "-W", *flags, taskhost.BIN], check=True,
                          capture_output=True, text=True).stdout


class Programs(unittest.TestCase):
    def test_libc_is_the_only_shared_library(self):
        needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", readelf("-d")))
        self.assertIn("libc.so.6", needed)
        if any(SANITIZERS.match(n) for n in needed):  # they bring libm and others along
            needed = {n for n in needed if not SANITIZERS.match(n)} - {"libm.so.6", "libgcc_s.so.1"}
        self.assertEqual(needed - LIBC, set())

    def test_hardening(self):
        self.assertRegex(readelf("-h"), r"Type:\s+DYN")  # position-independent
        program = readelf("-l")
        self.assertRegex(program, r"GNU_STACK\s+\S+ \S+ \S+ \S+ \S+ RW ")
        self.assertIn("GNU_RELRO", program)
        self.assertRegex(readelf("-d"), r"BIND_NOW|\bNOW\b")
        self.assertIn("__stack_chk_fail", readelf("--dyn-syms"))

    def test_no_symbols_for_plugins_to_hang_on_to(self):
        exported = [line.split()[7] for line in readelf("--dyn-syms").splitlines()
                    if re.search(r" (GLOBAL|WEAK) +DEFAULT +\d+ ", line)]
        ours = [s for s in exported if not s.startswith(("_", "__")) and "@" not in s]
        if SANITIZERS.search(readelf("-d")):
            return
        self.assertEqual(ours, [])

    def test_names_it_stands_in_for(self):
        with taskhost.Place() as place:
            for name in ("pyflyte-execute", "pyflyte-fast-execute", "pyflyte-map-execute"):
                os.symlink(taskhost.BIN, place.path(name))
                done = subprocess.run([place.path(name), "--help"], capture_output=True, text=True)
                self.assertEqual(done.returncode, 0)
                self.assertTrue(done.stdout.startswith(f"Usage: {name} "), done.stdout)


if __name__ == "__main__":
    tap.main()
