"""The worker, asked by clients of other people: flytekit's templates through Flyte's own stubs from
PyPI, grpc-js, h2spec."""

import os
import re
import shutil
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import grpc
import taskhost
import test_flytekit
import worker
from flyteidl.admin import agent_pb2
from flyteidl.core import execution_pb2, literals_pb2
from flyteidl.service import agent_pb2_grpc
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.type_engine import TypeEngine
from flytekit.models.literals import LiteralMap
from test_grpc_clients import H2SPEC, H2SPEC_DIFFERENCES, go_program, js_modules, run

FINISHED = (execution_pb2.TaskExecution.SUCCEEDED, execution_pb2.TaskExecution.FAILED,
            execution_pb2.TaskExecution.RETRYABLE_FAILED, execution_pb2.TaskExecution.ABORTED)


class Worker(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = taskhost.Place()
        cls.w = worker.Worker(cls.place)
        cls.channel = grpc.insecure_channel(cls.w.address)
        cls.agents = agent_pb2_grpc.AsyncAgentServiceStub(cls.channel)

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        code = cls.w.stop()
        shutil.rmtree(cls.place.root, True)
        assert code == 0, cls.w.log()

    @staticmethod
    def request(task_type, kind, value):
        """(template, inputs) of a task a -> o0, as flytekit writes them."""
        template = test_flytekit.template_for(kind).to_flyte_idl()
        template.type = task_type
        declared = TypeEngine.to_literal_type(kind)
        literal = TypeEngine.to_literal(FlyteContextManager.current_context(), value, kind, declared)
        return template, LiteralMap({"a": literal}).to_flyte_idl()

    def read_back(self, resource, kind):
        self.assertEqual(resource.phase, execution_pb2.TaskExecution.SUCCEEDED, resource)
        back = LiteralMap.from_flyte_idl(resource.outputs).literals["o0"]
        return TypeEngine.to_python_value(FlyteContextManager.current_context(), back, kind)

    def finished(self, meta, task_type):
        request = agent_pb2.GetTaskRequest(
            resource_meta=meta, task_category=agent_pb2.TaskCategory(name=task_type))
        deadline = time.monotonic() + 30
        while True:
            resource = self.agents.GetTask(request, timeout=10).resource
            if resource.phase in FINISHED:
                return resource
            self.assertLess(time.monotonic(), deadline, resource)
            time.sleep(0.01)

    def test_flytekits_values_through_create_and_get(self):
        for kind, value in test_flytekit.VALUES:
            with self.subTest(kind=kind, value=value):
                template, inputs = self.request("echo", kind, value)
                meta = self.agents.CreateTask(agent_pb2.CreateTaskRequest(
                    template=template, inputs=inputs, output_prefix=self.place.path("out")),
                    timeout=10).resource_meta
                self.assertEqual(self.read_back(self.finished(meta, "echo"), kind), value)

    def test_flytekits_values_through_execute_sync(self):
        sync = agent_pb2_grpc.SyncAgentServiceStub(self.channel)
        for kind, value in test_flytekit.VALUES:
            with self.subTest(kind=kind, value=value):
                template, inputs = self.request("echo_sync", kind, value)
                answers = list(sync.ExecuteTaskSync(iter([
                    agent_pb2.ExecuteTaskSyncRequest(header=agent_pb2.CreateRequestHeader(
                        template=template, output_prefix=self.place.path("out"))),
                    agent_pb2.ExecuteTaskSyncRequest(inputs=inputs)]), timeout=10))
                self.assertEqual(len(answers), 1)
                self.assertEqual(self.read_back(answers[0].header.resource, kind), value)

    def test_a_task_that_fails(self):
        template, _ = self.request("echo", int, 1)
        meta = self.agents.CreateTask(agent_pb2.CreateTaskRequest(
            template=template, inputs=literals_pb2.LiteralMap()), timeout=10).resource_meta
        resource = self.finished(meta, "echo")
        self.assertEqual(resource.phase, execution_pb2.TaskExecution.FAILED)
        self.assertIn("a", resource.message)
        self.agents.DeleteTask(agent_pb2.DeleteTaskRequest(
            resource_meta=meta, task_category=agent_pb2.TaskCategory(name="echo")), timeout=10)

    def test_agents(self):
        listed = agent_pb2_grpc.AgentMetadataServiceStub(self.channel).ListAgents(
            agent_pb2.ListAgentsRequest(), timeout=10)
        kinds = {c.name: a.is_sync for a in listed.agents for c in a.supported_task_categories}
        self.assertEqual((kinds["echo"], kinds["echo_sync"]), (False, True))

    def test_grpc_js(self):
        done = run("node", os.path.join(HERE, "grpc_js_worker.js"), js_modules(),
                   os.path.join(taskhost.SOURCE, "proto"), self.w.address, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.split("\n")[:-1],
                         ["ok list", "ok create and get", "ok sync", "ok unknown type", "ok health"])

    def test_h2spec(self):
        host, port = self.w.address.rsplit(":", 1)
        done = run(go_program(H2SPEC), "-h", host, "-p", port, "-P",
                   "/flyteidl.service.AgentMetadataService/ListAgents", "--timeout", "3")
        failures = done.stdout.partition("Failures:")[2]
        self.assertLessEqual(set(re.findall(r"× \d+: (.*)", failures)), H2SPEC_DIFFERENCES, failures)
        self.assertRegex(done.stdout[-100:], r"145 tests, 1[34][0-9] passed, 0 skipped")
        worker.Client(self.w.address).create("echo", {"x": 1})  # and it is well


if __name__ == "__main__":
    unittest.main(verbosity=2)
