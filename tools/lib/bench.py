"""What tools/bench prints. Each section returns True when its targets are met."""

import json
import os
import shutil
import subprocess
import sys
import time

import bench_plugins
from bench_report import BUILD, PLUGINS, TASKHOST, target, work_directory

ADD = {
    "literals": {
        "a": {"scalar": {"primitive": {"integer": "20"}}},
        "b": {"scalar": {"primitive": {"integer": "22"}}},
    }
}


def make_inputs(work):
    with open(os.path.join(work, "inputs.json"), "w", encoding="utf-8") as out:
        json.dump(ADD, out)
    inputs = os.path.join(work, "inputs.pb")
    subprocess.run([TASKHOST, "pb", "make", "--type", "LiteralMap", work + "/inputs.json", "-o", inputs], check=True)
    return inputs


def flytekit():
    """A pyflyte-execute to compare with: on PATH, or where tools/interop put one."""
    for path in (shutil.which("pyflyte-execute"), "build/interop-venv/bin/pyflyte-execute"):
        if path and os.path.exists(path) and os.path.realpath(path) != os.path.realpath(TASKHOST):
            return os.path.abspath(path)
    return None


def spawn(rounds, contestants, environment):
    command = [os.path.join(BUILD, "tests", "bench", "bench-start"), str(rounds)]
    for i, (name, argv) in enumerate(contestants):
        command += ([":::"] if i else []) + [name, *argv]
    ended = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    got = json.loads(ended.stdout)
    for name, figures in got.items():
        if figures["failures"]:
            sys.exit(f"tools/bench: {name} failed {figures['failures']} times (BENCH_SHOW_ERRORS=1 shows why)")
    return got


def execute():
    print("execute: a trivial task, inputs.pb to outputs.pb, crash isolation included")
    with work_directory() as work:
        print(f"  files in {work}")
        inputs = make_inputs(work)
        environment = dict(os.environ, TASKHOST_PLUGIN_PATH=PLUGINS, TASKHOST_CACHE_DIR=work + "/cache",
                           FLYTE_FAIL_ON_ERROR="1")
        flags = ["--inputs", inputs, "--output-prefix", work + "/out", "--raw-output-data-prefix", work + "/raw"]
        resolver = ["--resolver", "taskhost.default_task_resolver", "--"]
        contestants = [
            ("empty", [os.path.join(BUILD, "tests", "bench", "bench-empty")]),
            ("execute", [TASKHOST, "execute", *flags, *resolver, "task-module", "trivial", "task-name", "add"]),
            ("arith", [TASKHOST, "execute", *flags, *resolver, "task-module", "arith", "task-name", "add"]),
            ("python", ["/usr/bin/python3", "-c", "pass"]),
        ]
        got = spawn(300, contestants, environment)
        for name, figures in got.items():
            print(f"  {name:8} p50 {figures['p50_us']:8.0f} us  min {figures['min_us']:8.0f} us  cpu {figures['cpu_us']:8.0f} us  peak {figures['max_rss_kb'] / 1024:.1f} MiB")
        met = target("wall against an empty static process", got["execute"]["p50_us"] / got["empty"]["p50_us"], 3)
        print(f"  the same task in a plugin of 30 that needs libm: {got['arith']['p50_us'] / got['empty']['p50_us']:.2f}x")
        met &= target("wall against python3 -c pass", got["execute"]["p50_us"] / got["python"]["p50_us"], 0.2)
        met &= target("peak memory", got["execute"]["max_rss_kb"] / 1024, 4, " MiB")
        theirs = flytekit()
        if not theirs:
            print("  pyflyte-execute: not here (tools/interop installs one)")
            return met
        module = os.path.join(work, "bench_task.py")
        with open(module, "w", encoding="utf-8") as out:
            out.write("from flytekit import task\n\n\n@task\ndef add(a: int, b: int) -> int:\n    return a + b\n")
        resolver = ["--resolver", "flytekit.core.python_auto_container.default_task_resolver", "--"]
        start = time.monotonic()
        rounds = 5
        environment["PYTHONPATH"] = work
        for _ in range(rounds):
            subprocess.run([theirs, *flags, *resolver, "task-module", "bench_task", "task-name", "add"],
                           env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        mean_us = (time.monotonic() - start) / rounds * 1e6
        print(f"  pyflyte-execute: {mean_us:.0f} us, {mean_us / got['execute']['p50_us']:.0f} times as long")
        return met


def plugins():
    count = 1000
    print(f"plugins: a directory of {count}")
    with work_directory() as work:
        directory = os.path.join(work, "plugins")
        bench_plugins.make(directory, count)
        start = time.monotonic()
        listed = subprocess.run([TASKHOST, "plugin", "ls", directory, "-o", "json"], stdout=subprocess.PIPE, check=True)
        elapsed = (time.monotonic() - start) * 1e3
        active = sum(1 for p in json.loads(listed.stdout)["plugins"] if p["state"] == "active")
        print(f"  plugin ls, everything inspected: {elapsed:.0f} ms, {active} active")
        environment = dict(os.environ, TASKHOST_PLUGIN_PATH=directory, TASKHOST_CACHE_DIR=work + "/cache", TMPDIR=work)
        got = spawn(50, [
            ("empty", [os.path.join(BUILD, "tests", "bench", "bench-empty")]),
            ("run", [TASKHOST, "run", "bench0500.one", "-i", "a=1"]),
        ], environment)
        ratio = got["run"]["p50_us"] / got["empty"]["p50_us"]
        print(f"  run one of {count}: {got['run']['p50_us']:.0f} us, {ratio:.1f}x an empty static process")
        return active == count


def literals():
    print("literals: decoding a map of integers, and accessor calls of a plugin")
    decoded = json.loads(subprocess.run([os.path.join(BUILD, "tests", "bench", "bench-decode")],
                                        stdout=subprocess.PIPE, check=True).stdout)
    for n, figures in decoded.items():
        per = 1 / int(n)
        print(f"  {n:>3} literals: walk {figures['walk_ns'] * per:6.0f} ns, walk and decode {figures['decode_ns'] * per:6.0f} ns, "
              f"protobuf-c with malloc {figures['protobuf_c_malloc_ns'] * per:6.0f} ns (each)")
    ran = subprocess.run(
        [TASKHOST, "run", "bench_accessors.time", "--plugins", os.path.join(BUILD, "tests", "bench"),
         "-i", "a=7", "-i", "s=text", "-i", 'xs=["a","b","c"]'], stdout=subprocess.PIPE, check=True)
    for name, ns in json.loads(ran.stdout).items():
        print(f"  accessor {name:7} {ns:6.1f} ns a call")
    return True


def serve():
    import bench_serve  # needs python3-grpcio, which the others do not
    return bench_serve.serve()


def main():
    offline = {"execute": execute, "plugins": plugins, "literals": literals}
    sections = {**offline, "serve": serve}
    wanted = sys.argv[1:] or list(offline)
    if wanted == ["all"]:
        wanted = list(sections)
    unknown = [w for w in wanted if w not in sections]
    if unknown:
        sys.exit(f"tools/bench: no section '{unknown[0]}'; there are {', '.join(sections)}, all")
    met = [sections[w]() for w in wanted]
    if not sys.argv[1:]:
        print("the worker under load: tools/bench serve, about a minute")
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
