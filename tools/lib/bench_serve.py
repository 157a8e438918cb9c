"""tools/bench serve: the worker under load, beside servers of others in the same run."""

import contextlib
import os
import tempfile
import time

import bench_durable
import bench_load
import bench_memory
import bench_restart
import bench_worker
import bench_yardsticks
from bench_report import target

SHAPES = ((1, 1, 3000), (8, 1, 8000), (8, 16, 40000), (8, 100, 40000))
BIG = ((64 << 10, 4, 8, 4000), (3 << 20, 1, 1, 100))
SMALL = 600  # bytes, about the recorded request
# Tasks that take no time are limited by the CPU and not by slots; one runner, as there is one core.
WIDE = ("--slots", "1000", "--set", "runners.max=1")


class Servers:
    """All of them, up at once; each call is a contestant."""

    def __init__(self, stack, work):
        self.bodies = bench_worker.Bodies(work)
        self.log = os.path.join(work, "log")
        self.www = stack.enter_context(bench_yardsticks.nghttpd(work))
        self.echo = stack.enter_context(bench_yardsticks.grpc_echo())
        self.worker, self.inside = (
            stack.enter_context(bench_worker.Worker(stack.enter_context(bench_worker.DiskPlace()),
                                                    *WIDE, *more))
            for more in ((), ("--isolation", "in-process")))

    def static(self, body=None):
        return bench_load.Contestant("nghttpd", self.www[1], self.www[0], "/f", body)

    def grpc(self, size=SMALL):
        if not self.echo[0]:
            return []
        return [bench_load.Contestant("C++ gRPC echo", self.echo[1], self.echo[0],
                                      "/taskhost.bench.Echo/Call", self.bodies.echo(size))]

    def call(self, name, path, body, worker=None):
        w = worker or self.worker
        counted = None if path == bench_worker.LIST else w.answered
        return bench_load.Contestant(name, w.pid, w.address, path, body, counted)

    def sync(self, name, task_type="echo_sync", size=0, worker=None):
        (worker or self.worker).run_sync(bench_worker.create_request(task_type, size))
        return self.call(name, bench_worker.SYNC, self.bodies.sync(task_type, size), worker)


def ratio(result, name, to, key="cpu_us"):
    return result[name][key] / result[to][key]


def judge_calls(r, grpc):
    met = True
    for name in ("ListAgents", "GetTask"):
        met &= target(f"{name}, CPU against nghttpd", ratio(r, name, "nghttpd"), 1.5)
        if grpc:
            met &= target(f"{name}, CPU against C++ gRPC", ratio(r, name, "C++ gRPC echo"), 0.25)
    met &= target("sync task isolated, CPU against in-process",
                  ratio(r, "sync task", "sync task in-process"), 1.3)
    if grpc:
        met &= target("sync task isolated, CPU against C++ gRPC",
                      ratio(r, "sync task", "C++ gRPC echo"), 0.3)
    return met


def judge_latency(r):
    raw = bench_yardsticks.pingpong()
    print(f"  raw TCP ping-pong: p50 {raw:.1f} us")
    met = True
    for name in ("ListAgents", "GetTask"):
        met &= target(f"{name} alone, p50 against raw TCP", r[name]["p50_us"] / raw, 1.25)
    return met & target("sync task isolated alone, p50 against GetTask",
                        ratio(r, "sync task", "GetTask", "p50_us"), 1.25)


def calls(servers):
    print("calls: connections x streams; CPU is the server's with its children, per request")
    client = servers.worker.client
    meta = client.create("echo", {"x": 7})
    client.wait(meta)
    grpc = servers.grpc()
    contestants = [
        servers.static(), *grpc,
        servers.call("ListAgents", bench_worker.LIST, servers.bodies.empty()),
        servers.call("GetTask", bench_worker.ASYNC + "GetTask", servers.bodies.get(meta)),
        servers.sync("sync task"),
        servers.sync("sync task in-process", worker=servers.inside)]
    results = {}
    for connections, streams, requests in SHAPES:
        title = f"{connections}x{streams}"
        results[title] = bench_load.rounds(contestants, connections, streams, requests, servers.log)
        bench_load.show(title, results[title])
    met = judge_calls(results["8x16"], bool(grpc))
    return judge_latency(results["1x1"]) & met


def large(servers):
    print("large requests: a sync task in an isolated runner gets them and answers with nothing")
    met = True
    for size, connections, streams, requests in BIG:
        name = f"{size >> 10} KiB"
        grpc = servers.grpc(size)
        before = bench_load.memory_kb(servers.worker.pid)["rss"]
        result = bench_load.rounds(
            [servers.static(servers.bodies.echo(size)), *grpc,
             servers.sync("sync task", "bench_nothing_sync", size)],
            connections, streams, requests, servers.log)
        bench_load.show(name, result)
        once = bench_load.memory_kb(servers.worker.pid)["rss"]
        servers.sync("sync task", "bench_nothing_sync", size).load(connections, streams, requests,
                                                                  servers.log)
        again = bench_load.memory_kb(servers.worker.pid)["rss"]
        if grpc:
            met &= target(f"{name}, CPU against C++ gRPC",
                          ratio(result, "sync task", "C++ gRPC echo"), 0.6)
        print(f"  worker's memory before: {before / 1024:.1f} MiB, after {3 * requests}: "
              f"{once / 1024:.1f} MiB")
        met &= target(f"{name}, memory after {requests} more against before them", again / once, 1.1)
    return met


def serve():
    """Everything; True when all targets are met."""
    began = time.monotonic()
    print(f"serve: server on core {bench_load.SERVER_CPU}, client on {bench_load.CLIENT_CPU}; medians"
          f" of 3 runs in turn; quiet: runs in which others used at most {bench_load.BUSY:.0%}")
    if bench_load.SERVER_CPU == bench_load.CLIENT_CPU:
        print("  there is one core only: client and server share it, and latencies say little")
    met = True
    with tempfile.TemporaryDirectory() as work, contextlib.ExitStack() as stack:
        servers = Servers(stack, work)
        for section in (bench_memory.idle, calls, large, bench_memory.loaded,
                        bench_memory.connections):
            met &= section(servers)
    for section in (bench_durable.accepting, bench_durable.executing, bench_restart.crash,
                    bench_restart.start):
        met &= section()
    print(f"serve took {time.monotonic() - began:.0f} s")
    return met
