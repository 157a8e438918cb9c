"""Very many connections at once, and clients that connect and then say half of what they wanted."""

import os
import resource
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap
import unruly
import worker
from worker import values

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\0\0\0\4\0\0\0\0\0"


class Connections(unruly.Case):
    @classmethod
    def setUpClass(cls):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4096), hard), hard))
        super().setUpClass()

    def setUp(self):
        super().setUp()
        self.descriptors = self.w.descriptors()
        self.sockets = []
        self.addCleanup(lambda: [s.close() for s in self.sockets])

    def connect(self, data=b"", to=None):
        host, port = (to or self.w.address).rsplit(":", 1)
        s = socket.create_connection((host, int(port)), timeout=20)
        self.sockets.append(s)
        if data:
            s.sendall(data)
        return s

    def gone(self):
        """All are closed, and their descriptors with them."""
        for s in self.sockets:
            s.close()
        n = unruly.settle(self.w.descriptors, lambda n: n <= self.descriptors + 4)
        self.assertLessEqual(n, self.descriptors + 4)
        self.back_to_normal()

    def test_a_thousand_connections_at_once(self):
        for _ in range(1000):
            self.connect(PREFACE + SETTINGS)
        for s in self.sockets:  # each is spoken to
            self.assertEqual(len(s.recv(9)), 9)
        with self.others():
            time.sleep(1)
        self.gone()

    def test_a_thousand_clients_at_once(self):
        """Each has a channel of its own and asks once."""
        clients = [worker.Client(self.w.address, **{"grpc.use_local_subchannel_pool": 1})
                   for _ in range(200)]
        for _ in range(5):
            calls = [c.CreateTask.future(worker.create_request("echo", {"x": i}), timeout=60)
                     for i, c in enumerate(clients)]
            metas = [c.result().resource_meta for c in calls]
        for i, (c, m) in enumerate(zip(clients, metas)):
            self.assertEqual(values(c.wait(m, 60).outputs), {"x": i})
        for c in clients:
            c.close()
        self.gone()

    def drip(self, sockets, data, over):
        """A byte now and then."""
        for at in range(len(data)):
            for s in sockets:
                try:
                    s.send(data[at:at + 1])
                except OSError:
                    pass
            if over.wait(0.25):
                return

    @staticmethod
    def is_closed(s):
        try:
            return s.recv(1 << 16) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def closed_in_time(self, groups, seconds):
        """{name: number of sockets that are still open}."""
        deadline = time.monotonic() + seconds
        left = {name: set(sockets) for name, sockets in groups.items()}
        while any(left.values()) and time.monotonic() < deadline:
            for name in left:
                left[name] = {s for s in left[name] if not self.is_closed(s)}
            time.sleep(0.1)
        return {name: len(sockets) for name, sockets in left.items()}

    def test_half_open_and_slow_clients(self):
        """Whoever says nothing, half of it, or a byte now and then, is closed in the end, and
        nobody else waits for that."""
        headers = b"\0\1\0\1\4\0\0\0\1" + b"\x83" * 256
        groups = {
            "nothing": [self.connect() for _ in range(200)],
            "half a preface": [self.connect(PREFACE[:10]) for _ in range(200)],
            "half a frame": [self.connect(PREFACE + SETTINGS + headers[:12]) for _ in range(100)],
            "slow loris": [self.connect(PREFACE + SETTINGS + headers[:9]) for _ in range(100)],
            "half a request for the admin port": [
                self.connect(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: ", self.w.admin)
                for _ in range(100)],
        }
        for s in self.sockets:
            s.setblocking(False)
        over = threading.Event()
        t = threading.Thread(target=self.drip,
                             args=(groups["slow loris"], headers[9:], over))
        t.start()
        with self.others():
            left = self.closed_in_time(groups, 60)
        over.set()
        t.join()
        self.assertEqual(left, dict.fromkeys(groups, 0))
        self.gone()


if __name__ == "__main__":
    tap.main()
