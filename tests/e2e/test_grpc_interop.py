"""gRPC's interoperability cases, as a C-core client sees them, over TCP and over a Unix socket."""

import os
import signal
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import grpc  # noqa: E402
import tap  # noqa: E402
from grpc_server import Server, message, method  # noqa: E402

M = {name: message(f"grpc.testing.{name}") for name in (
    "Empty", "BoolValue", "Payload", "EchoStatus", "SimpleRequest", "ResponseParameters",
    "StreamingInputCallRequest", "StreamingOutputCallRequest")}
SERVICE = "grpc.testing.TestService"
REQUEST_SIZES = (27182, 8, 1828, 45904)
REPLY_SIZES = (31415, 9, 2653, 58979)


def payload(size):
    return M["Payload"](body=b"\0" * size)


def bool_value(value):
    return M["BoolValue"](value=value)


def output_request(reply_size=None, size=0, status=None):
    request = M["StreamingOutputCallRequest"](payload=payload(size))
    if reply_size is not None:
        request.response_parameters.add(size=reply_size)
    if status:
        request.response_status.CopyFrom(status)
    return request


class Cases:
    """Needs self.channel."""

    def call(self, name):
        return method(self.channel, SERVICE, name)

    def error_of(self, work):
        with self.assertRaises(grpc.RpcError) as caught:
            work()
        return caught.exception

    def case_empty_unary(self):
        self.assertEqual(self.call("EmptyCall")(M["Empty"](), timeout=10).ByteSize(), 0)

    def case_large_unary(self):
        reply = self.call("UnaryCall")(
            M["SimpleRequest"](response_size=314159, payload=payload(271828)), timeout=10)
        self.assertEqual(reply.payload.body, b"\0" * 314159)

    def case_client_streaming(self):
        requests = (M["StreamingInputCallRequest"](payload=payload(n)) for n in REQUEST_SIZES)
        reply = self.call("StreamingInputCall")(requests, timeout=10)
        self.assertEqual(reply.aggregated_payload_size, sum(REQUEST_SIZES))

    def case_server_streaming(self):
        request = M["StreamingOutputCallRequest"]()
        for n in REPLY_SIZES:
            request.response_parameters.add(size=n)
        replies = list(self.call("StreamingOutputCall")(request, timeout=10))
        self.assertEqual([len(r.payload.body) for r in replies], list(REPLY_SIZES))

    def case_ping_pong(self):
        got = []
        turn = threading.Semaphore(0)

        def requests():
            for reply, size in zip(REPLY_SIZES, REQUEST_SIZES):
                yield output_request(reply, size)
                turn.acquire(timeout=10)

        for reply in self.call("FullDuplexCall")(requests(), timeout=10):
            got.append(len(reply.payload.body))
            turn.release()
        self.assertEqual(got, list(REPLY_SIZES))

    def case_empty_stream(self):
        self.assertEqual(list(self.call("FullDuplexCall")(iter(()), timeout=10)), [])

    def case_half_duplex(self):
        requests = [output_request(n) for n in REPLY_SIZES]
        replies = list(self.call("HalfDuplexCall")(iter(requests), timeout=10))
        self.assertEqual([len(r.payload.body) for r in replies], list(REPLY_SIZES))

    def case_timeout_on_sleeping_server(self):
        request = output_request(None, 27182)
        hold = threading.Event()

        def requests():
            yield request
            hold.wait(5)

        error = self.error_of(lambda: list(self.call("FullDuplexCall")(requests(), timeout=0.05)))
        hold.set()
        self.assertEqual(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)

    def case_cancel_after_begin(self):
        hold = threading.Event()

        def requests():
            hold.wait(5)
            return
            yield  # noqa: unreachable: makes this a generator

        future = self.call("StreamingInputCall").future(requests(), timeout=10)
        future.cancel()
        hold.set()
        self.assertTrue(future.cancelled())
        self.assertEqual(future.code(), grpc.StatusCode.CANCELLED)

    def case_cancel_after_first_response(self):
        hold = threading.Event()

        def requests():
            yield output_request(31415, 27182)
            hold.wait(5)

        stream = self.call("FullDuplexCall")(requests(), timeout=10)
        self.assertEqual(len(next(stream).payload.body), 31415)
        stream.cancel()
        hold.set()
        error = self.error_of(lambda: next(stream))
        self.assertEqual(error.code(), grpc.StatusCode.CANCELLED)

    def case_custom_metadata(self):
        initial, trailing = "test_initial_metadata_value", b"\xab\xab\xab"
        sent = (("x-grpc-test-echo-initial", initial), ("x-grpc-test-echo-trailing-bin", trailing))
        _, unary = self.call("UnaryCall").with_call(
            M["SimpleRequest"](response_size=314159, payload=payload(271828)),
            metadata=sent, timeout=10)
        stream = self.call("FullDuplexCall")(iter([output_request(31415, 27182)]),
                                             metadata=sent, timeout=10)
        self.assertEqual(len(list(stream)), 1)
        for call in (unary, stream):
            self.assertIn(("x-grpc-test-echo-initial", initial),
                          [tuple(x) for x in call.initial_metadata()])
            self.assertIn(("x-grpc-test-echo-trailing-bin", trailing),
                          [tuple(x) for x in call.trailing_metadata()])

    def case_status_code_and_message(self):
        status = M["EchoStatus"](code=2, message="test status message")
        errors = (
            self.error_of(lambda: self.call("UnaryCall")(
                M["SimpleRequest"](response_status=status), timeout=10)),
            self.error_of(lambda: list(self.call("FullDuplexCall")(
                iter([output_request(status=status)]), timeout=10))))
        for error in errors:
            self.assertEqual(error.code(), grpc.StatusCode.UNKNOWN)
            self.assertEqual(error.details(), "test status message")

    def case_special_status_message(self):
        text = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP \U0001f608\t\n"
        status = M["EchoStatus"](code=2, message=text)
        error = self.error_of(lambda: self.call("UnaryCall")(
            M["SimpleRequest"](response_status=status), timeout=10))
        self.assertEqual(error.code(), grpc.StatusCode.UNKNOWN)
        self.assertEqual(error.details(), text)

    def case_unimplemented_method(self):
        error = self.error_of(lambda: self.call("UnimplementedCall")(M["Empty"](), timeout=10))
        self.assertEqual(error.code(), grpc.StatusCode.UNIMPLEMENTED)

    def case_unimplemented_service(self):
        call = method(self.channel, "grpc.testing.UnimplementedService", "UnimplementedCall")
        error = self.error_of(lambda: call(M["Empty"](), timeout=10))
        self.assertEqual(error.code(), grpc.StatusCode.UNIMPLEMENTED)

    def case_client_compressed_unary(self):
        request = M["SimpleRequest"](expect_compressed=bool_value(True), response_size=314159,
                                     payload=payload(271828))
        # The probe: said to be compressed, and is not.
        error = self.error_of(lambda: self.call("UnaryCall")(request, timeout=10))
        self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
        reply = self.call("UnaryCall")(request, compression=grpc.Compression.Gzip, timeout=10)
        self.assertEqual(len(reply.payload.body), 314159)
        request.expect_compressed.value = False
        reply = self.call("UnaryCall")(request, timeout=10)
        self.assertEqual(len(reply.payload.body), 314159)

    def case_server_compressed_unary(self):
        for compressed in (True, False):
            reply = self.call("UnaryCall")(
                M["SimpleRequest"](response_compressed=bool_value(compressed),
                                   response_size=314159, payload=payload(271828)), timeout=10)
            self.assertEqual(len(reply.payload.body), 314159)

    def case_client_compressed_streaming(self):
        requests = [M["StreamingInputCallRequest"](expect_compressed=bool_value(True),
                                                   payload=payload(n)) for n in (27182, 45904)]
        reply = self.call("StreamingInputCall")(iter(requests), compression=grpc.Compression.Gzip,
                                                timeout=10)
        self.assertEqual(reply.aggregated_payload_size, 73086)
        error = self.error_of(lambda: self.call("StreamingInputCall")(iter(requests), timeout=10))
        self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)

    def case_server_compressed_streaming(self):
        request = M["StreamingOutputCallRequest"]()
        request.response_parameters.add(size=31415, compressed=bool_value(True))
        request.response_parameters.add(size=92653, compressed=bool_value(False))
        replies = list(self.call("StreamingOutputCall")(request, timeout=10))
        self.assertEqual([len(r.payload.body) for r in replies], [31415, 92653])


def add_cases(cls, suffix):
    for name in dir(Cases):
        if name.startswith("case_"):
            setattr(cls, f"test_{name.removeprefix('case_')}{suffix}", getattr(Cases, name))


class OverTcp(Cases, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.channel = grpc.insecure_channel(cls.server.address)

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        cls.server.__exit__(None)


class OverUnix(Cases, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="taskhost-test-")
        cls.server = Server(unix=os.path.join(cls.directory.name, "s"))
        cls.channel = grpc.insecure_channel(cls.server.address)

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        cls.server.__exit__(None)
        cls.directory.cleanup()


add_cases(OverTcp, "")
add_cases(OverUnix, "_over_unix_socket")


class Whole(unittest.TestCase):
    """What is not a case of one call."""

    def test_nothing_is_left_after_the_cases(self):
        with Server() as server:
            channel = grpc.insecure_channel(server.address)
            for i in range(20):
                method(channel, SERVICE, "UnaryCall")(
                    M["SimpleRequest"](response_size=i * 1000, payload=payload(i * 5000)),
                    timeout=10)
            channel.close()
            server.signal(signal.SIGTERM)
            self.assertEqual(server.process.wait(10), 0)


if __name__ == "__main__":
    tap.main()
