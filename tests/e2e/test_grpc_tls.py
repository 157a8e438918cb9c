"""TLS: HTTP/2 by ALPN, client certificates, files that change, OpenSSL only when it is wanted."""

import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import grpc  # noqa: E402
import tap  # noqa: E402
from certs import Certificates  # noqa: E402
from grpc_server import SERVER, Server, message, method  # noqa: E402

MODULES = os.path.join(os.environ["TASKHOST_TEST_BUILD"], "host", "cli")
os.environ["TASKHOST_MODULES"] = MODULES


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.certs = Certificates()
        cls.path = cls.certs.path
        cls.ca = cls.certs.authority("ca")
        cls.cert, cls.key = cls.certs.signed("server", cls.ca, "localhost")
        cls.client = cls.certs.signed("client", cls.ca, "worker 7")
        cls.other = cls.certs.signed("other", cls.certs.authority("other-ca"), "stranger")

    @classmethod
    def tearDownClass(cls):
        cls.certs.remove()

    def server(self, cert=None, key=None, ca=None, **kw):
        args = ["--tls-cert", cert or self.cert, "--tls-key", key or self.key]
        return Server(*args, *(["--tls-ca", ca] if ca else []), **kw)

    def read(self, path):
        with open(path, "rb") as f:
            return f.read()

    def channel(self, server, client=None):
        credentials = grpc.ssl_channel_credentials(
            self.read(self.ca[0]), self.read(client[1]) if client else None,
            self.read(client[0]) if client else None)
        return grpc.secure_channel(f"localhost:{server.port}", credentials)

    def echo(self, channel, body=b"hello"):
        call = channel.unary_unary("/taskhost.testing.Echo/Now", lambda b: b, lambda b: b)
        self.assertEqual(call(body, timeout=10), body)

    def test_calls_over_tls(self):
        with self.server() as server, self.channel(server) as channel:
            self.echo(channel)
            self.echo(channel, os.urandom(3000000))
            stream = channel.stream_stream("/taskhost.testing.Echo/Stream", lambda b: b,
                                           lambda b: b)
            sent = [os.urandom(n) for n in (1, 16384, 100000, 5)]
            self.assertEqual(list(stream(iter(sent), timeout=10)), sent)

    def context(self, client=None):
        context = ssl.create_default_context(cafile=self.ca[0])
        if client:
            context.load_cert_chain(*client)
        return context

    def hello(self, server, context):
        """The protocol chosen, after a handshake that the server has confirmed by sending."""
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as raw, \
                context.wrap_socket(raw, server_hostname="localhost") as s:
            self.assertTrue(s.recv(100))
            return s.selected_alpn_protocol(), s.version()

    def test_only_http2_and_modern_tls(self):
        with self.server() as server:
            context = self.context()
            context.set_alpn_protocols(["http/1.1", "h2"])
            self.assertEqual(self.hello(server, context), ("h2", "TLSv1.3"))
            context.set_alpn_protocols(["http/1.1"])
            with self.assertRaises(ssl.SSLError):
                self.hello(server, context)
            old = self.context()
            old.minimum_version = ssl.TLSVersion.TLSv1
            old.maximum_version = ssl.TLSVersion.TLSv1_1
            old.set_ciphers("ALL:@SECLEVEL=0")
            with self.assertRaises(ssl.SSLError):
                self.hello(server, old)

    def test_client_certificates(self):
        with self.server(ca=self.ca[0]) as server:
            with self.channel(server, self.client) as channel:
                self.echo(channel)
            for bad in (None, self.other):
                with self.channel(server, bad) as channel:
                    with self.assertRaises(grpc.RpcError) as caught:
                        self.echo(channel)
                    self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
            self.assertEqual(server.stats()["started"], 1)

    def test_plain_and_broken_bytes_are_closed(self):
        with self.server(limits={"handshake_ns": 400}) as server:
            for sent in (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", os.urandom(300), b"\x16\x03\x01", b""):
                with server.connect() as s:
                    s.sendall(sent)
                    began = time.monotonic()
                    while s.recv(4096):
                        pass
                    self.assertLess(time.monotonic() - began, 8)
            self.assertEqual(server.stats()["open"], 0)
            with self.channel(server) as channel:
                self.echo(channel)

    def served_serial(self, server):
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as raw, \
                self.context().wrap_socket(raw, server_hostname="localhost") as s:
            return s.getpeercert()["serialNumber"]

    def test_changed_files_are_taken_into_use(self):
        cert, key = self.path("live.pem"), self.path("live.key")
        shutil.copy(self.cert, cert)
        shutil.copy(self.key, key)
        with self.server(cert, key) as server:
            first = self.served_serial(server)
            with self.channel(server) as channel:
                self.echo(channel)
                new_cert, new_key = self.certs.signed("new", self.ca, "localhost")
                os.replace(new_key, key)
                os.replace(new_cert, cert)
                end = time.monotonic() + 5
                while self.served_serial(server) == first and time.monotonic() < end:
                    time.sleep(0.1)
                self.assertNotEqual(self.served_serial(server), first)
                second = self.served_serial(server)
                # A change that cannot be used changes nothing.
                with open(cert, "w", encoding="ascii") as f:
                    f.write("not a certificate\n")
                time.sleep(1.2)
                self.assertEqual(self.served_serial(server), second)
                self.echo(channel)

    def test_files_that_cannot_be_used_are_told_at_start(self):
        nothing = self.path("nothing.pem")
        for cert, key, ca, words in ((nothing, self.key, None, nothing),
                                     (self.cert, self.ca[1], None, "key values mismatch"),
                                     (self.cert, self.key, nothing, "client CA")):
            args = [SERVER, "--tls-cert", cert, "--tls-key", key] + (["--tls-ca", ca] if ca else [])
            ended = subprocess.run(args, capture_output=True, text=True, timeout=10)
            self.assertEqual(ended.returncode, 1)
            self.assertIn(words, ended.stderr)

    def test_openssl_is_mapped_only_when_configured(self):
        def maps(server):
            with open(f"/proc/{server.pid}/maps", encoding="ascii") as f:
                return f.read()

        with Server() as server:
            self.assertNotIn("libssl", maps(server))
        with self.server() as server:
            self.assertIn("libssl", maps(server))

    def test_missing_module_is_told(self):
        with tempfile.TemporaryDirectory(prefix="taskhost-test-") as empty:
            program = shutil.copy(SERVER, empty)
            ended = subprocess.run(
                [program, "--tls-cert", self.cert, "--tls-key", self.key], text=True, timeout=10,
                env={**os.environ, "TASKHOST_MODULES": empty}, capture_output=True)
        self.assertEqual(ended.returncode, 1)
        self.assertIn("cannot load the module taskhost-tls", ended.stderr)


if __name__ == "__main__":
    tap.main()
