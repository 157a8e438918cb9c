"""`taskhost fast-execute`: archives, the command that follows, and its end."""

import gzip
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faulty
import tap
import taskhost

# Prints its arguments and what fast-execute is to set.
SHOW = ["python3", "-c", "import json, os, sys; print(json.dumps([sys.argv[1:], "
        "os.environ.get('TASKHOST_PLUGIN_PATH'), os.environ.get('PYTHONPATH')]))"]


class FastExecute(unittest.TestCase):
    def setUp(self):
        self.place = taskhost.Place()
        self.addCleanup(self.place.__exit__)
        self.dest = self.place.path("dest")
        os.makedirs(self.dest)

    def archive(self, name="fast.tar.gz", plain=False, **files):
        """A tar archive of {name: bytes, or TarInfo fields}."""
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path, content in files.items():
                info = tarfile.TarInfo(path)
                if isinstance(content, dict):
                    for k, v in content.items():
                        setattr(info, k, v)
                    content = b""
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        raw = data.getvalue()
        return self.place.write(name, raw if plain else gzip.compress(raw))

    def run_fast(self, *words, env=None, **kw):
        return subprocess.run([taskhost.BIN, "fast-execute", *words], capture_output=True,
                              text=True, timeout=60,
                              env=env or taskhost.clean_env(TASKHOST_PLUGIN_PATH="/elsewhere",
                                                            PYTHONPATH="/py"), **kw)

    def unpack(self, archive, **kw):
        return self.run_fast("--additional-distribution", archive, "--dest-dir", self.dest, "--",
                             "true", **kw)


class Archives(FastExecute):
    def test_gzip_and_plain_under_any_name(self):
        for name, plain in (("a.tar.gz", False), ("b.tar.gz", True), ("c", True), ("d.tar", False)):
            done = self.unpack(self.archive(name, plain, **{f"sub/{name}": b"content"}))
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(self.place.read("dest", "sub", name), b"content")

    def test_file_uri(self):
        done = self.unpack("file://" + self.archive(a=b"1"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(os.listdir(self.dest), ["a"])

    def test_current_directory_unless_told(self):
        archive = self.archive(a=b"1")
        done = self.run_fast("--additional-distribution", archive, "--", "true", cwd=self.dest)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(os.listdir(self.dest), ["a"])

    def refused(self, message, archive):
        done = self.unpack(archive)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertIn(message, done.stderr)

    def test_nothing_outside(self):
        self.refused("'..'", self.archive(**{"../escaped": b"x"}))
        self.refused("absolute", self.archive(**{self.place.path("escaped"): b"x"}))
        self.refused("leads outside", self.archive(
            escaped={"type": tarfile.SYMTYPE, "linkname": "../.."}))
        self.refused("leads outside", self.archive(
            hard={"type": tarfile.LNKTYPE, "linkname": "/etc/hostname"}))
        self.refused("device", self.archive(dev={"type": tarfile.CHRTYPE}))
        self.assertFalse(os.path.exists(self.place.path("escaped")))
        self.assertEqual(os.listdir(self.dest), [])

    def test_what_is_no_archive(self):
        self.refused("not a readable tar archive", self.place.write("x.tar.gz", b"hello"))
        self.refused("not a readable tar archive", self.place.write("y.tar.gz", b""))
        self.refused("nowhere", self.place.path("nowhere.tar.gz"))
        self.refused("s3", "s3://bucket/fast.tar.gz")
        self.refused("Python", self.place.write("pkl.gz", b""))

    def test_destination_must_be_there(self):
        archive = self.archive(a=b"1")
        done = self.run_fast("--additional-distribution", archive, "--dest-dir",
                             self.place.path("none"), "--", "true")
        self.assertEqual(done.returncode, 1)
        self.assertIn("not a directory", done.stderr)

    def test_modes_and_owner(self):
        self.unpack(self.archive(a={"mode": 0o6777}, b={"mode": 0o666}))
        self.assertEqual({n: os.stat(os.path.join(self.dest, n)).st_mode & 0o7777
                          for n in ("a", "b")}, {"a": 0o755, "b": 0o644})
        self.assertEqual(os.stat(os.path.join(self.dest, "a")).st_uid, os.geteuid())


class Commands(FastExecute):
    def test_inserted_words_and_environment(self):
        archive = self.archive(a=b"1")
        done = self.run_fast("--additional-distribution", archive, "--dest-dir", self.dest, "--",
                             *SHOW, "--resolver", "r", "x", "--resolver=r", "--resolver", "s")
        words, plugins, python = json.loads(done.stdout)
        extra = ["--dynamic-addl-distro", archive, "--dynamic-dest-dir", self.dest]
        self.assertEqual(words, [*extra, "--resolver", "r", "x", "--resolver=r", *extra,
                                 "--resolver", "s"])
        real = os.path.realpath(self.dest)
        self.assertEqual((plugins, python), (f"{real}:/elsewhere", f"/py:{real}"))

    def test_environment_that_was_not_set(self):
        env = {k: v for k, v in taskhost.clean_env().items()
               if k not in ("TASKHOST_PLUGIN_PATH", "PYTHONPATH")}
        done = self.run_fast("--dest-dir", self.dest, "--", *SHOW, "--resolver", "r", env=env)
        words, plugins, python = json.loads(done.stdout)
        real = os.path.realpath(self.dest)
        self.assertEqual((words, plugins, python), (["--resolver", "r"], real, real))

    def test_exit_codes(self):
        for script, code in (("exit 7", 7), ("exit 0", 0), ("kill -9 $$", 256 - 9),
                             ("kill -TERM $$", 256 - 15)):
            done = self.run_fast("--", "sh", "-c", script)
            self.assertEqual(done.returncode, code, script)

    def test_command_that_is_not_there(self):
        done = self.run_fast("--", "no-such-command")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no-such-command", done.stderr)

    def test_no_command(self):
        done = self.run_fast("--dest-dir", self.dest)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no command", done.stderr)

    def test_sigterm_goes_on_to_the_command(self):
        flag = self.place.path("started")
        script = f"trap 'exit 9' TERM; touch {flag}; while :; do sleep 0.05; done"
        p = subprocess.Popen([taskhost.BIN, "fast-execute", "--", "sh", "-c", script])
        while not os.path.exists(flag):
            time.sleep(0.01)
        p.send_signal(signal.SIGTERM)
        self.assertEqual(p.wait(timeout=10), 9)

    def test_plugins_of_the_archive_run(self):
        """As Flyte starts it: pyflyte-fast-execute around pyflyte-execute, both by name."""
        with open(os.path.join(faulty.plugin_dir(), "faulty.so"), "rb") as f:
            archive = self.archive(**{"faulty.so": f.read()})
        self.place.write("inputs.pb", taskhost.literal_map(
            {"a": taskhost.literal(1), "b": taskhost.literal(2)}).SerializeToString())
        os.makedirs(self.place.path("bin"))
        link = self.place.path("bin", "pyflyte-fast-execute")
        os.symlink(taskhost.BIN, link)
        done = subprocess.run(
            [link, "--additional-distribution", archive, "--dest-dir", self.dest, "--",
             "pyflyte-execute", *faulty.execute_words(self.place, "add")[1:]],
            env=taskhost.clean_env(TASKHOST_PLUGIN_PATH=""), capture_output=True, text=True)
        outcome = taskhost.Outcome(self.place.path("out"), done)
        self.assertEqual((outcome.code, outcome.stdout), (0, "\n"), outcome.stderr)
        self.assertEqual(outcome.values(), {"o0": 3})

    def test_program_of_the_path_goes_first(self):
        fake = self.place.write("bin/pyflyte-execute", "#!/bin/sh\necho from the path\n")
        os.chmod(fake, 0o755)
        path = self.place.path("bin") + ":" + os.environ["PATH"]
        done = self.run_fast("--", "pyflyte-execute", env=taskhost.clean_env(PATH=path))
        self.assertEqual(done.stdout, "from the path\n")


if __name__ == "__main__":
    tap.main()
