"""Running the taskhost program and reading what it wrote, for tests of plugins and tasks."""

import json
import math
import os
import re
import shutil
import struct
import subprocess
import tempfile

import pb
from google.protobuf import json_format

BIN = os.environ["TASKHOST_BIN"]
PLUGINS = os.environ["TASKHOST_TEST_PLUGINS"]  # directories with plugins, colon-separated
SOURCE = pb.SOURCE
INCLUDE = os.path.join(SOURCE, "plugin-api", "include")
SAMPLES = os.path.join(SOURCE, "plugins")


def clean_env(**more):
    """The environment without what would steer flytekit or taskhost, and with the test plugins."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("FLYTE_", "_F_", "TASKHOST_", "BATCH_JOB_"))}
    env["TASKHOST_PLUGIN_PATH"] = PLUGINS
    env["LC_ALL"] = "C.UTF-8"
    env.update(more)
    return env


def call(*args, env=None, timeout=60, **kw):
    """One call of the program: the CompletedProcess, with text."""
    return subprocess.run([BIN, *map(str, args)], env=env or clean_env(), timeout=timeout,
                          capture_output=True, text=True, errors="replace", **kw)


def literal_map(values):
    """A LiteralMap from protobuf's JSON of its literals."""
    return json_format.ParseDict({"literals": values}, pb.message("flyteidl.core.LiteralMap")())


def literal(value):
    """Protobuf's JSON of the Literal of a Python value."""
    def primitive(kind, v):
        return {"scalar": {"primitive": {kind: v}}}
    if isinstance(value, bool):
        return primitive("boolean", value)
    if isinstance(value, int):
        return primitive("integer", str(value))
    if isinstance(value, float):
        return primitive("floatValue", value)
    if isinstance(value, str):
        return primitive("stringValue", value)
    if value is None:
        return {"scalar": {"noneType": {}}}
    if isinstance(value, list):
        return {"collection": {"literals": [literal(v) for v in value]}}
    if isinstance(value, dict):
        return {"map": {"literals": {k: literal(v) for k, v in value.items()}}}
    raise TypeError(type(value))


def file_literal(path, fmt=""):
    return {"scalar": {"blob": {"uri": path, "metadata": {"type": {"format": fmt}}}}}


class Place:
    """A directory of its own for one execution; use as a context manager."""

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="taskhost-test-")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        shutil.rmtree(self.root, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def write(self, name, data):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data.encode() if isinstance(data, str) else data)
        return path

    def read(self, *parts):
        with open(self.path(*parts), "rb") as f:
            return f.read()

    def template(self, **fields):
        """Writes a TaskTemplate given as protobuf's JSON."""
        fields.setdefault("id", {"resourceType": "TASK", "project": "p", "domain": "d",
                                 "name": "t", "version": "v"})
        message = json_format.ParseDict(fields, pb.message("flyteidl.core.TaskTemplate")())
        return self.write("task_template.pb", message.SerializeToString())

    def execute(self, *resolver_args, inputs=None, resolver="taskhost.default_task_resolver",
                env=None, timeout=60):
        """`taskhost execute` on inputs in protobuf's JSON; an Outcome."""
        self.write("inputs.pb", literal_map(inputs or {}).SerializeToString())
        done = call("execute", "--inputs", self.path("inputs.pb"), "--output-prefix",
                    self.path("out"), "--raw-output-data-prefix", self.path("raw"),
                    "--checkpoint-path", self.path("ckpt"), "--prev-checkpoint", "",
                    "--resolver", resolver, "--", *resolver_args, env=env, timeout=timeout)
        return Outcome(self.path("out"), done)

    def shim(self, executor, inputs=None, env=None, timeout=60, **template):
        """Runs `executor` on a template given as protobuf's JSON."""
        path = self.template(**template)
        return self.execute(path, executor, inputs=inputs, env=env, timeout=timeout,
                            resolver="taskhost.task_template_resolver")


class Outcome:
    """What one execution left: exit code, output, and the files under its output prefix."""

    def __init__(self, prefix, done):
        self.prefix = prefix
        self.code = done.returncode
        self.stdout = done.stdout
        self.stderr = done.stderr

    def files(self):
        return sorted(os.listdir(self.prefix)) if os.path.isdir(self.prefix) else []

    def load(self, name, message):
        with open(os.path.join(self.prefix, name), "rb") as f:
            return pb.message(message).FromString(f.read())

    def literals(self):
        """The outputs; fails with the error document when there are none."""
        if "outputs.pb" not in self.files():
            raise AssertionError(f"no outputs.pb but {self.files()}, exit code {self.code}: "
                                 f"{self.error() if 'error.pb' in self.files() else self.stderr}")
        return self.load("outputs.pb", "flyteidl.core.LiteralMap").literals

    def values(self):
        return {k: value_of(v) for k, v in self.literals().items()}

    def error(self):
        return self.load("error.pb", "flyteidl.core.ErrorDocument").error


def unpack_msgpack(data):
    """One msgpack value; a small reader for what the tests meet."""
    def take(at, n):
        if at + n > len(data):
            raise ValueError("cut short")
        return data[at:at + n], at + n

    def number(at, form):
        raw, at = take(at, struct.calcsize(form))
        return struct.unpack(form, raw)[0], at

    def items(at, n):
        out = []
        for _ in range(n):
            v, at = value(at)
            out.append(v)
        return out, at

    def pairs(at, n):
        flat, at = items(at, 2 * n)
        return dict(zip(flat[::2], flat[1::2])), at

    def text(at, n):
        raw, at = take(at, n)
        return raw.decode(), at

    def value(at):
        b, at = number(at, ">B")
        if b < 0x80:
            return b, at
        if b >= 0xe0:
            return b - 256, at
        if b < 0x90:
            return pairs(at, b & 15)
        if b < 0xa0:
            return items(at, b & 15)
        if b < 0xc0:
            return text(at, b & 31)
        if b in (0xc0, 0xc2, 0xc3):
            return {0xc0: None, 0xc2: False, 0xc3: True}[b], at
        simple = {0xca: ">f", 0xcb: ">d", 0xcc: ">B", 0xcd: ">H", 0xce: ">I", 0xcf: ">Q",
                  0xd0: ">b", 0xd1: ">h", 0xd2: ">i", 0xd3: ">q"}
        if b in simple:
            return number(at, simple[b])
        sized = {0xc4: (">B", take), 0xc5: (">H", take), 0xc6: (">I", take),
                 0xd9: (">B", text), 0xda: (">H", text), 0xdb: (">I", text),
                 0xdc: (">H", items), 0xdd: (">I", items), 0xde: (">H", pairs),
                 0xdf: (">I", pairs)}
        if b not in sized:
            raise ValueError(f"byte {b:#x}")
        form, read = sized[b]
        n, at = number(at, form)
        return read(at, n)

    result, end = value(0)
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes too many")
    return result


def value_of(lit):
    """A Literal as Python values; blobs and tables as their URI, unions as what is inside."""
    which = lit.WhichOneof("value")
    if which == "collection":
        return [value_of(v) for v in lit.collection.literals]
    if which == "map":
        return {k: value_of(v) for k, v in lit.map.literals.items()}
    if which != "scalar":
        return None
    scalar = lit.scalar
    which = scalar.WhichOneof("value")
    if which == "primitive":
        kind = scalar.primitive.WhichOneof("value")
        v = getattr(scalar.primitive, kind)
        return v.ToJsonString() if kind in ("datetime", "duration") else v
    if which == "union":
        return value_of(scalar.union.value)
    if which == "none_type":
        return None
    if which == "binary":
        return (unpack_msgpack(scalar.binary.value) if scalar.binary.tag == "msgpack"
                else scalar.binary.value)
    if which in ("blob", "schema", "structured_dataset"):
        return getattr(scalar, which).uri
    if which == "generic":
        return json_format.MessageToDict(scalar.generic)
    if which == "error":
        return scalar.error.message
    raise ValueError(which)


def same(a, b):
    """Equal in type and value, with NaN equal to itself and 0.0 other than -0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and
                                                     math.copysign(1, a) == math.copysign(1, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def compile_plugin(to, *args, compiler=("cc",)):
    """One compiler line, as an author would type it; the CompletedProcess."""
    return subprocess.run([*compiler, "-shared", "-fPIC", "-fvisibility=hidden", "-I" + INCLUDE,
                           "-o", to, *args], capture_output=True, text=True)


def resolve_uri(value):
    """The local path of a result: {"uri": …} or a bare path."""
    uri = value["uri"] if isinstance(value, dict) else value
    return uri.removeprefix("file://")


def contents(path):
    """A file's bytes, or {name: bytes} of a directory."""
    if os.path.isfile(path):
        with open(path, "rb") as f:
            return f.read()
    return {name: contents(os.path.join(path, name)) for name in os.listdir(path)}


class Samples:
    """Mixed into a TestCase: runs the samples folder of a plugin through `taskhost run`. An expected
    {"same_as": FILE} stands for a file or directory with that content."""

    def run_sample(self, plugin, name, executor=None, prepare=None):
        folder = os.path.join(SAMPLES, plugin, "samples", name)
        with Place() as place:
            work = shutil.copytree(folder, place.path("work"))
            if prepare:
                prepare(work)
            args = ["run"]
            if executor:
                args += ["--template", os.path.join(work, "template.json"), "--executor", executor]
            else:
                args += [f"{plugin}.{name}"]
            done = call(*args, "--inputs", os.path.join(work, "inputs.json"), cwd=work)
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(os.path.join(work, "expected.json"), encoding="utf-8") as f:
                self.compare(json.loads(done.stdout), json.load(f), work, name)

    def compare(self, got, expected, work, where):
        if isinstance(expected, dict) and set(expected) == {"same_as"}:
            self.assertEqual(contents(resolve_uri(got)),
                             contents(os.path.join(work, expected["same_as"])), where)
        elif isinstance(expected, dict):
            self.assertIsInstance(got, dict, where)
            self.assertLessEqual(set(expected), set(got), where)
            for key in expected:
                self.compare(got[key], expected[key], work, f"{where}.{key}")
        elif isinstance(expected, float):
            self.assertAlmostEqual(got, expected, places=9, msg=where)
        else:
            self.assertEqual(got, expected, where)

    def check_plugin(self, path):
        """`taskhost plugin check` finds nothing wrong."""
        done = call("plugin", "check", path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def check_one_line_build(self, name):
        """The compiler line of the plugin's README, run on a copy of its folder outside the tree,
        makes a plugin that passes the check; with gcc and clang."""
        with open(os.path.join(SAMPLES, name, "README.md"), encoding="utf-8") as f:
            line = re.search(r"^cc ((?:.*\\\n)*.*)$", f.read(), re.M)[1].replace("\\\n", " ")
        words = [w.replace("-I../../plugin-api/include", "-I" + INCLUDE) for w in line.split()]
        for compiler in ("gcc", "clang"):
            if shutil.which(compiler) is None:
                continue
            with Place() as place:
                work = shutil.copytree(os.path.join(SAMPLES, name), place.path("work"))
                built = subprocess.run([compiler, "-Wall", "-Wextra", "-Werror", *words],
                                       cwd=work, capture_output=True, text=True)
                self.assertEqual(built.returncode, 0, built.stderr)
                self.check_plugin(os.path.join(work, f"{name}.so"))


def shipped(name):
    """The built .so of a plugin of this tree."""
    return os.path.join(pb.BUILD, "plugins", name, f"{name}.so")
