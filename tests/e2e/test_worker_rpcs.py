"""Every call that was recorded from flytekit's connector service, made to the worker. Where the
worker answers differently on purpose, golden/rpc-differences.txt says so and why."""

import fnmatch
import json
import os
import re
import shutil
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import grpc
import pb
import tap
import taskhost
import worker
from google.protobuf import json_format
from worker import phase

GOLDEN = os.environ["TASKHOST_TEST_GOLDEN"]
AGENT = os.path.join(GOLDEN, "flytekit", "agent")
with open(os.path.join(GOLDEN, "flytekit", "manifest.json"), encoding="utf-8") as f:
    MANIFEST = json.load(f)
CASES = {c["case"]: c for c in MANIFEST["rpcs"]}
TYPES = {f["file"]: f["message"] for f in MANIFEST["files"]}

# Who created what the other requests name, by the job's id in the recorded resource_meta.
CREATORS = {"j-1": "create", "j-2": "create_v3", "list-1": "meta_native_list"}
# Jobs that never end by themselves.
GOES_ON = ("meta_queued", "meta_initializing", "meta_waiting_for_resources", "meta_running")
# Connectors, as they are called there and here; executors give ours their names.
NAMES = {"Fixture Async Connector": "fx_connectors.Async"}


def recorded(case, what):
    """The messages of a case in their order; what: "request" or "response"."""
    found = []
    for name in sorted(os.listdir(os.path.join(AGENT, case))):
        if name.startswith(what) and name.endswith(".pb"):
            with open(os.path.join(AGENT, case, name), "rb") as f:
                found.append(pb.message(TYPES[f"agent/{case}/{name}"]).FromString(f.read()))
    return found


def creator(meta):
    """The case whose CreateTask gave flytekit's resource_meta; None when none did."""
    try:
        job = json.loads(meta)["job_id"]
    except (ValueError, KeyError):
        return None
    return CREATORS.get(job) or "meta_" + job.removeprefix("job-").lower()


def leaves(message):
    """What is compared one by one: {"resource.phase": …}; connectors by their first task type."""
    answer = json_format.MessageToDict(message)
    answer = answer.pop("header", answer)
    found = {}
    for i, agent in enumerate(answer.pop("agents", [])):
        key = agent["supportedTaskCategories"][0]["name"] if agent else str(i)
        found.update({f"agents.{key}.{k}": v for k, v in agent.items()})
    for name in ("agent", "resource"):
        found.update({f"{name}.{k}": v for k, v in answer.pop(name, {}).items()})
    found.update(answer)
    return found


def text(value):
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


class Difference:
    """One line of the list."""

    def __init__(self, number, line):
        parts = [p.strip() for p in line.split(" | ")]
        if len(parts) != 4 or not all(parts):
            raise AssertionError(f"line {number} is not CASES | FIELDS | OURS | REASON: {line!r}")
        self.number = number
        self.cases, self.fields, self.ours, self.reason = parts

    def covers(self, case, field, ours):
        return (fnmatch.fnmatchcase(case, self.cases) and fnmatch.fnmatchcase(field, self.fields)
                and re.fullmatch(self.ours, ours, re.S) is not None)


def read_differences():
    with open(os.path.join(GOLDEN, "rpc-differences.txt"), encoding="utf-8") as f:
        return [Difference(n, line.rstrip("\n")) for n, line in enumerate(f, 1)
                if line.strip() and not line.startswith("#")]


class Recorded(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = taskhost.Place()
        plugins = worker.copy_plugins(cls.place.path("plugins"), "fx_connectors")
        cls.w = worker.Worker(cls.place, "--slots", "4", plugins=[plugins])
        cls.metas = {}
        cls.found = {case: cls.differences_of(case) for case in CASES}
        cls.listed = read_differences()

    @classmethod
    def tearDownClass(cls):
        for case in GOES_ON:
            cls.w.client.delete(cls.metas[case])
        code = cls.w.stop()
        shutil.rmtree(cls.place.root, True)
        assert code == 0, cls.w.log()

    # ---- one case ----

    @classmethod
    def meta_for(cls, theirs):
        """Ours in place of a recorded resource_meta; what flytekit itself could not read stays."""
        case = creator(theirs)
        if not case:
            return theirs
        if case not in cls.metas:
            cls.ask(case, recorded(case, "request"))
        return cls.metas[case]

    @classmethod
    def settle(cls, meta):
        """Until the execution is finished, or runs without end as the recorded job does."""
        goes_on = [m for c, m in cls.metas.items() if c in GOES_ON]
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            now = cls.w.client.get(meta).phase
            if now in worker.FINISHED or meta in goes_on and now == phase("RUNNING"):
                return
            time.sleep(0.01)
        raise AssertionError("still not finished: " + str(cls.w.client.get(meta)))

    @staticmethod
    def declare_outputs(requests, case):
        """The recorded templates declare one output, the connectors answered others. flytekit's
        service does not look, the worker does: its templates have to say what comes."""
        answer = "get_succeeded" if CASES[case]["rpc"].endswith("CreateTask") else case
        outputs = [m for m in recorded(answer, "response")]
        template = requests[0].header.template if hasattr(requests[0], "header") else \
            requests[0].template
        if case == "meta_native_list":
            declared = {"o0": {"collectionType": {"simple": "INTEGER"}}}
        else:
            resource = outputs[0].header.resource if hasattr(outputs[0], "header") else \
                outputs[0].resource
            kinds = {"integer": "INTEGER", "string_value": "STRING", "boolean": "BOOLEAN",
                     "float_value": "FLOAT", None: "STRUCT"}
            declared = {k: {"simple": kinds[v.scalar.primitive.WhichOneof("value")]}
                        for k, v in resource.outputs.literals.items()}
        template.interface.outputs.Clear()
        json_format.ParseDict({"variables": {k: {"type": t} for k, t in declared.items()}},
                              template.interface.outputs)

    @classmethod
    def answers_outputs(cls, case):
        rpc = CASES[case]["rpc"].rsplit("/", 1)[1]
        if rpc == "ExecuteTaskSync":
            return any(m.header.resource.HasField("outputs") for m in recorded(case, "response"))
        return rpc == "CreateTask" and case in ("create", "create_v3", "meta_succeeded",
                                                "meta_native_list")

    @classmethod
    def ask(cls, case, requests):
        """(status, details, responses), as the recordings have them."""
        service, name = CASES[case]["rpc"].strip("/").split("/")
        call = cls.w.client.method(name, service)
        if cls.answers_outputs(case):
            cls.declare_outputs(requests, case)
        first = requests[0]
        if hasattr(first, "resource_meta"):
            first.resource_meta = cls.meta_for(first.resource_meta)
            if creator(recorded(case, "request")[0].resource_meta) and name != "DeleteTask":
                cls.settle(first.resource_meta)
        if name == "GetAgent":
            first.name = NAMES.get(first.name, first.name)
        try:
            if name == "ExecuteTaskSync":
                answers = list(call(iter(requests), timeout=30))
            elif name == "GetTaskLogs":
                answers = list(call(first, timeout=30))
            else:
                answers = [call(first, timeout=30)]
        except grpc.RpcError as e:
            return e.code().name, e.details(), []
        if name == "CreateTask":
            cls.metas[case] = answers[0].resource_meta
        return "OK", "", answers

    @classmethod
    def differences_of(cls, case):
        """{field: (theirs, ours)} of a case."""
        status, details, answers = cls.ask(case, recorded(case, "request"))
        theirs = CASES[case]
        if status != theirs["grpc_status"]:
            return {"status": (theirs["grpc_status"], f"{status}: {details}" if details else status)}
        found = {}
        if details != theirs["grpc_details"]:
            found["details"] = (theirs["grpc_details"], details)
        expected = recorded(case, "response")
        if len(answers) != len(expected):
            found["messages"] = (str(len(expected)), str(len(answers)))
        for one, other in zip(expected, answers):
            a, b = leaves(one), leaves(other)
            for field in sorted(a.keys() | b.keys()):
                if a.get(field) != b.get(field):
                    found[field] = (text(a.get(field, "-")), text(b.get(field, "-")))
        return found

    # ---- judged ----

    def test_every_case_was_recorded(self):
        self.assertEqual(sorted(CASES), sorted(os.listdir(AGENT)))
        for case, c in CASES.items():
            self.assertEqual(len(recorded(case, "request")), c["requests"], case)
            self.assertEqual(len(recorded(case, "response")), c["responses"], case)

    def test_no_difference_that_is_not_listed(self):
        new = [f"{case}: {field}: flytekit {theirs[:300]!r}, the worker {ours[:300]!r}"
               for case, fields in self.found.items() for field, (theirs, ours) in fields.items()
               if not any(d.covers(case, field, ours) for d in self.listed)]
        self.assertEqual(new, [], "\n".join(["", *new]))

    def test_every_listed_difference_is_there(self):
        for d in self.listed:
            cases = [c for c in CASES if fnmatch.fnmatchcase(c, d.cases)]
            self.assertTrue(cases, f"line {d.number}: no case is called {d.cases}")
            for case in cases:
                self.assertTrue(any(d.covers(case, field, ours)
                                    for field, (_, ours) in self.found[case].items()),
                                f"line {d.number}: {case} has no such difference: "
                                f"{self.found[case]}")

    # ---- what became of what was refused there ----

    def outcome(self, case):
        return self.w.client.wait(self.metas[case])

    def test_what_raised_there_fails_here(self):
        r = self.outcome("create_raises")
        self.assertEqual((r.phase, r.message),
                         (phase("FAILED"), "USER:RuntimeError: RuntimeError: no quota"))

    def test_a_list_is_an_output_like_any_other(self):
        r = self.outcome("meta_native_list")
        self.assertEqual(r.phase, phase("SUCCEEDED"))
        self.assertEqual([x.scalar.primitive.integer
                          for x in r.outputs.literals["o0"].collection.literals], [1, 2, 3])

    def test_outputs_have_to_be_declared(self):
        service = "flyteidl.service.SyncAgentService"
        call = self.w.client.method("ExecuteTaskSync", service)
        answer, = call(iter(recorded("sync_echo", "request")), timeout=30)
        self.assertEqual(answer.header.resource.phase, phase("FAILED"))
        self.assertIn("which is not declared", answer.header.resource.message)

    def test_versions_of_a_task_type_are_exact(self):
        request, = recorded("create_v3", "request")
        request.template.task_type_version = 2
        with self.assertRaises(grpc.RpcError) as caught:
            self.w.client.CreateTask(request, timeout=20)
        self.assertEqual((caught.exception.code().name, caught.exception.details()),
                         ("NOT_FOUND", "Cannot find connector for task type: fx_async."))

    def test_a_job_that_goes_on_is_aborted_by_delete(self):
        meta = self.w.client.CreateTask(recorded("meta_running", "request")[0],
                                        timeout=20).resource_meta
        while self.w.client.get(meta).phase != phase("RUNNING"):
            time.sleep(0.01)
        self.w.client.delete(meta)
        self.assertEqual(self.w.client.wait(meta).phase, phase("ABORTED"))


if __name__ == "__main__":
    tap.main()
