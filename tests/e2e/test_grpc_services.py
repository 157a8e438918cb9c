"""Health and reflection, as a C-core client sees them; the socket's file."""

import os
import queue
import signal
import stat
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import grpc  # noqa: E402
import tap  # noqa: E402
from google.protobuf import descriptor_pb2  # noqa: E402
from grpc_server import Server, message, method  # noqa: E402


class Services(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.channel = grpc.insecure_channel(cls.server.address)

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        cls.server.__exit__(None)

    def test_health_check_and_list(self):
        request = message("grpc.health.v1.HealthCheckRequest")
        check = method(self.channel, "grpc.health.v1.Health", "Check")
        for name in ("", "grpc.health.v1.Health", "grpc.testing.TestService"):
            self.assertEqual(check(request(service=name), timeout=5).status, 1)
        with self.assertRaises(grpc.RpcError) as caught:
            check(request(service="no.Such"), timeout=5)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)
        listed = method(self.channel, "grpc.health.v1.Health", "List")(
            message("grpc.health.v1.HealthListRequest")(), timeout=5)
        self.assertEqual({k: v.status for k, v in listed.statuses.items()},
                         {"": 1, "grpc.health.v1.Health": 1, "grpc.testing.TestService": 1})

    def test_health_watch_follows(self):
        watch = method(self.channel, "grpc.health.v1.Health", "Watch")(
            message("grpc.health.v1.HealthCheckRequest")(service="grpc.testing.TestService"),
            timeout=20)
        self.assertEqual(next(watch).status, 1)
        self.server.signal(signal.SIGUSR1)
        self.assertEqual(next(watch).status, 2)
        self.server.signal(signal.SIGUSR1)
        self.assertEqual(next(watch).status, 1)
        watch.cancel()

    def ask(self, version, **question):
        request = message(f"grpc.reflection.{version}.ServerReflectionRequest")(**question)
        call = method(self.channel, f"grpc.reflection.{version}.ServerReflection",
                      "ServerReflectionInfo")
        answers = list(call(iter([request]), timeout=5))
        self.assertEqual(len(answers), 1)
        self.assertEqual(answers[0].original_request, request)
        return answers[0]

    def test_reflection_lists_services(self):
        for version in ("v1", "v1alpha"):
            answer = self.ask(version, list_services="*")
            names = [s.name for s in answer.list_services_response.service]
            self.assertEqual(sorted(names), [
                "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                "grpc.reflection.v1alpha.ServerReflection", "grpc.testing.TestService",
                "taskhost.testing.Echo"])

    def test_reflection_gives_descriptors_that_load(self):
        from google.protobuf import descriptor_pool
        for service, method_name in (("grpc.testing.TestService", "FullDuplexCall"),
                                     ("grpc.health.v1.Health", "Watch")):
            answer = self.ask("v1", file_containing_symbol=f"{service}.{method_name}")
            pool = descriptor_pool.DescriptorPool()
            for raw in reversed(answer.file_descriptor_response.file_descriptor_proto):
                pool.Add(descriptor_pb2.FileDescriptorProto.FromString(raw))
            found = pool.FindServiceByName(service)
            self.assertIn(method_name, [m.name for m in found.methods])

    def test_reflection_conversation(self):
        questions = queue.Queue()
        call = method(self.channel, "grpc.reflection.v1.ServerReflection", "ServerReflectionInfo")
        answers = call(iter(questions.get, None), timeout=10)
        Request = message("grpc.reflection.v1.ServerReflectionRequest")
        for name, code in (("testing.proto", 0), ("no.proto", 5), ("testing.proto", 0)):
            questions.put(Request(file_by_filename=name))
            self.assertEqual(next(answers).error_response.error_code, code)
        questions.put(None)
        self.assertEqual(list(answers), [])


class UnixSocket(unittest.TestCase):
    def test_file_is_private_and_goes_away(self):
        with tempfile.TemporaryDirectory(prefix="taskhost-test-") as directory:
            path = os.path.join(directory, "s")
            with Server(unix=path):
                self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            self.assertFalse(os.path.exists(path))

    def test_file_of_a_killed_server_is_replaced(self):
        with tempfile.TemporaryDirectory(prefix="taskhost-test-") as directory:
            path = os.path.join(directory, "s")
            with Server(unix=path, check=False) as first:
                first.signal(signal.SIGKILL)
                first.process.wait()
                self.assertTrue(os.path.exists(path))
            with Server(unix=path) as second:
                with grpc.insecure_channel(second.address) as channel:
                    method(channel, "grpc.testing.TestService", "EmptyCall")(
                        message("grpc.testing.Empty")(), timeout=5)


if __name__ == "__main__":
    tap.main()
