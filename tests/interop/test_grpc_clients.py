"""Real gRPC clients, and h2spec, against interop-server. Each comes from its own registry; what cannot
be had is skipped, and said."""

import os
import re
import shutil
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.environ["TASKHOST_TEST_SOURCE"]
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
WORK = os.path.join(SOURCE, "build", "interop-clients")
PROTO = os.path.join(HERE, "..", "grpc", "testing.proto")
SERVER = os.path.join(os.environ["TASKHOST_TEST_BUILD"], "tests", "grpc", "interop-server")

GO_CLIENT = "google.golang.org/grpc/interop/client@v1.62.2"
GO_CASES = ("empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong",
            "empty_stream", "timeout_on_sleeping_server", "cancel_after_begin",
            "cancel_after_first_response", "custom_metadata", "status_code_and_message",
            "special_status_message", "unimplemented_method", "unimplemented_service")
H2SPEC = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"

# What h2spec asks and we do not do, each with the reason.
H2SPEC_DIFFERENCES = {
    # gRPC's C core does this when a call is cancelled early; see host/grpc/h2_walk.c.
    "idle: Sends a RST_STREAM frame",
    "Sends a RST_STREAM frame on a idle stream",
    # nghttp2 drops DATA on a stream that is gone: it may have been under way when we ended it.
    "closed: Sends a DATA frame after sending RST_STREAM frame",
    "closed: Sends a DATA frame",
    # Likewise when the stream is gone because our answer has ended it, which is a matter of luck.
    "half closed (remote): Sends a DATA frame",
    'Sends a DATA frame on the stream that is not in "open" or "half-closed (local)" state',
    # The same for HEADERS on a lower stream that was never opened; nghttpd does so, too.
    "Sends stream identifier that is numerically smaller than previous",
    # RFC 9113 has no priorities any more, and our SETTINGS say that we look at none.
    "Sends PRIORITY frame that depend on itself",
}


class PlainServer:
    def __init__(self):
        self.process = subprocess.Popen([SERVER, "--port", "0"], stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().removeprefix("listening on ").strip()
        self.port = self.address.rsplit(":", 1)[1]

    def stop(self):
        self.process.terminate()
        code = self.process.wait(20)
        self.process.stdout.close()
        return code


def run(*command, timeout=600, **kw):
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, **kw)


def go_program(package):
    """The path of a Go program, installed when it is not there."""
    if not shutil.which("go"):
        raise unittest.SkipTest("no go")
    name = package.split("@")[0].rsplit("/", 1)[1]
    path = os.path.join(WORK, "go", name)
    if not os.path.exists(path):
        done = run("go", "install", package, env={**os.environ, "GOBIN": os.path.dirname(path)})
        if done.returncode != 0:
            raise unittest.SkipTest(f"go install {package}: {done.stderr.strip().splitlines()[-1:]}")
    return path


def js_modules():
    """The directory with grpc-js, installed when it is not there."""
    if not shutil.which("npm"):
        raise unittest.SkipTest("no npm")
    modules = os.path.join(WORK, "js")
    if not os.path.isdir(os.path.join(modules, "node_modules", "@grpc", "proto-loader")):
        os.makedirs(modules, exist_ok=True)
        done = run("npm", "install", "--prefix", modules, "--no-audit", "--no-fund",
                   "@grpc/grpc-js", "@grpc/proto-loader")
        if done.returncode != 0:
            raise unittest.SkipTest(f"npm install: {done.stderr[-300:]}")
    return modules


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.makedirs(WORK, exist_ok=True)
        cls.server = PlainServer()

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        if code != 0:
            raise AssertionError(f"interop-server ended with {code}")

    def test_go_interop_client(self):
        client = go_program(GO_CLIENT)
        for case in GO_CASES:
            with self.subTest(case):
                done = run(client, "--server_host=127.0.0.1", f"--server_port={self.server.port}",
                           f"--test_case={case}", timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr[-2000:])

    def test_grpc_js(self):
        done = run("node", os.path.join(HERE, "grpc_js.js"), js_modules(), PROTO,
                   self.server.address, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertGreaterEqual(done.stdout.count("ok "), 15)

    def test_grpcio_from_pypi(self):
        packages = os.path.join(WORK, "python")
        if not os.path.isdir(os.path.join(packages, "grpc")):
            done = run(sys.executable, "-m", "pip", "install", "-q", "--target", packages, "grpcio",
                       "protobuf")
            if done.returncode != 0:
                self.skipTest(f"pip install: {done.stderr[-300:]}")
        for name in ("test_grpc_interop.py", "test_grpc_services.py"):
            done = run(sys.executable, os.path.join(HERE, "..", "e2e", name), timeout=200,
                       env={**os.environ, "PYTHONPATH": packages})
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr[-2000:])

    def test_h2spec(self):
        h2spec = go_program(H2SPEC)
        done = run(h2spec, "-h", "127.0.0.1", "-p", self.server.port, "-P",
                   "/taskhost.testing.Echo/Now", "--timeout", "3")
        failures = done.stdout.partition("Failures:")[2]
        failed = set(re.findall(r"× \d+: (.*)", failures))
        self.assertLessEqual(failed, H2SPEC_DIFFERENCES, failures)
        self.assertRegex(done.stdout[-100:], r"145 tests, 1[34][0-9] passed, 0 skipped")


if __name__ == "__main__":
    unittest.main(verbosity=2)
