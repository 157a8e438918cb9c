"""Starting demo_server, the admin port over made-up data, and asking it."""

import http.client
import json
import os
import signal
import socket
import subprocess

SERVER = os.path.join(os.environ["TASKHOST_TEST_BUILD"], "tests", "http", "demo_server")


class Server:
    """One demo_server; `with` ends it and checks that it ended well."""

    def __init__(self, *args):
        self.process = subprocess.Popen([SERVER, *map(str, args)], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("admin "):
            raise AssertionError(f"no ready line but {line!r}")
        self.address = line.split()[1]
        host, port = self.address.rsplit(":", 1)
        self.host, self.port = host.strip("[]"), int(port)
        self.url = f"http://{self.address}"

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        self.process.stdout.close()
        if exc[0] is None and code != 0:
            raise AssertionError(f"demo_server ended with {code}")

    def connect(self):
        s = socket.create_connection((self.host, self.port), timeout=20)
        return s

    def request(self, path, method="GET", headers=None, body=None):
        """(status, headers, body as bytes) on a connection of its own."""
        c = http.client.HTTPConnection(self.host, self.port, timeout=20)
        try:
            c.request(method, path, body=body, headers=headers or {})
            r = c.getresponse()
            return r.status, r.headers, r.read()
        finally:
            c.close()

    def text(self, path):
        status, _, body = self.request(path)
        return status, body.decode()

    def json(self, path):
        status, headers, body = self.request(path)
        assert headers["Content-Type"] == "application/json", (status, headers["Content-Type"], body)
        return status, json.loads(body)
