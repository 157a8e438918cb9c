"""How soon the worker is there again: after a crash of a runner, and at start."""

import os
import statistics
import subprocess
import tempfile
import time

import bench_load
import bench_plugins
import bench_worker
from bench_report import BUILD, bench_program, target

CRASHES = 10


def _file_request(task_type, path):
    r = bench_worker.create_request(task_type)
    r.template.interface.ClearField("outputs")
    bench_worker.set_text(r, "file", path)
    return r


def _stamp(path):
    with open(path, encoding="ascii") as f:
        return int(f.read())


def _one_crash(worker, died, ran):
    """us from the death of a runner to the next run of the same plugin, which waits for it."""
    worker.client.CreateTask(_file_request("bench_die", died), timeout=20)
    worker.run_sync(_file_request("bench_stamp", ran))
    return (_stamp(ran) - _stamp(died)) / 1e3


def crash():
    print("a crash of a runner, and its replacement")
    ring = subprocess.run([bench_program("bench-ring"),
                           os.path.join(BUILD, "tests", "unit", "runners", "fake-runner"), "crash"],
                          check=True, timeout=60, capture_output=True, text=True).stdout
    print("".join(f"  pool alone: {line}\n" for line in ring.splitlines()), end="")
    words = ring.splitlines()[0].split()
    seen, ready = int(words[3]), int(words[-3])
    with tempfile.TemporaryDirectory() as work, bench_worker.DiskPlace() as place, \
            bench_worker.Worker(place, "--slots", "8", "--set", "runners.max=1") as w:
        took = []
        for _ in range(CRASHES):
            took.append(_one_crash(w, os.path.join(work, "died"), os.path.join(work, "ran")))
            # so many crashes in a row are poison to the plugin
            w.cli("plugin", "unquarantine", "bench_tasks")
    print(f"  worker: from death to the next run on the replacement: best {min(took):.0f} us")
    met = target("seen", seen / 1e3, 0.5, " ms")
    met &= target("replacement ready", ready / 1e3, 2, " ms")
    return met & target("both, in the worker, median", statistics.median(took) / 1e3, 2.5, " ms")


def _start_ms(place, plugins, state):
    began = time.monotonic()
    w = bench_worker.Worker(place, plugins=[plugins], state=state, cpus=bench_load.CPUS)
    took = (time.monotonic() - began) * 1e3
    active = w.metric("taskhost_plugins")
    w.stop()
    return took, active


def start():
    print(f"start to the ready line on {len(bench_load.CPUS)} cores; cold has no verdicts, but its files"
          " are in the page cache")
    met = True
    for count, cold_ms, warm_ms in ((10, None, None), (1000, 1500, 100)):
        with bench_worker.DiskPlace() as place:
            plugins = place.path("many")
            bench_plugins.make(plugins, count)
            cold = [_start_ms(place, plugins, f"state{i}") for i in range(2)]
            warm = [_start_ms(place, plugins, "state0") for _ in range(3)]
        if {n for _, n in cold + warm} != {count}:
            print(f"  of {count} plugins not all were found: {cold + warm}")
            met = False
        best_cold, best_warm = min(cold)[0], min(warm)[0]
        if cold_ms is None:
            print(f"  {count} plugins: cold {best_cold:.0f} ms, warm {best_warm:.0f} ms")
            continue
        met &= target(f"{count} plugins, cold", best_cold, cold_ms, " ms")
        met &= target(f"{count} plugins, warm", best_warm, warm_ms, " ms")
    return met
