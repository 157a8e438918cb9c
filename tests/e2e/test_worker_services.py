"""Reflection and health of the worker, and its other names: `pyflyte serve connector`, `c0`."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import grpc
import pb
import tap
import taskhost
import worker
from google.protobuf import descriptor_pb2, descriptor_pool
from worker import phase, values

SERVICES = {
    "flyteidl.service.AgentMetadataService": ["GetAgent", "ListAgents"],
    "flyteidl.service.AsyncAgentService": ["CreateTask", "DeleteTask", "GetTask", "GetTaskLogs",
                                           "GetTaskMetrics"],
    "flyteidl.service.SyncAgentService": ["ExecuteTaskSync"],
    "grpc.health.v1.Health": ["Check", "List", "Watch"],
    "grpc.reflection.v1.ServerReflection": ["ServerReflectionInfo"],
    "grpc.reflection.v1alpha.ServerReflection": ["ServerReflectionInfo"],
}
HEALTHY = {"", "grpc.health.v1.Health", "flyteidl.service.AgentMetadataService",
           "flyteidl.service.AsyncAgentService", "flyteidl.service.SyncAgentService"}
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3


def check(client, service, wait=False):
    request = worker.message("grpc.health.v1.HealthCheckRequest", service=service)
    return client.Check(request, timeout=20, wait_for_ready=wait).status


class Reflection(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = taskhost.Place()
        cls.w = worker.Worker(cls.place)

    @classmethod
    def tearDownClass(cls):
        code = cls.w.stop()
        shutil.rmtree(cls.place.root, True)
        assert code == 0, cls.w.log()

    def ask(self, version, **question):
        request = worker.message(f"grpc.reflection.{version}.ServerReflectionRequest", **question)
        call = self.w.client.method("ServerReflectionInfo",
                                    f"grpc.reflection.{version}.ServerReflection")
        answer, = call(iter([request]), timeout=10)
        return answer

    def listed(self, version):
        answer = self.ask(version, list_services="")
        return {s.name for s in answer.list_services_response.service}

    def test_every_service_is_listed(self):
        own = {f"{f.package}.{s.name}" for f in pb.descriptor_set().file for s in f.service
               if f.package.startswith("taskhost.")}
        self.assertEqual(len(own), 1)
        for version in ("v1", "v1alpha"):
            self.assertEqual(self.listed(version), SERVICES.keys() | own)

    def test_descriptors_load_and_are_flytes(self):
        for version in ("v1", "v1alpha"):
            for service in sorted(self.listed(version)):
                answer = self.ask(version, file_containing_symbol=service)
                files = {f.name: f for f in map(
                    descriptor_pb2.FileDescriptorProto.FromString,
                    answer.file_descriptor_response.file_descriptor_proto)}
                pool = descriptor_pool.DescriptorPool()

                def add(name):
                    if name not in files:
                        more = self.ask(version, file_by_filename=name)
                        for raw in more.file_descriptor_response.file_descriptor_proto:
                            f = descriptor_pb2.FileDescriptorProto.FromString(raw)
                            files.setdefault(f.name, f)
                    for needed in files[name].dependency:
                        try:
                            pool.FindFileByName(needed)
                        except KeyError:
                            add(needed)
                    pool.Add(files[name])
                add(next(n for n, f in files.items()
                         if service in [f"{f.package}.{s.name}" for s in f.service]))
                found = pool.FindServiceByName(service)
                expected = pb.pool.FindServiceByName(service)
                signature = [(m.name, m.input_type.full_name, m.output_type.full_name)
                             for m in found.methods]
                self.assertEqual(signature, [(m.name, m.input_type.full_name,
                                              m.output_type.full_name) for m in expected.methods])
                if service in SERVICES:
                    self.assertEqual(sorted(m.name for m in found.methods), SERVICES[service])

    def test_fields_by_symbol(self):
        answer = self.ask("v1", file_containing_symbol="flyteidl.admin.Resource")
        names = [descriptor_pb2.FileDescriptorProto.FromString(raw).name
                 for raw in answer.file_descriptor_response.file_descriptor_proto]
        self.assertIn("flyteidl/admin/agent.proto", names)
        answer = self.ask("v1", file_containing_symbol="no.Such")
        self.assertEqual(answer.error_response.error_code, grpc.StatusCode.NOT_FOUND.value[0])


class Health(unittest.TestCase):
    def setUp(self):
        self.place = taskhost.Place()
        self.addCleanup(shutil.rmtree, self.place.root, True)

    def test_services_of_a_ready_worker(self):
        with worker.Worker(self.place) as w:
            listed = w.client.method("List", "grpc.health.v1.Health")(
                worker.message("grpc.health.v1.HealthListRequest"), timeout=10)
            self.assertLessEqual(HEALTHY, listed.statuses.keys())
            for service, state in listed.statuses.items():
                self.assertEqual((check(w.client, service), state.status), (SERVING, SERVING),
                                 service)
            with self.assertRaises(grpc.RpcError) as caught:
                check(w.client, "no.Such")
            self.assertEqual(caught.exception.code().name, "NOT_FOUND")
            watch = w.client.Watch(worker.message("grpc.health.v1.HealthCheckRequest",
                                                  service="no.Such"), timeout=20)
            self.assertEqual(next(watch).status, SERVICE_UNKNOWN)
            watch.cancel()

    def test_from_loading_to_the_end(self):
        """While a plugin is being checked, tasks are not served, and what there is can be asked."""
        plugins = worker.copy_plugins(self.place.path("plugins"), "echo")
        slow = self.place.path("slow.c")
        with open(slow, "w", encoding="ascii") as f:
            f.write('#include <taskhost/author.h>\n#include <unistd.h>\n'
                    'static th_status init(th_str c, void **s, th_errout *e)\n'
                    '{ (void)c; (void)s; (void)e; sleep(2); return TH_OK; }\n'
                    'TH_PLUGIN_WITH("slow", "1.0.0", "Takes its time",\n'
                    '  ((th_plugin_hooks){init, NULL, NULL}));\n'
                    '#define V(X) X(out, o0, integer, "one")\n'
                    'TH_TASK(one, V, "1") { out->o0 = 1; return TH_OK; }\n')
        subprocess.run(["cc", "-shared", "-fPIC", "-I", taskhost.INCLUDE, slow, "-o",
                        os.path.join(plugins, "slow.so")], check=True, timeout=60)
        port = worker.free_port()
        w = worker.Worker(self.place, "--listen", f"127.0.0.1:{port}", plugins=[plugins],
                          wait=False)
        client = worker.Client(f"127.0.0.1:{port}")
        self.addCleanup(client.close)
        deadline = time.monotonic() + 30
        while True:  # it does not listen yet
            try:
                state = check(client, "", wait=True)
                break
            except grpc.RpcError:
                self.assertLess(time.monotonic(), deadline, w.log())
        self.assertEqual(state, NOT_SERVING)
        self.assertEqual(check(client, "flyteidl.service.AgentMetadataService"), SERVING)
        watches = {s: client.Watch(worker.message("grpc.health.v1.HealthCheckRequest", service=s),
                                   timeout=60)
                   for s in ("", "flyteidl.service.AsyncAgentService",
                             "flyteidl.service.SyncAgentService")}
        for service, watch in watches.items():
            self.assertEqual(next(watch).status, NOT_SERVING, service)
        for service, watch in watches.items():
            self.assertEqual(next(watch).status, SERVING, service)
        w.wait_ready()
        os.kill(w.pid, signal.SIGTERM)
        for service, watch in watches.items():
            self.assertEqual(next(watch).status, NOT_SERVING, service)
            try:
                self.assertEqual(list(watch), [])
            except grpc.RpcError as e:  # it ended, as it may when the server goes
                self.assertEqual(e.code().name, "UNAVAILABLE")
        self.assertEqual(w.process.wait(timeout=60), 0, w.log())
        w.stop()


class Connector(worker.Worker):
    """The worker under one of the names by which Flyte starts it; settings are in the environment."""

    def __init__(self, place, words, *args, **env):
        self.words = words
        self.port, self.metrics_port = worker.free_port(), worker.free_port()
        os.makedirs(place.path("bin"), exist_ok=True)
        self.program = place.path("bin", words[0])
        if not os.path.exists(self.program):
            os.symlink(taskhost.BIN, self.program)
        super().__init__(place, *args, TASKHOST_PLUGIN_PATH=taskhost.PLUGINS,
                         TASKHOST_STATE=place.path("state"), TASKHOST_SOCKET=place.path("w.sock"),
                         TASKHOST_DRAIN_LAMEDUCK="0s", **env)

    def command(self):
        return [self.program, *self.words[1:], "--port", str(self.port), "--prometheus_port",
                str(self.metrics_port), *self.args]

    def wait_ready(self, seconds=30):
        super().wait_ready(seconds)
        self.told, self.address = self.address, f"127.0.0.1:{self.port}"

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics",
                                    timeout=10) as answer:
            return answer.read().decode()


def sample(metrics, name, **labels):
    """The value of one sample; labels may stand in any order."""
    for line in metrics.splitlines():
        m = re.fullmatch(re.escape(name) + r"(?:\{(.*)\})? (\S+)", line)
        if m and dict(re.findall(r'(\w+)="([^"]*)"', m[1] or "")) == labels:
            return float(m[2])
    raise AssertionError(f"no {name} {labels} in\n" + "\n".join(
        line for line in metrics.splitlines() if line.startswith(name[:20])))


class FlytekitsNames(unittest.TestCase):
    def setUp(self):
        self.place = taskhost.Place()
        self.addCleanup(shutil.rmtree, self.place.root, True)

    def serves(self, *words):
        with Connector(self.place, words, "--worker", "3") as w:
            r = w.client.wait(w.client.create("echo", {"x": 1}))
            self.assertEqual((r.phase, values(r.outputs)), (phase("SUCCEEDED"), {"x": 1}))
            self.assertEqual(values(w.client.sync("echo_sync", {"s": "a"}).outputs), {"s": "a"})
            for call in (lambda: w.client.create("nope"), lambda: w.client.sync("echo", {"x": 1})):
                with self.assertRaises(grpc.RpcError):
                    call()
            # flytekit binds every address, as a pod's probes need it
            for port in (w.port, w.metrics_port):
                socket.create_connection(("127.0.0.2", port), timeout=5).close()
            self.assertRegex(w.told, rf"(0\.0\.0\.0|\[::\]|\*):{w.port}$")
            m = w.metrics()
            self.flytekits_metrics(m)
            self.assertIn("3", re.findall(r"^taskhost_slots\S* (\d+)$", m, re.M), m)

    def flytekits_metrics(self, m):
        ok, failed = ("flyte_connector_requests_success_total",
                      "flyte_connector_requests_failure_total")
        self.assertEqual(sample(m, ok, task_type="echo", operation="create"), 1)
        self.assertGreaterEqual(sample(m, ok, task_type="echo", operation="get"), 1)
        self.assertEqual(sample(m, ok, task_type="echo_sync", operation="do"), 1)
        self.assertEqual(sum(float(v) for v in re.findall(
            rf'^{failed}\{{[^}}]*error_code="404"[^}}]*\}} (\S+)$', m, re.M)), 1)
        self.assertEqual(sample(m, failed, task_type="echo", operation="do", error_code="500"), 1)
        latency = "flyte_connector_request_latency_seconds"
        self.assertEqual(sample(m, latency + "_count", task_type="echo", operation="create"), 1)
        self.assertGreater(sample(m, latency + "_sum", task_type="echo", operation="create"), 0)
        size = "flyte_connector_input_literal_bytes"
        self.assertEqual(sample(m, size + "_count", task_type="echo"), 1)
        self.assertEqual(sample(m, size + "_sum", task_type="echo"),
                         worker.literals({"x": 1}).ByteSize())
        for name, kind in ((ok, "counter"), (failed, "counter"), (latency, "summary"),
                           (size, "summary")):
            self.assertIn(f"# TYPE {name} {kind}\n", m)

    def test_pyflyte_serve_connector(self):
        self.serves("pyflyte", "serve", "connector")

    def test_pyflyte_serve_agent(self):
        self.serves("pyflyte", "serve", "agent")

    def test_c0(self):
        self.serves("c0")

    def test_timeout_ends_it(self):
        w = Connector(self.place, ("c0",), "--timeout", "1")
        self.assertEqual(w.process.wait(timeout=30), 0, w.log())

    def test_modules_are_refused_in_words(self):
        with Connector(self.place, ("pyflyte", "serve", "connector"), "--modules", "my.agents",
                       "--modules", "other") as w:
            pass
        for name in ("my.agents", "other"):
            self.assertIn(f"--modules {name} is not loaded", w.log())

    def test_what_flytekit_does_not_know(self):
        for words in (("pyflyte", "serve", "connector", "--slots", "3"), ("pyflyte", "run"),
                      ("c0", "--port", "many")):
            program = self.place.path(words[0])
            if not os.path.exists(program):
                os.symlink(taskhost.BIN, program)
            done = subprocess.run([program, *words[1:]], capture_output=True, text=True, timeout=20,
                                  env=taskhost.clean_env())
            self.assertEqual(done.returncode, 2, done.stderr)


if __name__ == "__main__":
    tap.main()
