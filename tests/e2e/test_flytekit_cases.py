"""Every execution that flytekit recorded, run again with the tasks in C (tests/flytekit): the same
files, the same exit code, outputs equal in value, errors of the same code, kind and origin."""

import copy
import fcntl
import json
import os
import re
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import pb
import tap
import taskhost

ROOT = os.path.join(pb.GOLDEN, "flytekit")
SHARED = "/tmp/flytefx/shared"  # the recorded literals point here
VERBS = {"pyflyte-execute": "execute", "pyflyte-map-execute": "map-execute"}

with open(os.path.join(ROOT, "manifest.json"), encoding="utf-8") as _f:
    MANIFEST = json.load(_f)


def setUpModule():
    """One run of this file at a time on a machine, as the paths are fixed."""
    global lock
    lock = os.open("/tmp/flytefx.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    fcntl.flock(lock, fcntl.LOCK_EX)


def tearDownModule():
    shutil.rmtree("/tmp/flytefx", ignore_errors=True)
    os.close(lock)


def message(folder, name, kind):
    with open(os.path.join(folder, name), "rb") as f:
        return pb.message(kind).FromString(f.read())


def environment(record, folder):
    """The environment the recording was made in."""
    template = message(folder, "task_template.pb", "flyteidl.core.TaskTemplate")
    env = taskhost.clean_env(
        FLYTE_INTERNAL_EXECUTION_PROJECT="flytesnacks",
        FLYTE_INTERNAL_EXECUTION_DOMAIN="development",
        FLYTE_INTERNAL_EXECUTION_ID="recorded",
        FLYTE_INTERNAL_IMAGE="cr.example.org/app:1.0",
        FLYTE_INTERNAL_TASK_PROJECT=template.id.project,
        FLYTE_INTERNAL_TASK_DOMAIN=template.id.domain,
        FLYTE_INTERNAL_TASK_NAME=template.id.name,
        FLYTE_INTERNAL_TASK_VERSION=template.id.version)
    env.update({pair.key: pair.value for pair in template.container.env})
    env.update(record["env"])
    if "array_index" in record:
        env["BATCH_JOB_ARRAY_INDEX_VAR_NAME"] = "FLYTE_K8S_ARRAY_INDEX"
        env["FLYTE_K8S_ARRAY_INDEX"] = str(record["array_index"])
    return env


def lay_out(record, folder):
    """The root as it was before the recording."""
    root = record["root"]
    assert root.startswith(SHARED + "/"), root
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    for name in ("inputs.pb", "task_template.pb"):
        if os.path.exists(os.path.join(folder, name)):
            shutil.copy(os.path.join(folder, name), root)
    if os.path.isdir(os.path.join(folder, "files")):
        shutil.copytree(os.path.join(folder, "files"), root, dirs_exist_ok=True)


def tree(path):
    """{relative name: bytes} of all files below a path, or of the file itself under ''."""
    if os.path.isfile(path):
        with open(path, "rb") as f:
            return {"": f.read()}
    found = {}
    for folder, _, names in os.walk(path):
        for name in names:
            with open(os.path.join(folder, name), "rb") as f:
                found[os.path.relpath(os.path.join(folder, name), path)] = f.read()
    return found


class Cases(unittest.TestCase):
    maxDiff = None

    def run_record(self, record):
        case = record["case"]
        folder = os.path.join(ROOT, "exec", case)
        lay_out(record, folder)
        args = record["command"][1:]
        done = taskhost.call(VERBS[record["command"][0]], *args, env=environment(record, folder))
        outcome = taskhost.Outcome(record["output_prefix"], done)
        recorded = folder
        if "array_index" in record:
            recorded = os.path.join(folder, "out", str(record["array_index"]))
        self.assertEqual(done.returncode, record["exit_code"], done.stderr)
        self.compare_names(outcome.files(), record["files_written"])
        for wrote, name in zip(outcome.files(), sorted(record["files_written"])):
            self.compare_file(outcome, wrote, recorded, name)
        self.compare_uploads(record["root"], folder)

    def compare_names(self, wrote, recorded):
        def plain(names):  # random parts differ from run to run
            return sorted(re.sub(r"^error-[0-9a-f]{32}\.pb$", "error-RANDOM.pb", n)
                          for n in names)
        self.assertEqual(plain(wrote), plain(recorded))

    def compare_file(self, outcome, wrote, recorded, name):
        if name == "outputs.pb":
            kind = "flyteidl.core.LiteralMap"
            self.compare_maps(outcome.load(wrote, kind), message(recorded, name, kind))
        elif name == "futures.pb":
            kind = "flyteidl.core.DynamicJobSpec"
            self.assertEqual(outcome.load(wrote, kind), message(recorded, name, kind))
        elif name == "deck.html":
            self.compare_decks(os.path.join(outcome.prefix, wrote), os.path.join(recorded, name))
        elif name.startswith("error"):
            kind = "flyteidl.core.ErrorDocument"
            self.compare_errors(outcome.load(wrote, kind).error,
                                message(recorded, name, kind).error)
        else:
            self.fail(f"recorded a file of an unknown kind: {name}")

    def compare_maps(self, ours, theirs):
        """Equal as messages once random blob names are taken out and msgpack is unpacked."""
        def plain(literals):
            literals = copy.deepcopy(literals)
            unpacked = {}
            for name, lit in literals.literals.items():
                self.plain_literal(lit, name, unpacked)
            return literals, unpacked
        ours, our_packs = plain(ours)
        theirs, their_packs = plain(theirs)
        self.assertEqual(ours, theirs)
        self.assertTrue(taskhost.same(our_packs, their_packs), f"{our_packs} != {their_packs}")

    def plain_literal(self, lit, path, unpacked):
        which = lit.WhichOneof("value")
        if which == "collection":
            for i, item in enumerate(lit.collection.literals):
                self.plain_literal(item, f"{path}[{i}]", unpacked)
        elif which == "map":
            for key, item in lit.map.literals.items():
                self.plain_literal(item, f"{path}.{key}", unpacked)
        elif which == "scalar" and lit.scalar.HasField("union"):
            self.plain_literal(lit.scalar.union.value, path, unpacked)
        elif which == "scalar" and lit.scalar.HasField("blob"):
            lit.scalar.blob.uri = re.sub(r"/raw/[0-9a-f]{32}", "/raw/RANDOM",
                                         lit.scalar.blob.uri)
        elif which == "scalar" and lit.scalar.binary.tag == "msgpack":
            unpacked[path] = taskhost.unpack_msgpack(lit.scalar.binary.value)
            lit.scalar.binary.value = b""

    def compare_errors(self, ours, theirs):
        self.assertEqual((ours.code, ours.kind, ours.origin, ours.worker),
                         (theirs.code, theirs.kind, theirs.origin, theirs.worker), ours.message)
        self.assertEqual(ours.HasField("timestamp"), theirs.HasField("timestamp"))
        self.assertRegex(ours.message, r"(?s)\ATrace:\n\n.*\nMessage:\n\n    \S")

    def compare_decks(self, ours, theirs):
        def parts(path):
            with open(path, encoding="utf-8") as f:
                text = f.read()
            return re.findall(r"<li[^>]*>([^<]*)</li>", text.split("</nav>")[0]), text
        our_tabs, our_text = parts(ours)
        their_tabs, their_text = parts(theirs)
        # flytekit's own two tabs show Python source and packages
        python_only = ("Source Code", "Dependencies")
        self.assertEqual([t for t in our_tabs if t not in python_only],
                         [t for t in their_tabs if t not in python_only])
        for content in re.findall(r"<h1>value .*?</p>", their_text):
            self.assertIn(content, our_text)
        self.assertIn("<b>default deck text</b>", our_text)
        self.assertNotRegex(our_text, r"(src|href)=[\"']?https?:")

    def compare_uploads(self, root, folder):
        """The same content under the raw prefix, whatever the random names."""
        def contents(path):
            return sorted((re.sub(r"^[0-9a-f]{32}", "RANDOM", name), data)
                          for name, data in tree(path).items())
        self.assertEqual(contents(os.path.join(root, "raw")),
                         contents(os.path.join(folder, "raw")))


class CommandLines(unittest.TestCase):
    """The recorded command lines: exit codes and what is written."""

    def run_record(self, record):
        out = "/tmp/flytefx/cli/out"
        shutil.rmtree("/tmp/flytefx/cli", ignore_errors=True)
        os.makedirs("/tmp/flytefx/cli/in")
        shutil.copy(os.path.join(ROOT, "exec", "add", "inputs.pb"), "/tmp/flytefx/cli/in/add.pb")
        args = [a.replace("/srv/flyte/work/t/", "/tmp/flytefx/cli/in/")
                for a in record["command"][1:]]
        verb = {**VERBS, "pyflyte-fast-execute": "fast-execute"}[record["command"][0]]
        done = taskhost.call(verb, *args)
        outcome = taskhost.Outcome(out, done)
        self.assertEqual(done.returncode, record["exit_code"], done.stderr)
        self.assertEqual(outcome.files(), sorted(record["files_written_under_output_prefix"]))
        if "--help" in args:
            for flag in re.findall(r"--[a-z-]+", record["stdout_tail"]):
                self.assertIn(flag, done.stdout)
        if record["exit_code"] == 2:
            self.assertIn(re.search(r"--[a-z-]+'", record["stderr_tail"])[0][:-1], done.stderr)
        if "outputs.pb" in outcome.files():
            self.assertEqual(outcome.values(), {"o0": 42})


def add_tests(cls, records, prefix):
    for record in records:
        name = prefix + record["case"]
        if "array_index" in record:
            name += f"_{record['array_index']}"
        assert not hasattr(cls, name), name
        setattr(cls, name, lambda self, r=record: self.run_record(r))


add_tests(Cases, MANIFEST["executions"], "test_")
add_tests(CommandLines, MANIFEST["cli"], "test_cli_")

if __name__ == "__main__":
    tap.main()
