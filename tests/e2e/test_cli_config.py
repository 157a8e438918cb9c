"""taskhost config show and check."""

import json
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402
import taskhost  # noqa: E402


class Config(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="taskhost-test-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def path(self, name, text=None):
        path = os.path.join(self.dir, name)
        if text is not None:
            with open(path, "w") as f:
                f.write(text)
        return path

    def config(self, *args, **env):
        clean = {k: v for k, v in taskhost.clean_env().items() if not k.startswith("TASKHOST_")}
        return taskhost.call("config", *args, env={**clean, "HOME": self.dir, **env})

    def settings(self, *args, **env):
        done = self.config("show", "-o", "json", *args, **env)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return {s["key"]: s for s in json.loads(done.stdout)["settings"]}

    def test_show_says_where_from(self):
        file = self.path("w.json", '{"drain": {"grace": "10s"}, "slots": 3}')
        got = self.settings("--config", file, "--lameduck", "1s", "--set", "log.quota=2Mi",
                            TASKHOST_SLOTS="7", TASKHOST_STATE="/tmp/s")
        for key, value, source, where in (
                ("drain.grace", "10s", "file", file), ("slots", "7", "environment", "TASKHOST_SLOTS"),
                ("drain.lameduck", "1s", "flag", "--lameduck"), ("log.quota", "2Mi", "flag", "--set"),
                ("state", "/tmp/s", "environment", "TASKHOST_STATE")):
            self.assertEqual(got[key], {"key": key, "value": value, "source": source, "where": where})
        self.assertEqual(got["drain.cancel"], {"key": "drain.cancel", "value": "3s", "source": "default"})

    def test_show_as_text(self):
        done = self.config("show", "--slots", "8", "--slots", "plugin:arith=2")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = done.stdout.splitlines()
        self.assertRegex(lines[0], r"^KEY +VALUE +FROM$")
        self.assertTrue(any(line.split() == ["slots", "8", "flag", "--slots"] for line in lines))
        self.assertTrue(any(line.split() == ["per_plugin.arith.slots", "2", "flag", "--slots"]
                            for line in lines))
        self.assertTrue(any(line.split() == ["drain.grace", "25s", "default"] for line in lines))

    def test_default_slots_follow_affinity(self):
        cpus = os.sched_getaffinity(0)
        value = self.settings()["slots"]["value"]
        self.assertRegex(value, r"^\d+ \(auto\)$")
        self.assertLessEqual(int(value.split()[0]), len(cpus))

    def test_show_with_problems_fails_and_still_shows(self):
        file = self.path("w.json", '{"drian": {}, "slots": 0}')
        done = self.config("show", "--config", file)
        self.assertEqual(done.returncode, 1)
        self.assertIn("drain.grace", done.stdout)
        self.assertIn(f"taskhost config show: {file}: drian: there is no such setting; did you mean drain?\n",
                      done.stderr)
        self.assertIn(f"taskhost config show: {file}: slots: \"0\" is not allowed", done.stderr)

    def test_check_accepts_what_is_good(self):
        plugins = self.path("plugins")
        os.mkdir(plugins)
        done = self.config("check", "--plugins", plugins, "--state", self.path("state"))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "ok\n", ""))
        self.assertEqual(os.listdir(self.dir), ["plugins"])  # checking makes nothing

    def test_check_tells_all_that_is_wrong(self):
        file = self.path("w.json", json.dumps({
            "drain": {"grace": 5}, "tls": {"cert": self.path("no.pem"), "key": self.path("no.key")},
            "plugins": [self.path("none")], "meta_key_file": self.path("no.meta")}))
        done = self.config("check", "--config", file, "-o", "json")
        self.assertEqual(done.returncode, 1)
        report = json.loads(done.stdout)
        self.assertFalse(report["ok"])
        self.assertEqual(report["problems"], [
            f"{file}: drain.grace: it must be a duration with its unit, such as \"30s\", not a number",
            f"plugins: {self.path('none')}: No such file or directory",
            f"tls.cert: {self.path('no.pem')}: No such file or directory",
            f"tls.key: {self.path('no.key')}: No such file or directory",
            f"meta_key_file: {self.path('no.meta')}: No such file or directory"])

    def test_check_of_an_unwritable_state_directory(self):
        state = os.path.join(self.path("file", ""), "below", "it")
        done = self.config("check", "--plugins", self.dir, "--state", state)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr, f"taskhost config check: state: {state} cannot be written: "
                                      "Not a directory\n")

    def test_slips_in_the_environment_are_noted(self):
        done = self.config("check", "--plugins", self.dir, TASKHOST_LISTNE="x", TASKHOST_SERVICE_PORT="80")
        self.assertEqual((done.returncode, done.stdout), (0, "ok\n"))
        self.assertEqual(done.stderr, "taskhost config check: note: TASKHOST_LISTNE is not known; did you "
                                      "mean TASKHOST_LISTEN?\n")

    def test_missing_or_broken_file(self):
        done = self.config("check", "--config", self.path("none.json"))
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.assertIn("--config: ", done.stderr)
        done = self.config("check", "--config", self.path("w.json", '{"slots": 1,}'))
        self.assertEqual(done.returncode, 1)
        self.assertIn("w.json", done.stderr)
        self.assertIn("line 1", done.stderr)

    def test_unknown_option_suggests(self):
        done = self.config("show", "--graze", "1s")
        self.assertEqual(done.returncode, 2)
        self.assertIn("No such option: --graze Did you mean --grace?", done.stderr)

    def test_every_shown_value_can_be_set(self):
        """What show prints goes into a file, and comes out again."""
        before = self.settings()
        tree = {}
        numbers = {"runners.min", "runners.max", "runners.spares", "runners.max_runs",
                   "limits.open_files", "limits.processes"}
        lists = {"plugins", "trust", "listen", "task_types.allow", "task_types.deny"}
        for key, s in before.items():
            value = s["value"]
            if key == "slots":
                value = "auto"
            elif key in numbers:
                value = int(value)
            elif key in lists:
                value = value.split(", ") if value else []
            at = tree
            *groups, last = key.split(".")
            for g in groups:
                at = at.setdefault(g, {})
            at[last] = value
        after = self.settings("--config", self.path("w.json", json.dumps(tree)))
        self.assertEqual({k: s["value"] for k, s in after.items()},
                         {k: s["value"] for k, s in before.items()})
        self.assertEqual({s["source"] for s in after.values()}, {"file"})


if __name__ == "__main__":
    tap.main()
