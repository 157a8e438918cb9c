"""A running worker, and clients of it that are not ours: python3-grpcio with the build's messages."""

import contextlib
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import grpc
import pb
import taskhost

CLIENTS = {"CreateTask": "flyteidl.service.AsyncAgentService",
           "GetTask": "flyteidl.service.AsyncAgentService",
           "DeleteTask": "flyteidl.service.AsyncAgentService",
           "GetTaskMetrics": "flyteidl.service.AsyncAgentService",
           "GetTaskLogs": "flyteidl.service.AsyncAgentService",
           "ExecuteTaskSync": "flyteidl.service.SyncAgentService",
           "GetAgent": "flyteidl.service.AgentMetadataService",
           "ListAgents": "flyteidl.service.AgentMetadataService",
           "Check": "grpc.health.v1.Health",
           "Watch": "grpc.health.v1.Health"}

PHASES = pb.pool.FindEnumTypeByName("flyteidl.core.TaskExecution.Phase").values_by_name
FINISHED = {PHASES[n].number for n in ("SUCCEEDED", "FAILED", "RETRYABLE_FAILED", "ABORTED")}


def phase(name):
    return PHASES[name].number


def message(name, /, **fields):
    return pb.message(name)(**fields)


def literals(values):
    return taskhost.literal_map({k: taskhost.literal(v) for k, v in values.items()})


def template(task_type, inputs=None, outputs=None, **more):
    """A TaskTemplate of a type; inputs and outputs are {name: simple type}."""
    def variables(types):
        return {"variables": {k: {"type": {"simple": v}} for k, v in (types or {}).items()}}
    from google.protobuf import json_format
    return json_format.ParseDict(
        {"id": {"resource_type": "TASK", "project": "p", "domain": "d", "name": "t", "version": "1"},
         "type": task_type, "interface": {"inputs": variables(inputs), "outputs": variables(outputs)},
         "metadata": {}, **more},
        pb.message("flyteidl.core.TaskTemplate")())


def node_execution(name, retry=0, node="n0"):
    """TaskExecutionMetadata that names a node execution: the key of an idempotent CreateTask."""
    m = pb.message("flyteidl.admin.TaskExecutionMetadata")()
    t = m.task_execution_id
    t.task_id.project, t.task_id.domain, t.task_id.name = "p", "d", "t"
    e = t.node_execution_id
    e.node_id = node
    e.execution_id.project, e.execution_id.domain, e.execution_id.name = "p", "d", name
    t.retry_attempt = retry
    return m


def create_request(task_type, inputs=None, prefix="", metadata=None, task_template=None):
    """CreateTaskRequest for a task that gives back what it gets, as plugins/echo does."""
    names = {k: {int: "INTEGER", str: "STRING", float: "FLOAT", bool: "BOOLEAN"}[type(v)]
             for k, v in (inputs or {}).items()}
    r = pb.message("flyteidl.admin.CreateTaskRequest")()
    r.inputs.CopyFrom(literals(inputs or {}))
    r.template.CopyFrom(task_template or template(task_type, names, names))
    r.output_prefix = prefix
    if metadata is not None:
        r.task_execution_metadata.CopyFrom(metadata)
    return r


def free_port():
    """One that nobody listens on now; for workers that are started again on it."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Client:
    """Calls by method name: client.CreateTask(request)."""

    def __init__(self, address, **options):
        self.channel = grpc.insecure_channel(address, options=[
            ("grpc.max_receive_message_length", 64 << 20), *options.items()])

    def method(self, name, service=None):
        service = service or CLIENTS[name]
        found = pb.pool.FindServiceByName(service).FindMethodByName(name)
        proto = next(m for f in pb.descriptor_set().file for s in f.service for m in s.method
                     if f"{f.package}.{s.name}" == service and m.name == name)
        kind = ("stream" if proto.client_streaming else "unary") + "_" + \
               ("stream" if proto.server_streaming else "unary")
        return getattr(self.channel, kind)(
            f"/{service}/{name}",
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=pb.message(found.output_type.full_name).FromString)

    def __getattr__(self, name):
        call = self.method(name)
        setattr(self, name, call)
        return call

    def create(self, *args, timeout=20, **more):
        return self.CreateTask(create_request(*args, **more), timeout=timeout).resource_meta

    def get(self, meta, timeout=20):
        request = message("flyteidl.admin.GetTaskRequest", resource_meta=meta)
        return self.GetTask(request, timeout=timeout).resource

    def delete(self, meta, timeout=20):
        self.DeleteTask(message("flyteidl.admin.DeleteTaskRequest", resource_meta=meta),
                        timeout=timeout)

    def wait(self, meta, seconds=30):
        """The resource once it is finished."""
        deadline = time.monotonic() + seconds
        pause = 0.002
        while True:
            r = self.get(meta)
            if r.phase in FINISHED:
                return r
            if time.monotonic() > deadline:
                raise AssertionError(f"not finished after {seconds} s: {r}")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.1)

    def sync(self, task_type, inputs=None, task_template=None, timeout=20):
        """ExecuteTaskSync; the Resource."""
        r = create_request(task_type, inputs, task_template=task_template)
        kind = pb.message("flyteidl.admin.ExecuteTaskSyncRequest")
        header, body = kind(), kind()
        header.header.template.CopyFrom(r.template)
        body.inputs.CopyFrom(r.inputs)
        answers = list(self.ExecuteTaskSync(iter([header, body]), timeout=timeout))
        assert len(answers) == 1, answers
        return answers[0].header.resource

    def close(self):
        self.channel.close()


def values(literal_map):
    """{name: Python value} of primitive literals."""
    out = {}
    for name, lit in literal_map.literals.items():
        p = lit.scalar.primitive
        out[name] = getattr(p, p.WhichOneof("value"))
    return out


class Worker:
    """One `taskhost serve`. `with` stops it politely and checks that this went well."""

    def __init__(self, place, *args, plugins=None, state="state", wait=True, grace=True, **env):
        self.place = place
        self.plugins = plugins or taskhost.PLUGINS.split(":")
        self.args = list(args)
        self.env = env
        self.state = place.path(state)
        self.socket = place.path("w.sock")
        self.process = self.client_ = None
        self.lines = []
        self.check = grace
        self.start(wait)

    def command(self):
        words = [taskhost.BIN, "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0",
                 "--socket", self.socket, "--state", self.state, "--lameduck", "0s"]
        for d in self.plugins:
            words += ["--plugins", d]
        return words + self.args

    def start(self, wait=True):
        env = taskhost.clean_env(**self.env)
        if "TASKHOST_PLUGIN_PATH" not in self.env:  # command() tells it
            env.pop("TASKHOST_PLUGIN_PATH", None)
        self.process = subprocess.Popen(self.command(), env=env, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, errors="replace")
        self.pid = self.process.pid
        self.ready_lines = queue.Queue()
        self.readers = [threading.Thread(target=self._read, args=(self.process.stderr, self.lines,
                                                                  None), daemon=True),
                        threading.Thread(target=self._read, args=(self.process.stdout, [],
                                                                  self.ready_lines), daemon=True)]
        for t in self.readers:
            t.start()
        if wait:
            self.wait_ready()

    @staticmethod
    def _read(stream, lines, then):
        for line in stream:
            lines.append(line)
            if then:
                then.put(line)
        if then:
            then.put(None)

    def wait_ready(self, seconds=30):
        try:
            line = self.ready_lines.get(timeout=seconds)
        except queue.Empty:
            line = None
        if line is None:
            raise AssertionError("no ready line: " + self.log())
        m = re.fullmatch(r"ready grpc=(\S+) admin=(\S+) socket=(\S+) pid=(\d+)\n", line)
        if not m:
            raise AssertionError(f"not a ready line: {line!r}")
        self.address, self.admin, _, pid = m.groups()
        self.pid = int(pid)

    def log(self):
        return "".join(self.lines)

    @property
    def client(self):
        if not self.client_:
            self.client_ = Client(self.address)
        return self.client_

    def cli(self, *words, **more):
        """One of our own verbs, against the worker's socket."""
        return taskhost.call(*words, "--socket", self.socket, **more)

    def drop_client(self):
        if self.client_:
            self.client_.close()
            self.client_ = None

    def kill(self):
        """As a power cut would, as far as this process goes."""
        self.drop_client()
        self.process.kill()
        self.process.wait()

    def stop(self, sig=signal.SIGTERM, seconds=60):
        """Polite end; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("the worker did not stop: " + self.log()) from None
        finally:
            self.drop_client()
        for t in self.readers:
            t.join(timeout=5)
        return self.process.returncode

    def restart(self):
        self.start()

    def runners(self):
        """Pids of its runner processes."""
        with contextlib.suppress(FileNotFoundError):
            with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as f:
                return [int(p) for p in f.read().split()]
        return []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None and not (self.check and kind is None):
            self.kill()
        code = self.stop() if kind is None else None
        if kind is None and self.check and code != 0:
            raise AssertionError(f"the worker ended with {code}: " + self.log())
        return False


def copy_plugins(folder, *names):
    """Copies shipped or test plugins into a directory of one's own; its path."""
    os.makedirs(folder, exist_ok=True)
    for name in names:
        for d in taskhost.PLUGINS.split(":"):
            source = os.path.join(d, name + ".so")
            if os.path.exists(source):
                shutil.copy(source, folder)
                break
        else:
            raise AssertionError(f"no plugin {name} in {taskhost.PLUGINS}")
    return folder
