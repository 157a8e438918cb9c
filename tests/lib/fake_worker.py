"""A worker made of paper: taskhost.worker.v1 over grpcio, with a state that tests write.

    with fake_worker.Worker(unix=path) as worker:
        worker.add("7k2m…", "RUNNING", task="arith.add")
        taskhost.call("task", "ls", "--socket", path)

`worker.calls` lists what came as (method, request). `worker.answers[method]` replaces what is said
to a method: a function of request and context that returns the reply (or yields replies).
"""

import concurrent.futures
import threading
import time

import grpc
import pb
from google.protobuf import json_format

PACKAGE = "taskhost.worker.v1"
FINISHED = 16  # states from this number on
_SERVICE = next(s for f in pb.descriptor_set().file if f.package == PACKAGE for s in f.service)


def message(name, /, **fields):
    """A message of the package, from fields as in protobuf's JSON."""
    return json_format.ParseDict(fields, pb.message(f"{PACKAGE}.{name}")())


def state(name):
    return pb.message(f"{PACKAGE}.Execution").State.Value(name)


class Worker:
    def __init__(self, unix=None):
        self.executions = {}  # id: GetExecutionResponse, oldest first
        self.logs = {}  # id: bytes
        self.script = {}  # id: [(seconds to wait, fields of Execution)], for WatchExecution
        self.tasks = {}  # name: DescribeTaskResponse
        self.plugins = []
        self.changes = []  # for ReloadPlugins
        self.stages = []  # DrainResponses
        self.samples = []
        self.status = message("GetStatusResponse", state="READY", version="0.1.0", pid=4711)
        self.keys = {}
        self.calls = []
        self.answers = {}
        self.lock = threading.Lock()
        self.gone = threading.Event()  # set when a client hangs up during a stream
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
        self.server.add_generic_rpc_handlers((self._handlers(),))
        if unix:
            self.server.add_insecure_port(f"unix:{unix}")
            self.address = f"unix:{unix}"
        else:
            self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.stop(0).wait()

    # ---- what tests say -----------------------------------------------------------------------

    def add(self, id, state, inputs=None, outputs=None, interface=None, **fields):
        """One more execution; inputs and outputs as protobuf's JSON of their literals."""
        details = message("GetExecutionResponse",
                          execution={"id": id, "state": state, **fields},
                          interface=interface or {})
        for name, literals in (("inputs", inputs), ("outputs", outputs)):
            if literals is not None:
                json_format.ParseDict({"literals": literals}, getattr(details, name))
        self.executions[id] = details
        return details

    def last(self, method):
        """The latest request to a method."""
        return [request for name, request in self.calls if name == method][-1]

    def count(self, method):
        return sum(name == method for name, _ in self.calls)

    # ---- plumbing -----------------------------------------------------------------------------

    def _handlers(self):
        handlers = {m.name: self._handler(m) for m in _SERVICE.method}
        return grpc.method_handlers_generic_handler(f"{PACKAGE}.{_SERVICE.name}", handlers)

    def _handler(self, method):
        def answer(request, context):
            with self.lock:
                self.calls.append((method.name, request))
            chosen = self.answers.get(method.name) or getattr(self, method.name)
            return chosen(request, context)

        kind = (grpc.unary_stream_rpc_method_handler if method.server_streaming
                else grpc.unary_unary_rpc_method_handler)
        return kind(answer, request_deserializer=pb.message(method.input_type[1:]).FromString,
                    response_serializer=lambda reply: reply.SerializeToString(
                        deterministic=True))

    def _find(self, id, context):
        if len(id) != 13:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{id} is not the id of an execution")
        if id not in self.executions:
            context.abort(grpc.StatusCode.NOT_FOUND, f"there is no execution {id}")
        return self.executions[id]

    def _plugin(self, id, context):
        for plugin in self.plugins:
            if plugin.id == id:
                return plugin
        return context.abort(grpc.StatusCode.NOT_FOUND, f"there is no plugin {id}")

    # ---- executions ---------------------------------------------------------------------------

    def SubmitTask(self, request, context):
        known = self.keys.get(request.key)
        if known:
            return message("SubmitTaskResponse", id=known, existed=True,
                           state=self.executions[known].execution.state)
        id = f"new{len(self.executions):010d}"
        self.add(id, "QUEUED", task=request.task or request.template.id.name)
        if request.key:
            self.keys[request.key] = id
        return message("SubmitTaskResponse", id=id, state="QUEUED", resourceMeta="dGgxOm5ldw==")

    def GetExecution(self, request, context):
        found = self._find(request.id, context)
        reply = type(found)()
        reply.CopyFrom(found)
        if not request.with_inputs:
            reply.ClearField("inputs")
        if not request.with_outputs:
            reply.ClearField("outputs")
        return reply

    def ListExecutions(self, request, context):
        found = [d.execution for d in reversed(self.executions.values())
                 if (not request.states or d.execution.state in request.states)
                 and (not request.plugin or d.execution.plugin == request.plugin)
                 and (not request.task_type or d.execution.task_type == request.task_type)
                 and d.execution.id.startswith(request.id_prefix)]
        first = int(request.page_token or 0)
        size = request.page_size or 100
        reply = message("ListExecutionsResponse",
                        nextPageToken=str(first + size) if len(found) > first + size else "")
        reply.executions.extend(found[first:first + size])
        return reply

    def WatchExecution(self, request, context):
        execution = self._find(request.id, context).execution
        yield message("WatchExecutionResponse", execution=json_format.MessageToDict(execution))
        for wait, fields in self.script.get(request.id, []):
            end = time.monotonic() + wait
            while time.monotonic() < end:
                if not context.is_active():
                    self.gone.set()
                    return
                time.sleep(0.01)
            json_format.ParseDict(fields, execution)
            yield message("WatchExecutionResponse", execution=json_format.MessageToDict(execution))
        while execution.state < FINISHED:
            if not context.is_active():
                self.gone.set()
                return
            time.sleep(0.01)

    def GetLogs(self, request, context):
        self._find(request.id, context)
        text = self.logs.get(request.id, b"")
        at = int(request.token or 0)
        if request.lines:
            at = len(b"".join(text.splitlines(True)[:-request.lines]))
        while at < len(text):
            part = text[at:at + 7]
            at += len(part)
            yield pb.message(f"{PACKAGE}.GetLogsResponse")(data=part, token=str(at))
        yield message("GetLogsResponse", token=str(at), end=True)

    def CancelExecution(self, request, context):
        execution = self._find(request.id, context).execution
        late = execution.state >= FINISHED
        if not late:
            execution.state = state("CANCELLING")
            execution.cancel_reason = request.reason
        return message("CancelExecutionResponse", execution=json_format.MessageToDict(execution),
                       tooLate=late)

    def RetryExecution(self, request, context):
        execution = self._find(request.id, context).execution
        if execution.state != state("DEAD"):
            context.abort(grpc.StatusCode.FAILED_PRECONDITION,
                          f"{request.id} is not dead; only those can be repeated")
        existed = bool(execution.retried_as)
        execution.retried_as = execution.retried_as or "again00000000"
        return message("RetryExecutionResponse", id=execution.retried_as, existed=existed)

    # ---- plugins ------------------------------------------------------------------------------

    def ListPlugins(self, request, context):
        reply = message("ListPluginsResponse", directories=["/plugins"])
        reply.plugins.extend(self.plugins)
        return reply

    def DescribeTask(self, request, context):
        if request.name not in self.tasks:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no plugin has a task {request.name}")
        return self.tasks[request.name]

    def ReloadPlugins(self, request, context):
        reply = message("ReloadPluginsResponse", unchanged=len(self.plugins))
        reply.changes.extend(self.changes)
        return reply

    def SetPluginEnabled(self, request, context):
        plugin = self._plugin(request.id, context)
        wanted = plugin.State.Value("ACTIVE" if request.enabled else "DISABLED")
        changed = plugin.state != wanted
        plugin.state, plugin.reason = wanted, request.reason
        return message("SetPluginEnabledResponse", plugin=json_format.MessageToDict(plugin),
                       changed=changed)

    def Unquarantine(self, request, context):
        plugin = self._plugin(request.id, context)
        changed = plugin.state == plugin.State.Value("QUARANTINED")
        if changed:
            plugin.state = plugin.State.Value("ACTIVE")
            plugin.ClearField("quarantined_until")
        return message("UnquarantineResponse", plugin=json_format.MessageToDict(plugin),
                       changed=changed)

    # ---- the worker ---------------------------------------------------------------------------

    def GetStatus(self, request, context):
        return self.status

    def Drain(self, request, context):
        for wait, stage in self.stages:
            time.sleep(wait)
            yield stage

    def GetStats(self, request, context):
        reply = message("GetStatsResponse")
        reply.samples.extend(s for s in self.samples if s.name.startswith(request.prefix))
        return reply
