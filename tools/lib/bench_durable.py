"""What durability costs: CreateTask beside a bare log of the same bytes and bare SQLite, and whole
executions."""

import os
import re
import subprocess
import tempfile
import time

import bench_load
import bench_worker
from bench_report import bench_program, target

LOAD = ((1, 1, 1500), (8, 16, 12000), (8, 100, 10000))  # stays below the most that may wait
WHOLE = 20000
ROUNDS = 3


def _lines(program, *arguments):
    out = subprocess.run(bench_load.pinned(bench_load.SERVER_CPU, [bench_program(program),
                                                                   *map(str, arguments)]),
                         check=True, timeout=60, capture_output=True, text=True).stdout
    print("".join(f"  {line}\n" for line in out.splitlines()), end="", flush=True)
    return out


def _bare(spec, outstanding):
    """us per job of the log and of SQLite, for each number outstanding."""
    found = re.findall(r"(\d+) outstanding: log +([\d.]+) us +accept +([\d.]+) us",
                       _lines("bench-store", f"--spec={spec}", *outstanding))
    return {int(n): (float(log), float(sqlite)) for n, log, sqlite in found}


def _commits(w):
    """How many, and how many executions they took."""
    return [w.metric(f"taskhost_store_commit_writes_{what}") for what in ("count", "sum")]


def _calls(work):
    """CreateTask beside a call that stores nothing, by number outstanding. One execution holds the
    only slot: what comes is accepted, and waits."""
    results = {}
    with bench_worker.DiskPlace() as place, \
            bench_worker.Worker(place, "--slots", "1", grace=False) as w:
        bodies = bench_worker.Bodies(work)
        meta = w.client.CreateTask(bench_worker.create_request("bench_last"),
                                   timeout=20).resource_meta
        contestants = [
            bench_load.Contestant(name, w.pid, w.address, bench_worker.ASYNC + name, body, w.answered)
            for name, body in (("CreateTask", bodies.create("bench_nothing")),
                               ("GetTask", bodies.get(meta)))]
        for connections, streams, requests in LOAD:
            title, (commits, writes) = f"{connections}x{streams}", _commits(w)
            results[connections * streams] = bench_load.rounds(
                contestants, connections, streams, requests, os.path.join(work, "log"))
            bench_load.show(title, results[connections * streams])
            now = _commits(w)
            print(f"  {title:9} executions per commit: {(now[1] - writes) / (now[0] - commits):.1f}")
        w.kill()
    return results


def accepting():
    """The store alone, and the whole call: what a call costs that stores nothing is told apart."""
    print("durable CreateTask, one core; 'accept' is the store alone with group commit, 'log' a bare"
          " log of the same bytes")
    spec = len(bench_worker.create_request("bench_nothing").SerializeToString())
    bare = _bare(spec, (1, 64, 128))
    with tempfile.TemporaryDirectory() as work:
        results = _calls(work)
    create, get = (results[128][name] for name in ("CreateTask", "GetTask"))
    log, sqlite = bare[128]
    each = 1e6 / create["rate"]
    adds = create["cpu_us"] - get["cpu_us"]
    print(f"  128 outstanding: a call takes {each:.2f} us, {each / sqlite:.2f}x the store alone; CPU"
          f" {create['cpu_us']:.2f} us, of which the call is {get['cpu_us']:.2f} and accepting it"
          f" {adds:.2f}, {adds / log:.2f}x the log and {adds / sqlite:.2f}x the store alone")
    met = target("64 outstanding, the store alone against the grouped raw log",
                 bare[64][1] / bare[64][0], 4)
    met &= target("128 outstanding, the whole call against the grouped raw log", each / log, 4)
    return met & target("alone, p50 against one fdatasync of the log",
                        results[1]["CreateTask"]["p50_us"] / bare[1][0], 4)


def executing():
    """Created by 128 streams, run by one runner, durable at both ends, all on one core."""
    print("no-op executions from create to done, durable, one core")
    inside = re.findall(r"outstanding: +(\d+)/s", _lines("bench-dispatch", 256))
    best = 0
    with tempfile.TemporaryDirectory() as work, bench_worker.DiskPlace() as place, \
            bench_worker.Worker(place, "--slots", "1000", "--set", "runners.max=1") as w:
        body = bench_worker.Bodies(work).create("bench_nothing")
        for _ in range(ROUNDS):
            done, cpu = w.finished(), bench_load.cpu_us(w.pid)
            began = time.monotonic()
            subprocess.run(bench_load.pinned(bench_load.CLIENT_CPU, [
                "h2load", "-n", str(WHOLE), "-c", "8", "-m", "16", "-d", body, "-H",
                "content-type: application/grpc", "-H", "te: trailers",
                f"http://{w.address}{bench_worker.ASYNC}CreateTask"]),
                check=True, timeout=60, capture_output=True)
            w.wait_finished(done + WHOLE)
            took = time.monotonic() - began
            cpu = (bench_load.cpu_us(w.pid) - cpu) / WHOLE
            print(f"  worker, gRPC and isolated runner: {WHOLE / took:8.0f}/s  cpu {cpu:6.2f} us each")
            best = max(best, WHOLE / took)
    met = target("without gRPC and runner", float(inside[0]), 15000, "/s", least=True)
    return met & target("the whole worker, best of 3", best, 15000, "/s", least=True)
