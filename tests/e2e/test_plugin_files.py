"""Files in a plugin directory, good and bad, as an operator meets them: plugin ls, inspect, check."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import tap  # noqa: E402
import taskhost  # noqa: E402

FIXTURES = os.path.join(os.environ["TASKHOST_TEST_BUILD"], "tests", "plugins")

# By the file alone: {plugin: (rule, words of the finding)}
REFUSED = {
    "newer_abi": ("abi", "built for plugin ABI 2.0; this host speaks 1.0"),
    "newer_note": ("note", "note version 2 is newer"),
    "broken_note": ("note", "not JSON"),
    "reserved_id": ("note", "'flytekit.core' is reserved"),
    "needs_future": ("extension", "th.future/9"),
    "hidden_entry": ("no-entry", "th_plugin_main"),
    "exec_stack": ("exec-stack", "executable stack"),
    "text_relocations": ("text-relocations", "-fPIC"),
    "rpath": ("rpath", "/opt/other"),
    "runpath": ("rpath", "$ORIGIN/lib"),
    "missing_symbol": ("missing-symbol", "nowhere_one"),
    "missing_library": ("missing-library", "libgone.so.1"),
    "missing_version": ("missing-symbol", "GLIBC_2.99"),
}
WARNED = {"extra_export": ("extra-export", "helper"), "kit": ("weak-hardening", "stack protector")}

# By running it: {plugin: (step, words of the reason)}
MISBEHAVED = {
    "ctor_abort": ("load", "SIGABRT"),
    "init_crashes": ("init", "SIGSEGV"),
    "init_exits": ("init", "exit code 7"),
    "init_fails": ("init", "the licence server does not answer"),
    "init_garbage": ("init", "unknown status"),
    "init_forks": ("leave", "process"),
    "thread_stays": ("leave", "threads still run"),
    "busy": ("quiesce", "two uploads are running"),
    "refuses": ("load", "needs a host of 2.0 or newer"),
    "no_table": ("load", "no table"),
    "small_struct": ("load", "struct_size is 16"),
    "unknown_flags": ("load", "flags 0x10"),
    "reserved_set": ("load", "reserved is 0x1"),
    "null_execute": ("load", "execute_from_model is NULL"),
    "other_id": ("load", "the note says id 'other_id', the code 'another'"),
    "other_version": ("load", "the note says version '9.9.9'"),
    "other_executor": ("load", "executor 'Walk'"),
    "unlisted_task": ("load", "task 'ghost'"),
    "resolver_lies": ("list tasks", "task 'other'"),
    "resolver_endless": ("list tasks", "does not end"),
    "resolver_lists_none": ("compare", "no resolver lists it"),
}


def fixture(name):
    return os.path.join(FIXTURES, name + ".so")


def call(*args, **more):
    env = taskhost.clean_env(TASKHOST_TRUST_PLUGINS=FIXTURES, TASKHOST_PLUGIN_PATH="")
    return taskhost.call(*args, env=env, **more)


class PluginFiles(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)

    def put(self, *names):
        for name in names:
            shutil.copy(fixture(name), self.dir)

    def listed(self, *dirs):
        done = call("plugin", "ls", "-o", "json", *(dirs or [self.dir]))
        return {p["name"]: p for p in json.loads(done.stdout)["plugins"]}

    def finding(self, name):
        done = call("plugin", "inspect", "-o", "json", fixture(name))
        report = json.loads(done.stdout)
        return done, report, {f["rule"]: f for f in report["findings"]}

    def test_inspect_refuses(self):
        for name, (rule, words) in REFUSED.items():
            with self.subTest(plugin=name):
                done, report, findings = self.finding(name)
                self.assertEqual(done.returncode, 1)
                self.assertEqual(report["verdict"], "refused")
                self.assertTrue(findings[rule]["level"].startswith("refuse"))
                self.assertIn(words, findings[rule]["text"])

    def test_inspect_warns(self):
        for name, (rule, words) in WARNED.items():
            with self.subTest(plugin=name):
                done, report, findings = self.finding(name)
                self.assertEqual((done.returncode, report["verdict"]), (0, "loadable"))
                self.assertTrue(findings[rule]["level"].startswith("warn"))
                self.assertIn(words, findings[rule]["text"])

    def test_refused_ones_are_never_run(self):
        """check says no to them as inspect does, before any of their code."""
        for name, (_, words) in REFUSED.items():
            with self.subTest(plugin=name):
                done = call("plugin", "check", "-o", "json", fixture(name))
                report = json.loads(done.stdout)
                self.assertEqual((done.returncode, report["ok"]), (1, False))
                self.assertIn(words, report["reason"])

    def test_check_finds_misbehaviour(self):
        for name, (step, words) in MISBEHAVED.items():
            with self.subTest(plugin=name):
                done = call("plugin", "check", "-o", "json", fixture(name))
                report = json.loads(done.stdout)
                self.assertEqual((done.returncode, report["ok"]), (1, False))
                self.assertEqual(report["failed_step"], step)
                self.assertIn(words, report["reason"])

    def test_check_ends_a_hang(self):
        done = call("plugin", "check", "-o", "json", "--timeout", "300ms", fixture("init_hangs"), timeout=20)
        report = json.loads(done.stdout)
        self.assertEqual((done.returncode, report["failed_step"]), (1, "init"))
        self.assertIn("no answer within 0.3 s", report["reason"])
        self.assertLess(report["elapsed_ms"], 3000)

    def test_check_is_happy(self):
        for name in ("good", "kit", "kit_stripped", "kit_lto", "resolver_good", "own_malloc"):
            with self.subTest(plugin=name):
                done = call("plugin", "check", "-o", "json", fixture(name))
                self.assertEqual((done.returncode, json.loads(done.stdout)["ok"]), (0, True), done.stdout)

    def test_every_kind_of_file(self):
        self.put("good", "no_note", "exec_stack")
        made = {
            "text.so": b"hello\n",
            "empty.so": b"",
            "cut.so": open(fixture("good"), "rb").read()[:5000],
            "notes.txt": b"to do\n",
        }
        for name, data in made.items():
            with open(os.path.join(self.dir, name), "wb") as file:
                file.write(data)
        with open(os.path.join(self.dir, "huge.so"), "wb") as file:
            file.truncate((64 << 20) + 1)
        os.mkdir(os.path.join(self.dir, "folder.so"))
        os.mkfifo(os.path.join(self.dir, "fifo.so"))
        os.symlink("/nowhere", os.path.join(self.dir, "dangling.so"))
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(os.path.join(self.dir, "socket.so"))
        plugins = self.listed()
        self.assertEqual(plugins["good"]["state"], "active")
        self.assertEqual(plugins["no_note"]["state"], "not-a-plugin")
        for name, words in {
            "text": "not an ELF file",
            "empty": "is empty",
            "cut": "truncated",
            "huge": "64 MiB",
            "folder": "is a directory",
            "fifo": "is a fifo",
            "socket": "is a socket",
            "dangling": "leads nowhere",
            "exec_stack": "executable stack",
        }.items():
            with self.subTest(file=name):
                self.assertEqual(plugins[name]["state"], "refused")
                self.assertIn(words, plugins[name]["reason"])

    def test_wrong_machine_and_width(self):
        for name, at, value, words in (
            ("arm", 18, b"\x28\x00", "built for machine arm"),
            ("narrow", 4, b"\x01", "a 32-bit file"),
            ("big", 5, b"\x02", "big-endian"),
        ):
            data = bytearray(open(fixture("good"), "rb").read())
            data[at : at + len(value)] = value
            with open(os.path.join(self.dir, name + ".so"), "wb") as file:
                file.write(data)
            with self.subTest(file=name):
                self.assertIn(words, self.listed()[name]["reason"])

    def test_ownership_and_trust(self):
        self.put("good")
        path = os.path.join(self.dir, "good.so")
        os.chmod(path, 0o666)
        plugin = self.listed()["good"]
        self.assertEqual(plugin["state"], "refused")
        for words in (path, "can be written by everyone", "chmod go-w", "--trust-plugins"):
            self.assertIn(words, plugin["reason"])
        env = taskhost.clean_env(TASKHOST_TRUST_PLUGINS=self.dir)
        done = taskhost.call("plugin", "ls", "-o", "json", self.dir, env=env)
        self.assertEqual(json.loads(done.stdout)["plugins"][0]["state"], "active")
        self.assertIn(self.dir, done.stderr)  # lifting a rule is logged

    def test_no_environment_when_setuid(self):
        if os.geteuid() != 0:
            self.skipTest("only root can make a program another user's")
        if os.statvfs(self.dir).f_flag & os.ST_NOSUID:
            self.skipTest("set-user-id programs do not work here")
        os.chmod(self.dir, 0o755)
        program = os.path.join(self.dir, "taskhost")
        shutil.copy(taskhost.BIN, program)
        os.chown(program, 65534, 65534)
        env = taskhost.clean_env(TASKHOST_PLUGIN_PATH=FIXTURES, TASKHOST_TRUST_PLUGINS="/")
        for mode, heard in ((0o755, True), (0o4755, False)):
            os.chmod(program, mode)
            done = subprocess.run([program, "plugin", "ls", "-o", "json"], env=env, capture_output=True, text=True)
            self.assertEqual(FIXTURES in json.loads(done.stdout)["directories"], heard)

    def test_mounted_as_kubernetes_does(self):
        data = os.path.join(self.dir, "..2026")
        os.mkdir(data)
        shutil.copy(fixture("good"), data)
        os.symlink("..2026", os.path.join(self.dir, "..data"))
        os.symlink("..data/good.so", os.path.join(self.dir, "good.so"))
        self.assertEqual(self.listed()["good"]["state"], "active")
        os.chmod(data, 0o777)
        self.assertIn(data, self.listed()["good"]["reason"])

    def test_one_id_two_files(self):
        self.put("good")
        other = os.path.join(self.dir, "zweit.so")
        shutil.copy(fixture("good"), other)
        plugins = self.listed()
        self.assertEqual(plugins["good"]["state"], "active")
        self.assertEqual(plugins["zweit"]["state"], "refused")
        self.assertIn(os.path.join(self.dir, "good.so"), plugins["zweit"]["reason"])

    def test_one_task_type_two_plugins(self):
        self.put("claim_a", "claim_b")
        plugins = self.listed()
        self.assertEqual(plugins["claim_a"]["lost_claims"], [])
        self.assertEqual(plugins["claim_b"]["state"], "active")
        self.assertEqual(len(plugins["claim_b"]["lost_claims"]), 2)
        self.assertIn("task type 'claimed' (claimed by", " ".join(plugins["claim_b"]["lost_claims"]))


if __name__ == "__main__":
    tap.main()
