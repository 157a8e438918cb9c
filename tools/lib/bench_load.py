"""Load by h2load, and what it costs a server: CPU of its process with all below it, requests per
second, latency. Server and client each have a core."""

import os
import re
import statistics
import struct
import subprocess
import sys
import time

BUSY = 0.12  # of a core, used by others: such a run is left out when any was quiet
CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU, CLIENT_CPU = CPUS[0], CPUS[1 % len(CPUS)]


def pinned(cpu, command):
    return ["taskset", "-c", str(cpu), *command]


def family(pid):
    """The process and all its descendants."""
    found, next_ones = [], [pid]
    while next_ones:
        one = next_ones.pop()
        found.append(one)
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                with open(f"/proc/{one}/task/{task}/children", encoding="ascii") as f:
                    next_ones += map(int, f.read().split())
        except FileNotFoundError:
            pass
    return found


def cpu_us(pid):
    """Of all threads of the family, as the scheduler counts it: utime and stime have ticks of 10 ms.
    Children that were waited for are in the ticks."""
    total = 0
    for one in family(pid):
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                with open(f"/proc/{one}/task/{task}/schedstat", encoding="ascii") as f:
                    total += int(f.read().split()[0]) / 1e3
            with open(f"/proc/{one}/stat", encoding="ascii") as f:
                words = f.read().rsplit(")", 1)[1].split()
            total += (int(words[13]) + int(words[14])) * 1e6 / os.sysconf("SC_CLK_TCK")
        except FileNotFoundError:
            pass
    return total


def memory_kb(pid):
    """Resident, and what no other process has: {'rss', 'private'}."""
    sums = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        for line in f:
            words = line.split()
            if words[-1] == "kB":
                sums[words[0]] = int(words[1])
    return {"rss": sums["Rss:"], "private": sums["Private_Clean:"] + sums["Private_Dirty:"]}


def _machine_s():
    with open("/proc/stat", encoding="ascii") as f:
        values = list(map(int, f.readline().split()[1:]))
    return (sum(values[:8]) - values[3] - values[4]) / os.sysconf("SC_CLK_TCK")


def _client_s():
    usage = os.times()
    return usage.children_user + usage.children_system


class Contestant:
    """A server, and one request to it. `body` is a file for POST, None for GET; `done` tells how many
    of its requests were answered well, when HTTP's status does not."""

    def __init__(self, name, pid, address, path, body=None, done=None):
        self.name, self.pid, self.body, self.done = name, pid, body, done
        self.url = f"http://{address}{path}"

    def _command(self, connections, streams, requests, log):
        command = ["h2load", "-n", str(requests), "-c", str(connections), "-m", str(streams),
                   "-w", "24", "-W", "24", f"--log-file={log}"]
        if self.body:
            command += ["-d", self.body, "-H", "content-type: application/grpc",
                        "-H", "te: trailers"]
        return pinned(CLIENT_CPU, [*command, self.url])

    def load(self, connections, streams, requests, log):
        if os.path.exists(log):
            os.unlink(log)
        answered = self.done() if self.done else 0
        server, client, machine, began = cpu_us(self.pid), _client_s(), _machine_s(), time.monotonic()
        out = subprocess.run(self._command(connections, streams, requests, log), check=True,
                             capture_output=True, text=True).stdout
        took = time.monotonic() - began
        server = cpu_us(self.pid) - server
        others = _machine_s() - machine - (_client_s() - client) - server / 1e6
        if self.done:
            answered = self.done() - answered
        well = f" {requests} succeeded" in out and (not self.done or answered == requests)
        # an error of gRPC has no data
        well = well and int(re.search(r"\((\d+)\) data", out).group(1)) >= requests * 5
        if not well:
            sys.exit(f"tools/bench: {self.name}: {requests} requests, the server counts {answered} "
                     f"well answered; h2load says:\n{out}")
        with open(log, encoding="ascii") as f:
            times = sorted(int(line.split()[2]) for line in f)
        rate = float(re.search(r"([\d.]+) req/s", out).group(1))
        return {"cpu_us": server / requests, "rate": rate, "others": others / took,
                "p50_us": times[len(times) // 2], "p99_us": times[len(times) * 99 // 100]}


def rounds(contestants, connections, streams, requests, log, count=3):
    """Medians by name of runs in turn; {'quiet': how many were}."""
    runs = {c.name: [] for c in contestants}
    for _ in range(count):
        for c in contestants:
            runs[c.name].append(c.load(connections, streams, requests, log))
    result = {}
    for name, those in runs.items():
        quiet = [r for r in those if r["others"] <= BUSY]
        result[name] = {k: statistics.median(r[k] for r in quiet or those) for k in those[0]}
        result[name]["quiet"] = f"{len(quiet)}/{len(those)}"
    return result


def show(title, result):
    for name, r in result.items():
        print(f"  {title:9} {name:22} cpu {r['cpu_us']:8.2f} us  {r['rate']:9.0f}/s"
              f"  p50 {r['p50_us']:7.0f} us  p99 {r['p99_us']:7.0f} us  quiet {r['quiet']}",
              flush=True)


def framed(*messages):
    """As gRPC sends them in one body."""
    return b"".join(b"\0" + struct.pack(">I", len(m)) + m for m in messages)
