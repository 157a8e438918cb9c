"""The worker that is measured, and the requests it gets."""

import os
import re
import sys
import tempfile
import time
import urllib.request

import bench_load
from bench_report import BUILD, PLUGIN_DIRS, SOURCE, TASKHOST

os.environ.update(TASKHOST_BIN=TASKHOST, TASKHOST_TEST_BUILD=BUILD, TASKHOST_TEST_SOURCE=SOURCE,
                  TASKHOST_TEST_GOLDEN=os.path.join(SOURCE, "tests", "golden"),
                  TASKHOST_TEST_PLUGINS=":".join(PLUGIN_DIRS))
sys.path.insert(0, os.path.join(SOURCE, "tests", "lib"))
import pb  # noqa: E402
import taskhost  # noqa: E402
import worker as test_worker  # noqa: E402
from worker import message  # noqa: E402

ASYNC = "/flyteidl.service.AsyncAgentService/"
SYNC = "/flyteidl.service.SyncAgentService/ExecuteTaskSync"
LIST = "/flyteidl.service.AgentMetadataService/ListAgents"


class DiskPlace(taskhost.Place):
    """On a disk, as state directories are: TASKHOST_BENCH_DIR or the temporary directory."""

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="taskhost-bench-", dir=os.environ.get("TASKHOST_BENCH_DIR"))


class Worker(test_worker.Worker):
    """On the server's core, or on all."""

    def __init__(self, place, *args, cpus=(bench_load.SERVER_CPU,), **more):
        self.cpus = ",".join(map(str, cpus))
        super().__init__(place, "--log-level", "warning", *args, **more)

    def command(self):
        return bench_load.pinned(self.cpus, super().command())

    def metric(self, name, label=""):
        """The sum of a metric over its labels, or over those with the label (name="value")."""
        with urllib.request.urlopen(f"http://{self.admin}/metrics", timeout=20) as r:
            text = r.read().decode()
        return sum(float(v) for labels, v in re.findall(rf"^{name}({{.*}})? (\S+)$", text, re.M)
                   if label in labels)

    def answered(self):
        return int(self.metric("flyte_connector_requests_success_total"))

    def finished(self):
        return int(self.metric("taskhost_run_outcomes_total", 'code="OK"'))

    def run_sync(self, request):
        """One ExecuteTaskSync of a CreateTaskRequest; what is measured has to succeed."""
        got = list(self.client.ExecuteTaskSync(iter(sync_messages(request)), timeout=30))
        if [r.header.resource.phase for r in got] != [test_worker.phase("SUCCEEDED")]:
            sys.exit(f"tools/bench: a sync task did not succeed: {got}")

    def wait_finished(self, count, seconds=60):
        """How long it took from now; the answers of /metrics are not counted as load."""
        began = time.monotonic()
        while self.finished() < count:
            if time.monotonic() - began > seconds:
                sys.exit(f"tools/bench: executions did not finish: {self.log()[-2000:]}")
            time.sleep(0.01)
        return time.monotonic() - began


def create_request(task_type, size=0):
    """flytekit's recorded CreateTaskRequest, without the id of an execution, as a task that gives back
    what it gets; its input `a` is a text of `size` bytes when that is not 0."""
    r = message("flyteidl.admin.CreateTaskRequest")
    with open(os.path.join(SOURCE, "tests/golden/flytekit/agent/create/request.pb"), "rb") as f:
        r.ParseFromString(f.read())
    r.template.type = task_type
    r.task_execution_metadata.ClearField("task_execution_id")
    if size:
        set_text(r, "a", "x" * size)
    r.template.interface.outputs.CopyFrom(r.template.interface.inputs)
    if "nothing" in task_type or "last" in task_type:
        r.template.interface.ClearField("outputs")
    return r


def set_text(request, name, text):
    """An input, and its type."""
    request.inputs.literals[name].scalar.primitive.string_value = text
    request.template.interface.inputs.variables[name].type.simple = \
        pb.pool.FindEnumTypeByName("flyteidl.core.SimpleType").values_by_name["STRING"].number


def sync_messages(r):
    """What ExecuteTaskSync gets for a CreateTaskRequest."""
    header = message("flyteidl.admin.ExecuteTaskSyncRequest")
    header.header.template.CopyFrom(r.template)
    header.header.output_prefix = r.output_prefix
    header.header.task_execution_metadata.CopyFrom(r.task_execution_metadata)
    inputs = message("flyteidl.admin.ExecuteTaskSyncRequest")
    inputs.inputs.CopyFrom(r.inputs)
    return header, inputs


class Bodies:
    """Files with recorded requests."""

    def __init__(self, folder):
        self.folder = folder

    def _file(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def empty(self):
        return self._file("empty", bench_load.framed(b""))

    def create(self, task_type, size=0):
        r = create_request(task_type, size).SerializeToString()
        return self._file(f"create-{task_type}-{size}", bench_load.framed(r))

    def get(self, meta):
        r = message("flyteidl.admin.GetTaskRequest", resource_meta=meta)
        r.task_category.name = "echo"
        return self._file("get", bench_load.framed(r.SerializeToString()))

    def sync(self, task_type, size=0):
        request = create_request(task_type, size)
        parts = (m.SerializeToString() for m in sync_messages(request))
        return self._file(f"sync-{task_type}-{size}", bench_load.framed(*parts))

    def echo(self, size):
        """For grpc_echo: one field of bytes, as large as a recorded request."""
        head = b"\x0a"
        n = size
        while n >= 0x80:
            head += bytes([n & 0x7f | 0x80])
            n >>= 7
        return self._file(f"echo-{size}", bench_load.framed(head + bytes([n]) + b"x" * size))
