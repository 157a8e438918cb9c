"""Clients that are slow, silent, half gone, or mean, over real sockets; and an orderly end under
load."""

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import grpc  # noqa: E402
import tap  # noqa: E402
from grpc_server import SANITIZED, SERVER, Server, message, method  # noqa: E402

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
MB = 1 << 20


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def field(name, value):
    """One header as a literal that enters no table."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def request_headers(stream, path, flags=0):
    block = b"".join(field(n, v) for n, v in (
        (b":method", b"POST"), (b":scheme", b"http"), (b":path", path), (b":authority", b"x"),
        (b"content-type", b"application/grpc"), (b"te", b"trailers")))
    return frame(HEADERS, END_HEADERS | flags, stream, block)


def framed(body):
    return b"\0" + struct.pack(">I", len(body)) + body


def call(stream, path, body):
    return request_headers(stream, path) + frame(DATA, END_STREAM, stream, framed(body))


def settings(**values):
    numbers = {"initial_window": 4}
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", numbers[k], v)
                                          for k, v in values.items()))


def read_frames(sock, until=None):
    """All frames until the connection ends, or until one for which until(kind, flags, stream)."""
    buffered, frames = b"", []
    while True:
        while len(buffered) >= 9:
            length = int.from_bytes(buffered[:3], "big")
            if len(buffered) < 9 + length:
                break
            kind, flags, stream = struct.unpack(">BBI", buffered[3:9])
            frames.append((kind, flags, stream, buffered[9:9 + length]))
            buffered = buffered[9 + length:]
            if until and until(kind, flags, stream):
                return frames
        try:
            more = sock.recv(65536)
        except ConnectionResetError:
            return frames
        if not more:
            return frames
        buffered += more


def wait_for(what, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return False


class Silence(unittest.TestCase):
    def test_who_never_speaks_is_closed(self):
        with Server(limits={"handshake_ns": 300}) as server:
            with server.connect() as s:
                read_frames(s)
            self.assertEqual(server.stats()["open"], 0)

    def test_slow_preface_is_closed(self):
        with Server(limits={"handshake_ns": 500}) as server, server.connect() as s:
            began = time.monotonic()
            with self.assertRaises(OSError):
                for byte in PREFACE * 10:
                    s.sendall(bytes([byte]))
                    time.sleep(0.05)
            self.assertLess(time.monotonic() - began, 5)

    def test_http1_is_closed(self):
        with Server() as server, server.connect() as s:
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            read_frames(s)
            self.assertEqual(server.stats()["killed"], 1)

    def test_unfinished_headers_are_closed(self):
        with Server(limits={"header_ns": 300}) as server, server.connect() as s:
            s.sendall(PREFACE + settings() + frame(HEADERS, 0, 1, b"\x83"))
            frames = read_frames(s)
            self.assertEqual(frames[-1][0], GOAWAY)

    def test_unfinished_message_is_given_up(self):
        with Server(limits={"stall_ns": 400}) as server, server.connect() as s:
            s.sendall(PREFACE + settings() + request_headers(1, b"/taskhost.testing.Echo/Now") +
                      frame(DATA, 0, 1, b"\0\0\0\0\x50half"))
            frames = read_frames(s, until=lambda k, f, i: k == HEADERS and f & END_STREAM)
            self.assertEqual(frames[-1][2], 1)
            self.assertEqual(server.stats()["request_bytes"], 0)

    def test_half_open_connection_is_found(self):
        with Server(limits={"keepalive_ns": 200, "keepalive_wait_ns": 200}) as server:
            s = server.connect()
            s.sendall(PREFACE + settings() + call(1, b"/taskhost.testing.Echo/Never", b"x"))
            self.assertTrue(wait_for(lambda: server.stats()["started"] == 1))
            self.assertTrue(wait_for(lambda: server.stats()["open"] == 0))
            self.assertEqual(server.stats()["calls"], 0)
            s.close()

    def test_living_connection_is_kept(self):
        with Server(limits={"keepalive_ns": 100, "keepalive_wait_ns": 300}) as server:
            channel = grpc.insecure_channel(server.address)
            watch = method(channel, "grpc.health.v1.Health", "Watch")(
                message("grpc.health.v1.HealthCheckRequest")())
            self.assertEqual(next(watch).status, 1)
            time.sleep(1.2)
            self.assertEqual(server.stats()["open"], 1)
            self.assertEqual(server.stats()["killed"], 0)
            watch.cancel()
            channel.close()

    def test_idle_connection_is_sent_away(self):
        with Server(limits={"idle_ns": 300, "goaway_ns": 100}) as server, server.connect() as s:
            s.sendall(PREFACE + settings())
            frames = read_frames(s)
            goaways = [f for f in frames if f[0] == GOAWAY]
            self.assertEqual([int.from_bytes(g[3][:4], "big") for g in goaways], [0x7fffffff, 0])


class Crowds(unittest.TestCase):
    def test_too_many_connections_are_closed(self):
        with Server(limits={"connections_max": 5}) as server:
            socks = [server.connect() for _ in range(8)]
            self.assertTrue(wait_for(lambda: server.stats()["refused"] == 3))
            self.assertEqual(server.stats()["open"], 5)
            for s in socks:
                s.close()
            self.assertTrue(wait_for(lambda: server.stats()["open"] == 0))

    def test_a_thousand_connections(self):
        with Server() as server:
            with server.connect() as first:
                first.sendall(PREFACE + settings() + call(1, b"/taskhost.testing.Echo/Now", b"x"))
                read_frames(first, until=lambda k, f, i: k == HEADERS and f & END_STREAM)
            before, descriptors = server.rss(), server.descriptors()
            socks = []
            for _ in range(1000):
                s = server.connect()
                s.sendall(PREFACE + settings() + call(1, b"/taskhost.testing.Echo/Now", b"x"))
                socks.append(s)
            for s in socks:
                read_frames(s, until=lambda k, f, i: k == HEADERS and f & END_STREAM)
            self.assertEqual(server.stats()["open"], 1000)
            if not SANITIZED:
                self.assertLess((server.rss() - before) / 1000, 24 * 1024)
            for s in socks:
                s.close()
            self.assertTrue(wait_for(lambda: server.stats()["open"] == 0))
            self.assertLessEqual(server.descriptors(), descriptors)


class SlowReaders(unittest.TestCase):
    def stream_forever(self, s):
        """Asks for 400 MB of answers and reads none."""
        part = b"\x12\x04\x08\x80\x80\x40"  # response_parameters {size: 1048576}
        s.sendall(PREFACE + settings(initial_window=0x7fffffff) +
                  frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7fff0000 - 65535)) +
                  call(1, b"/grpc.testing.TestService/StreamingOutputCall", part * 400))

    def test_stream_that_nobody_reads_is_bounded(self):
        with Server(limits={"stall_ns": 60000}) as server:
            socks = [server.connect() for _ in range(8)]
            for s in socks:
                self.stream_forever(s)
            time.sleep(1.5)
            if not SANITIZED:
                self.assertLess(server.rss(), 40 * MB)
            self.assertLess(server.stats()["reply_bytes"], 8 * 3 * MB)
            for s in socks:
                s.close()
            self.assertTrue(wait_for(lambda: server.stats()["calls"] == 0))

    def test_who_reads_gets_all(self):
        with Server() as server, server.connect(timeout=60) as s:
            self.stream_forever(s)
            got, ended, buffered = 0, False, bytearray()
            while not ended:
                buffered += s.recv(1 << 20)
                while len(buffered) >= 9:
                    length = int.from_bytes(buffered[:3], "big")
                    if len(buffered) < 9 + length:
                        break
                    got += length if buffered[3] == DATA else 0
                    ended |= buffered[3] == HEADERS and bool(buffered[4] & END_STREAM)
                    del buffered[:9 + length]
            self.assertEqual(got, 400 * (MB + 5 + 4 + 4))

    def test_unread_unary_replies_are_bounded(self):
        with Server() as server, server.connect() as s:
            size = 3 * MB
            request = b"\x10" + bytes([size & 127 | 128, size >> 7 & 127 | 128,
                                       size >> 14 & 127 | 128, size >> 21])
            s.sendall(PREFACE + settings(initial_window=0x7fffffff) +
                      frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7fff0000 - 65535)))
            for i in range(500):
                s.sendall(call(2 * i + 1, b"/grpc.testing.TestService/UnaryCall", request))
            time.sleep(1.0)
            stats = server.stats()
            self.assertLess(stats["reply_bytes"], 12 * MB)
            if not SANITIZED:
                self.assertLess(server.rss(), 40 * MB)

    def test_who_stops_reading_is_dropped(self):
        with Server(limits={"stall_ns": 500}) as server, server.connect() as s:
            self.stream_forever(s)
            self.assertTrue(wait_for(lambda: server.stats()["open"] == 0))
            self.assertEqual(server.stats()["reply_bytes"], 0)

    def test_zero_window_is_reset(self):
        with Server(limits={"stall_ns": 400}) as server, server.connect() as s:
            s.sendall(PREFACE + settings(initial_window=0) +
                      call(1, b"/taskhost.testing.Echo/Now", b"x" * 100))
            frames = read_frames(s, until=lambda k, f, i: k == RST)
            self.assertEqual(frames[-1][2], 1)
            self.assertEqual(server.stats()["reply_bytes"], 0)


class Floods(unittest.TestCase):
    def flood(self, server, bytes_, times=40):
        """Sends until thrown out; the frames it got. Reads meanwhile."""
        with server.connect() as s:
            s.sendall(PREFACE + settings())
            frames = []
            reader = threading.Thread(target=lambda: frames.extend(read_frames(s)))
            reader.start()
            try:
                for _ in range(times):
                    s.sendall(bytes_)
            except OSError:
                pass
            reader.join(10)
            self.assertFalse(reader.is_alive(), "still connected")
        return frames

    def still_serves(self, server):
        with grpc.insecure_channel(server.address) as channel:
            method(channel, "grpc.testing.TestService", "EmptyCall")(
                message("grpc.testing.Empty")(), timeout=10)

    def check(self, bytes_):
        with Server() as server:
            frames = self.flood(server, bytes_)
            self.assertLess(len(frames), 50000)
            self.still_serves(server)
            self.assertTrue(wait_for(lambda: server.stats()["calls"] == 0))

    def test_flood_of_pings(self):
        self.check(frame(PING, 0, 0, b"12345678") * 1000)

    def test_flood_of_settings(self):
        self.check(settings() * 1000)

    def test_flood_of_window_updates(self):
        self.check(frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1") * 1000)

    def test_flood_of_continuations(self):
        self.check(frame(HEADERS, 0, 1, b"\x83") + frame(CONTINUATION, 0, 1, b"\x86") * 1000)

    def test_flood_of_resets(self):
        with Server() as server:
            ids = iter(range(1, 200001, 2))
            with server.connect() as s:
                s.sendall(PREFACE + settings())
                frames = []
                reader = threading.Thread(target=lambda: frames.extend(read_frames(s)))
                reader.start()
                try:
                    for _ in range(100):
                        s.sendall(b"".join(
                            call(i, b"/taskhost.testing.Echo/Never", b"x") +
                            frame(RST, 0, i, struct.pack(">I", 8))
                            for i in (next(ids) for _ in range(100))))
                except OSError:
                    pass
                reader.join(10)
                self.assertFalse(reader.is_alive(), "still connected")
            self.assertLess(server.stats()["started"], 1500)
            self.still_serves(server)

    def test_client_gone_in_the_middle(self):
        with Server() as server:
            whole = PREFACE + settings() + call(1, b"/taskhost.testing.Echo/Later", b"x" * 3000)
            for cut in range(0, len(whole), 61):
                s = server.connect()
                s.sendall(whole[:cut])
                if cut % 2:  # reset instead of an end
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.close()
            self.assertTrue(wait_for(lambda: server.stats()["open"] == 0))
            self.assertTrue(wait_for(lambda: server.stats()["calls"] == 0))
            self.still_serves(server)


class TheEnd(unittest.TestCase):
    def test_goaway_in_two_steps_under_load_loses_no_call(self):
        first, second = Server(), Server()
        ident = (lambda b: b, lambda b: b)
        with first, second:
            options = [("grpc.service_config", '{"methodConfig":[{"name":[{}],"waitForReady":true,'
                        '"retryPolicy":{"maxAttempts":4,"initialBackoff":"0.05s",'
                        '"maxBackoff":"0.5s","backoffMultiplier":2,'
                        '"retryableStatusCodes":["UNAVAILABLE"]}}],'
                        '"loadBalancingConfig":[{"round_robin":{}}]}')]
            target = f"ipv4:127.0.0.1:{first.port},127.0.0.1:{second.port}"
            failures, done, stop = [], [0], threading.Event()

            def worker():
                with grpc.insecure_channel(target, options=options) as channel:
                    later = channel.unary_unary("/taskhost.testing.Echo/Later", *ident)
                    while not stop.is_set():
                        try:
                            later(b"x", timeout=10, metadata=(("after-ms", "5"),))
                            done[0] += 1
                        except grpc.RpcError as error:
                            failures.append((error.code(), error.details()))

            threads = [threading.Thread(target=worker) for _ in range(8)]
            for t in threads:
                t.start()
            self.assertTrue(wait_for(lambda: done[0] > 200))
            first.signal(signal.SIGTERM)
            code = first.process.wait(10)
            before = done[0]
            self.assertTrue(wait_for(lambda: done[0] > before + 100))
            stop.set()
            for t in threads:
                t.join(15)
            self.assertEqual(failures, [])
            self.assertEqual(code, 0)

    def test_running_calls_finish_while_draining(self):
        with Server() as server:
            with grpc.insecure_channel(server.address) as channel:
                later = channel.unary_unary("/taskhost.testing.Echo/Later", lambda b: b,
                                            lambda b: b)
                future = later.future(b"slow", timeout=10, metadata=(("after-ms", "700"),))
                self.assertTrue(wait_for(lambda: server.stats()["started"] == 1))
                server.signal(signal.SIGTERM)
                self.assertEqual(future.result(), b"slow")
                self.assertEqual(server.process.wait(10), 0)

    def test_second_signal_ends_at_once(self):
        with Server() as server, server.connect() as s:
            s.sendall(PREFACE + settings() + call(1, b"/taskhost.testing.Echo/Never", b"x"))
            self.assertTrue(wait_for(lambda: server.stats()["started"] == 1))
            server.signal(signal.SIGTERM)
            time.sleep(0.2)
            self.assertIsNone(server.process.poll())
            server.signal(signal.SIGTERM)
            self.assertEqual(server.process.wait(10), 0)

    @unittest.skipIf(SANITIZED, "sanitizers are libraries")
    def test_only_libc_is_needed(self):
        out = subprocess.run(["readelf", "-d", SERVER], capture_output=True, text=True, check=True)
        needed = [line.split("[")[1].rstrip("]") for line in out.stdout.splitlines()
                  if "(NEEDED)" in line]
        self.assertLessEqual({n.split(".so")[0] for n in needed}, {"libc", "ld-linux-x86-64"})


if __name__ == "__main__":
    tap.main()
