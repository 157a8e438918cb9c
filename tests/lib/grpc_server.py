"""Starting interop-server, and talking to it in protobuf or in bytes."""

import contextlib
import os
import signal
import socket
import subprocess

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

BUILD = os.environ["TASKHOST_TEST_BUILD"]
SERVER = os.path.join(BUILD, "tests", "grpc", "interop-server")
with open(SERVER, "rb") as f:
    SANITIZED = b"__asan_init" in f.read()
DESCRIPTORS = os.path.join(BUILD, "tests", "grpc", "testing.desc")

_pool = descriptor_pool.DescriptorPool()
with open(DESCRIPTORS, "rb") as f:
    FILES = descriptor_pb2.FileDescriptorSet.FromString(f.read())
for _file in FILES.file:
    _pool.Add(_file)
# protobuf 3 and its successors name this differently.
_class_of = getattr(message_factory, "GetMessageClass", None) or \
    message_factory.MessageFactory(_pool).GetPrototype


def message(name):
    """The class of a message by its full name."""
    return _class_of(_pool.FindMessageTypeByName(name))


def method(channel, service, name):
    """A callable for one method of the services in testing.desc."""
    found = _pool.FindServiceByName(service).FindMethodByName(name)
    proto = next(m for f in FILES.file for s in f.service for m in s.method
                 if f"{f.package}.{s.name}" == service and m.name == name)
    kind = ("stream" if proto.client_streaming else "unary") + "_" + \
           ("stream" if proto.server_streaming else "unary")
    return getattr(channel, kind)(
        f"/{service}/{name}",
        request_serializer=lambda m: m.SerializeToString(),
        response_deserializer=_class_of(found.output_type).FromString)


class Server:
    """One interop-server; `with` ends it and checks that it went well."""

    def __init__(self, *args, limits=None, unix=None, check=True):
        command = [SERVER, *args]
        for name, value in (limits or {}).items():
            command += ["--limit", f"{name}={value}"]
        if unix:
            command += ["--unix", unix]
        self.check = check
        # With it every new block is written to, and memory would be counted that nobody uses.
        env = {k: v for k, v in os.environ.items() if k != "MALLOC_PERTURB_"}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise AssertionError(f"no ready line but {line!r}")
        self.address = line.removeprefix("listening on ").strip()
        self.pid = self.process.pid

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    def connect(self, timeout=10):
        """A plain socket."""
        if self.address.startswith("unix:"):
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(timeout)
            s.connect(self.address.removeprefix("unix:"))
            return s
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def stats(self):
        self.process.send_signal(signal.SIGUSR2)
        return {k: int(v) for k, v in
                (word.split("=") for word in self.process.stdout.readline().split())}

    def rss(self):
        """Resident bytes that are this process's own."""
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as f:
            return sum(int(line.split()[1]) * 1024 for line in f if line.startswith("Anonymous:"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def signal(self, signo):
        self.process.send_signal(signo)

    def stop(self):
        """Ends it at once; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(0.5)
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        if self.process.poll() is None:
            code = self.stop()
        else:
            code = self.process.returncode
        self.process.stdout.close()
        if kind is None and self.check and code != 0:
            raise AssertionError(f"interop-server ended with {code}")
