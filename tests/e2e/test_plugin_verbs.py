"""`taskhost plugin ls`, `inspect`, `check` and `new`, and `taskhost resolve`."""

import json
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faulty
import tap
import taskhost


class Verbs(unittest.TestCase):
    def setUp(self):
        self.place = taskhost.Place()
        self.addCleanup(self.place.__exit__)

    def call(self, *words, code=0, **env):
        done = taskhost.call(*words, env=faulty.env(**env))
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def json(self, *words, code=0, **env):
        return json.loads(self.call(*words, "-o", "json", code=code, **env).stdout)

    def plugin(self, path, source, *flags):
        """Compiles a plugin from C text; its path."""
        text = self.place.write(path + ".c", "#include <taskhost/author.h>\n" + source)
        done = taskhost.compile_plugin(self.place.path(path), text, *flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.place.path(path)

    def echo_like(self, path, plugin_id, task_type="mine"):
        return self.plugin(path, f"""
            TH_PLUGIN("{plugin_id}", "2.1.0", "About {plugin_id}");
            TH_EXECUTOR(Run, "Does nothing", TH_TASK_TYPE("{task_type}") TH_ALIAS("some.Alias"))
            {{ (void)run; return TH_OK; }}
            #define NONE(X)
            TH_TASK(one, NONE, "Nothing at all") {{ return TH_OK; }}""")


class Ls(Verbs):
    def folder(self):
        self.echo_like("p/alpha.so", "alpha")
        self.echo_like("p/beta.so", "beta")
        self.place.write("p/broken.so", b"\x7fELF nothing")
        self.place.write("p/notes.txt", "not a plugin")
        return self.place.path("p")

    def test_ls_text(self):
        out = self.call("plugin", "ls", self.folder()).stdout
        self.assertRegex(out, r"(?m)^alpha 2\.1\.0  active  .*/p/alpha\.so$")
        self.assertIn("tasks: alpha.one\n", out)
        self.assertIn("executors: alpha.Run (task type mine, alias some.Alias)\n", out)
        self.assertRegex(out, r"(?m)^beta 2\.1\.0  active ")
        self.assertRegex(out, r"(?m)^  without: .*'?mine'?.*alpha")
        self.assertRegex(out, r"(?m)^broken  (not-a-plugin|refused)  .*/p/broken\.so\n  reason: ")
        self.assertNotIn("notes.txt", out)
        self.assertIn("notes.txt", self.call("plugin", "ls", "--all", self.folder()).stdout)

    def test_ls_json(self):
        listing = self.json("plugin", "ls", self.folder())
        self.assertEqual(listing["directories"], [os.path.realpath(self.place.path("p"))])
        plugins = {p["name"]: p for p in listing["plugins"]}
        self.assertEqual(set(plugins), {"alpha", "beta", "broken"})
        alpha = plugins["alpha"]
        self.assertEqual((alpha["id"], alpha["version"], alpha["state"], alpha["about"]),
                         ("alpha", "2.1.0", "active", "About alpha"))
        self.assertEqual(alpha["abi"], [1, 0])
        self.assertEqual([t["name"] for t in alpha["tasks"]], ["alpha.one"])
        executor, = (e for e in alpha["executors"] if e["name"] == "alpha.Run")
        self.assertEqual(executor["task_types"],
                         [{"type": "mine", "version": 0, "sync": False}])
        self.assertEqual(executor["aliases"], ["some.Alias"])
        self.assertEqual((alpha["lost_claims"], len(plugins["beta"]["lost_claims"])), ([], 2))
        self.assertTrue(plugins["broken"]["reason"])

    def test_ls_along_the_search_path(self):
        listing = self.json("plugin", "ls", TASKHOST_PLUGIN_PATH=self.folder())
        self.assertIn("alpha", [p["name"] for p in listing["plugins"]])
        self.assertGreater(len(listing["directories"]), 1)

    def test_ls_empty_and_missing(self):
        os.makedirs(self.place.path("empty"))
        self.assertIn("no plugins in", self.call("plugin", "ls", self.place.path("empty")).stdout)
        self.assertIn("nowhere", self.call("plugin", "ls", "/nowhere", code=3).stderr)
        self.assertIn("plugin inspect",
                      self.call("plugin", "ls", self.place.write("f", b""), code=1).stderr)


class Inspect(Verbs):
    def test_inspect_text(self):
        out = self.call("plugin", "inspect", os.path.join(faulty.plugin_dir(), "faulty.so")).stdout
        for words in ("faulty.so: loadable\n", "plugin faulty 1.0.0, ABI 1.0\n",
                      "task add(a: integer, b: integer = default) -> (o0: integer)\n",
                      "executor Hog\n", "needs th.literal/1 and th.model/1\n", "build-id ",
                      "hardening: relro ", "library libc.so.6 => /", "symbols: "):
            self.assertIn(words, out)

    def test_inspect_all_symbols(self):
        out = self.call("plugin", "inspect", "--all",
                        os.path.join(faulty.plugin_dir(), "faulty.so")).stdout
        self.assertIn("gives th_plugin_main\n", out)
        self.assertRegex(out, r"(?m)^takes abort@GLIBC_\S+ from libc\.so\.6$")

    def test_inspect_json(self):
        report = self.json("plugin", "inspect", os.path.join(faulty.plugin_dir(), "faulty.so"))
        self.assertEqual((report["verdict"], report["reason"], report["id"]),
                         ("loadable", None, "faulty"))
        add = report["tasks"][0]
        self.assertEqual(add["inputs"], [
            {"name": "a", "type": "integer", "about": "first term", "required": True},
            {"name": "b", "type": "integer", "about": "second term", "required": False}])
        self.assertEqual(add["outputs"], [{"name": "o0", "type": "integer", "about": "the sum"}])
        self.assertRegex(report["elf"]["build_id"], r"^[0-9a-f]{8,}$")
        self.assertEqual(report["exported"], ["th_plugin_main"])
        self.assertIn("abort", [u["name"] for u in report["undefined"]])
        self.assertIn("libc.so.6", [x["name"] for x in report["libraries"]])
        self.assertIsInstance(report["unmappable"], bool)

    def test_inspect_missing_symbol_is_named(self):
        path = self.plugin("gone.so", """
            TH_PLUGIN("gone", "1.0.0", "x");
            #define NONE(X)
            extern int not_to_be_found(void);
            TH_TASK(one, NONE, "x") { return not_to_be_found(); }""")
        out = self.call("plugin", "inspect", path, code=1).stdout
        self.assertIn("gone.so: refused", out)
        self.assertIn("not_to_be_found", out)
        report = self.json("plugin", "inspect", path, code=1)
        self.assertEqual(report["verdict"], "refused")
        self.assertIn("refused", [f["level"] for f in report["findings"]])

    def test_inspect_owner_and_mode(self):
        path = self.echo_like("w.so", "w")
        os.chmod(path, 0o666)
        out = self.call("plugin", "inspect", path, code=1).stdout
        self.assertIn("w.so: refused: ", out)
        self.assertIn("plugin w 2.1.0", out)
        self.call("plugin", "inspect", "--trust-plugins", self.place.root, path)

    def test_inspect_other_files(self):
        text = self.place.write("text", "hello")
        self.assertIn("not-a-plugin", self.call("plugin", "inspect", text, code=1).stdout)
        self.assertIn("not-a-plugin", self.call("plugin", "inspect", self.place.root, code=1).stdout)
        self.assertIn("nowhere", self.call("plugin", "inspect", "/nowhere.so", code=3).stderr)
        os.mkfifo(self.place.path("fifo"))
        self.call("plugin", "inspect", self.place.path("fifo"), code=1)


class Check(Verbs):
    PATH = property(lambda self: os.path.join(faulty.plugin_dir(), "faulty.so"))

    def test_check_well_behaved(self):
        out = self.call("plugin", "check", self.PATH).stdout
        self.assertIn("faulty.so: all is well, ", out)
        report = self.json("plugin", "check", self.PATH)
        self.assertEqual((report["ok"], report["failed_step"], report["reason"], report["signal"]),
                         (True, None, None, 0))
        self.assertIn("add", report["tasks"])
        self.assertGreater(report["elapsed_ms"], 0)

    def test_check_crash_in_init(self):
        report = self.json("plugin", "check", self.PATH, code=1, FAULTY_INIT="crash")
        self.assertEqual((report["ok"], report["failed_step"], report["signal"]),
                         (False, "init", 6))

    def test_check_hang_under_the_deadline(self):
        done = self.call("plugin", "check", "--timeout", "300ms", self.PATH, code=1,
                         FAULTY_INIT="hang")
        self.assertIn('failed at "init"', done.stdout)

    def test_check_bad_deinit(self):
        report = self.json("plugin", "check", self.PATH, code=1, FAULTY_DEINIT="crash")
        self.assertEqual(report["failed_step"], "deinit")

    def test_check_refused_before_it_runs(self):
        text = self.place.write("text.so", "hello")
        report = self.json("plugin", "check", text, code=1)
        self.assertFalse(report["ok"])
        self.assertTrue(report["reason"])
        self.assertIn("/nowhere.so", self.call("plugin", "check", "/nowhere.so", code=3).stderr)

    def test_check_timeout_above_zero(self):
        self.call("plugin", "check", "--timeout", "0s", self.PATH, code=2)


class New(Verbs):
    def make(self, *words, plugin="greet"):
        folder = self.place.path("new")
        shutil.rmtree(folder, ignore_errors=True)
        out = self.call("plugin", "new", plugin, "--dir", folder, *words).stdout
        self.assertIn(folder, out)
        return folder

    def build_and_check(self, folder, plugin, *flags):
        """As its README says, out of this tree: the test of the folder checks the plugin and runs
        the sample."""
        os.symlink(taskhost.BIN, self.place.path("taskhost"))
        env = taskhost.clean_env(PATH=self.place.root + ":" + os.environ["PATH"])
        for words in (("meson", "setup", "build", *flags), ("meson", "test", "-C", "build", "-v")):
            done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"Ok: +1\b")
        built = os.path.join(folder, "build", f"{plugin}.so")
        report = self.json("plugin", "inspect", built)
        self.assertEqual([f for f in report["findings"] if f["level"] != "notice"], [])
        return built

    def test_new_c(self):
        folder = self.make()
        self.assertEqual(sorted(os.listdir(folder)),
                         ["README.md", "check", "meson.build", "plugin.c", "sample"])
        built = self.build_and_check(folder, "greet", f"-Dc_args=-I{taskhost.INCLUDE}")
        done = taskhost.call("run", "greet.mean", "--plugins", os.path.dirname(built), "-i",
                             "values=[1, 2, 6]")
        self.assertEqual(done.stdout, '{"o0":3.0}\n', done.stderr)
        done = taskhost.call("run", "greet.greet", "--plugins", os.path.dirname(built), "-i",
                             "name=Ada", "-i", "times=10")
        self.assertEqual(done.returncode, 1)
        self.assertIn("USER:ValueError: ", done.stderr)

    def test_new_cpp_and_dotted_name(self):
        folder = self.make("--cpp", plugin="acme.greet")
        self.assertIn("plugin.cpp", os.listdir(folder))
        built = self.build_and_check(folder, "acme.greet", f"-Dcpp_args=-I{taskhost.INCLUDE}")
        done = taskhost.call("run", "acme.greet.greet", "--plugins", os.path.dirname(built), "-i",
                             "name=Ada")
        self.assertEqual(done.stdout, '{"o0":"Hello, Ada!"}\n', done.stderr)

    def test_new_one_compiler_line_of_the_readme(self):
        folder = self.make()
        with open(os.path.join(folder, "README.md"), encoding="utf-8") as f:
            line, = (x.strip() for x in f if x.startswith("    cc "))
        line = line.replace("/where/taskhost/is/plugin-api/include", taskhost.INCLUDE)
        done = subprocess.run(line.split(), cwd=folder, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.call("plugin", "check", os.path.join(folder, "greet.so"))

    def test_new_json(self):
        folder = self.place.path("new")
        report = self.json("plugin", "new", "greet", "--dir", folder)
        self.assertEqual((report["plugin"], report["directory"]), ("greet", folder))
        for name in report["files"]:
            self.assertTrue(os.path.isfile(os.path.join(folder, name)), name)

    def test_new_nothing_left_to_fill_in(self):
        for words in ((), ("--cpp",)):
            folder = self.make(*words)
            for base, _, names in os.walk(folder):
                for name in names:
                    with open(os.path.join(base, name), encoding="utf-8") as f:
                        self.assertNotRegex(f.read(), r"@[A-Z]+@", name)

    def test_new_refusals(self):
        for name in ("Greet", "1x", "a-b", "a..b", "taskhost", "flytekit.x", ""):
            self.call("plugin", "new", name, "--dir", self.place.path("x"), code=2)
        self.assertFalse(os.path.exists(self.place.path("x")))
        self.place.write("full/file", b"")
        done = self.call("plugin", "new", "greet", "--dir", self.place.path("full"), code=1)
        self.assertIn("not empty", done.stderr)
        self.call("plugin", "new", "greet", "--dir", "/dev/null/x", code=1)


class Resolve(Verbs):
    def test_resolve_native_task(self):
        done = self.call("resolve", "taskhost.default_task_resolver", "--", "task-module",
                         "faulty", "task-name", "add")
        self.assertIn("=> task faulty.add\n", done.stdout)
        self.assertIn("executor add of ", done.stdout)
        self.assertEqual(done.stderr, "")
        alias = self.call("resolve", "flytekit.core.python_auto_container.default_task_resolver",
                          "--", "task-module", "faulty", "task-name", "add")
        self.assertIn("=> task faulty.add\n", alias.stdout)

    def test_resolve_template(self):
        template = self.place.template(type="x")
        done = self.call("resolve", "taskhost.task_template_resolver", "--", template, "faulty.Hog")
        self.assertIn("=> task ", done.stdout)
        self.assertIn("executor Hog of ", done.stdout)

    def test_resolve_map(self):
        done = self.call("resolve", "taskhost.array_node_map_task_resolver", "--", "vars", "b",
                         "resolver", "taskhost.default_task_resolver", "task-module", "faulty",
                         "task-name", "add")
        self.assertIn("once per element of its list inputs; passed whole: b\n", done.stdout)

    def test_resolve_what_does_not_resolve(self):
        done = self.call("resolve", "taskhost.default_task_resolver", "--", "task-module",
                         "faulty", "task-name", "ad", code=3)
        self.assertIn("add", done.stderr)
        self.call("resolve", "nosuch.tasks", "--", "x", code=3)

    def test_resolve_crash_of_the_plugin(self):
        done = self.call("resolve", "taskhost.default_task_resolver", "--", "task-module",
                         "faulty", "task-name", "add", code=1, FAULTY_INIT="crash")
        self.assertIn("SIGABRT", done.stderr)


if __name__ == "__main__":
    tap.main()
