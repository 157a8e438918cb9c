"""The worker behind TLS, asked by a client that is not ours."""

import os
import shutil
import socket
import ssl
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import grpc
import tap
import taskhost
import worker
from certs import Certificates
from worker import phase, values


def read(path):
    with open(path, "rb") as f:
        return f.read()


class TlsClient(worker.Client):
    def __init__(self, address, roots, client=None):
        port = address.rsplit(":", 1)[1]
        self.channel = grpc.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(
            read(roots), read(client[1]) if client else None, read(client[0]) if client else None))


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.certs = Certificates()
        cls.cert, cls.key = cls.certs.self_signed("server")
        cls.authority = cls.certs.authority("authority")
        cls.known = cls.certs.signed("known", cls.authority, "a client")
        cls.stranger = cls.certs.signed("stranger", cls.certs.authority("other"), "a stranger")

    @classmethod
    def tearDownClass(cls):
        cls.certs.remove()

    def setUp(self):
        self.place = taskhost.Place()
        self.addCleanup(shutil.rmtree, self.place.root, True)

    def worker(self, *more, cert=None, key=None):
        return worker.Worker(self.place, "--tls-cert", cert or self.cert, "--tls-key",
                             key or self.key, *more)

    def client(self, w, roots=None, client=None):
        c = TlsClient(w.address, roots or self.cert, client)
        self.addCleanup(c.close)
        return c

    def runs_a_task(self, client):
        r = client.wait(client.create("echo", {"x": 7}))
        self.assertEqual((r.phase, values(r.outputs)), (phase("SUCCEEDED"), {"x": 7}))
        self.assertEqual(values(client.sync("echo_sync", {"x": 8}).outputs), {"x": 8})

    def refused(self, client):
        with self.assertRaises(grpc.RpcError) as caught:
            client.create("echo", {"x": 1})
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)

    def test_tasks_over_tls(self):
        with self.worker() as w:
            self.runs_a_task(self.client(w))
            self.refused(w.client)  # in clear
            self.refused(self.client(w, roots=self.authority[0]))  # who trusts somebody else
            # Our own verbs come by the socket, which is the owner's alone and speaks no TLS.
            done = w.cli("worker", "status")
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_client_authority(self):
        with self.worker("--tls-client-ca", self.authority[0]) as w:
            self.runs_a_task(self.client(w, client=self.known))
            self.refused(self.client(w))
            self.refused(self.client(w, client=self.stranger))

    def served(self, w):
        """The serial number of the certificate that a new connection is shown."""
        context = ssl.create_default_context(cafile=self.cert)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        port = int(w.address.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as raw, \
                context.wrap_socket(raw) as s:
            return s.getpeercert(True)

    def test_replaced_certificate_is_taken_into_use(self):
        cert, key = self.place.path("live.pem"), self.place.path("live.key")
        shutil.copy(self.cert, cert)
        shutil.copy(self.key, key)
        new_cert, new_key = self.certs.self_signed("new")
        with self.worker(cert=cert, key=key) as w:
            old = self.client(w)
            self.runs_a_task(old)
            first = self.served(w)
            shutil.copy(new_key, key + ".tmp")
            shutil.copy(new_cert, cert + ".tmp")
            os.replace(key + ".tmp", key)
            os.replace(cert + ".tmp", cert)
            deadline = time.monotonic() + 20
            while self.served(w) == first:
                self.assertLess(time.monotonic(), deadline, "still the old certificate")
                time.sleep(0.1)
            self.runs_a_task(self.client(w, roots=new_cert))
            self.runs_a_task(old)  # a connection that is there stays

    def maps(self, w):
        with open(f"/proc/{w.pid}/maps", encoding="utf-8") as f:
            return f.read()

    def test_openssl_is_mapped_only_when_configured(self):
        with worker.Worker(self.place) as w:
            w.client.wait(w.client.create("echo", {"x": 1}))
            for library in ("libssl", "libcrypto", "taskhost-tls"):
                self.assertNotIn(library, self.maps(w))
        with self.worker() as w:
            self.runs_a_task(self.client(w))
            for library in ("libssl", "libcrypto", "taskhost-tls"):
                self.assertIn(library, self.maps(w))
            for pid in w.runners():  # what runs plugins has no use for keys
                with open(f"/proc/{pid}/maps", encoding="utf-8") as f:
                    self.assertNotIn("libssl", f.read())

    def test_files_that_cannot_be_used_end_the_start(self):
        nothing = self.place.path("nothing.pem")
        for cert, key, words in ((nothing, self.key, nothing),
                                 (self.cert, self.authority[1], "key values mismatch")):
            w = worker.Worker(self.place, "--tls-cert", cert, "--tls-key", key, wait=False)
            self.assertEqual(w.process.wait(timeout=30), 1)
            w.stop()
            self.assertIn(words, w.log())
        done = taskhost.call("serve", "--tls-cert", self.cert)
        self.assertEqual(done.returncode, 1)
        self.assertIn("tls.key", done.stderr)


if __name__ == "__main__":
    tap.main()
