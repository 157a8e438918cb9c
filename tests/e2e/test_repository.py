"""The house itself: what lies at the top, which layer may use which, what the programs are."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import tap  # noqa: E402

SOURCE = os.environ["TASKHOST_TEST_SOURCE"]
BUILD = os.environ["TASKHOST_TEST_BUILD"]
TOP = {"meson.build", "host", "plugin-api", "plugins", "proto", "tests", "tools", "README.md"}

# A function of the flyte layer, called from a file that belongs to the abi layer.
CALL = "void type_describe(const void *, void *);\nvoid upward(void);\nvoid upward(void) { %s }\n"


class Repository(unittest.TestCase):
    def test_top_level_is_as_given(self):
        names = subprocess.run(
            ["git", "-C", SOURCE, "ls-files", "-co", "--exclude-standard"], text=True, capture_output=True
        )
        if names.returncode != 0:
            listed = set(os.listdir(SOURCE)) - {"build"}
        else:
            listed = {line.split("/")[0] for line in names.stdout.splitlines()}
        self.assertEqual({n for n in listed if not n.startswith(".")}, TOP)

    def link(self, body):
        """Links a file of layer abi as host/abi/meson.build links check-abi: whole, with base only."""
        with tempfile.TemporaryDirectory() as work:
            with open(os.path.join(work, "upward.c"), "w", encoding="utf-8") as text:
                text.write(CALL % body)
            compiled = subprocess.run(
                ["cc", "-fPIE", "-c", "upward.c", "-o", "upward.o"], cwd=work, capture_output=True, text=True
            )
            self.assertEqual(compiled.returncode, 0, compiled.stderr)
            subprocess.run(["ar", "rcs", "libupward.a", "upward.o"], cwd=work, check=True)
            command = ["cc", "-o", "check", os.path.join(SOURCE, "host", "layer_check.c")]
            command += ["-Wl,--whole-archive", "libupward.a", "-Wl,--no-whole-archive"]
            command += [os.path.join(BUILD, "host", "base", "libbase.a"), "-ljansson", "-lnettle"]
            command += ["-fsanitize=address,undefined"] if "asan" in BUILD else []
            return subprocess.run(command, cwd=work, capture_output=True, text=True)

    def test_upward_call_fails_to_link(self):
        ended = self.link("type_describe(0, 0);")
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn("undefined reference to `type_describe'", ended.stderr)

    def test_without_the_upward_call_it_links(self):
        ended = self.link("")
        self.assertEqual(ended.returncode, 0, ended.stderr)

    def test_every_layer_has_a_link_check(self):
        layers = [d for d in os.listdir(os.path.join(SOURCE, "host")) if os.path.isdir(os.path.join(SOURCE, "host", d))]
        for layer in layers:
            if layer != "cli":  # the programs themselves
                self.assertTrue(os.path.exists(os.path.join(BUILD, "host", layer, f"check-{layer}")), layer)

    def layers(self, work):
        return subprocess.run(
            [sys.executable, os.path.join(SOURCE, "tools", "layers")], cwd=work, capture_output=True, text=True
        )

    def test_forbidden_include_is_refused(self):
        with tempfile.TemporaryDirectory() as work:
            os.makedirs(os.path.join(work, "plugins"))
            shutil.copytree(os.path.join(SOURCE, "host", "base"), os.path.join(work, "host", "base"))
            self.assertEqual(self.layers(work).returncode, 0)
            path = os.path.join(work, "host", "base", "wrong.c")
            for include, words in (
                ('#include "registry/registry.h"\n', "base may not include registry/registry.h"),
                ("#include <sqlite3.h>\n", "base may not see <sqlite3.h>"),
            ):
                with open(path, "w", encoding="utf-8") as text:
                    text.write(include)
                ended = self.layers(work)
                self.assertNotEqual(ended.returncode, 0)
                self.assertIn(words, ended.stdout)


if __name__ == "__main__":
    tap.main()
