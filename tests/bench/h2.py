#!/usr/bin/env python3
"""The gRPC engine beside nghttpd's static replies: CPU per request, requests per second, latency.

usage: h2.py INTEROP_SERVER [--rounds N] [--quick]

Server on core 0, h2load on core 1, contestants in turn within each round, medians over rounds. CPU is
the scheduler's run time of the server process; on loopback the sender pays for the receiver's share
of TCP, so compare servers with each other only. A run during which anything else used more than 12 %
of a core is told as busy, and left out of the medians if any run was quiet.
"""

import argparse
import json
import os
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time

SHAPES = ((1, 1, 4000), (8, 1, 10000), (8, 16, 40000), (8, 100, 40000))
BIG = ((64 << 10, 1, 1, 3000), (64 << 10, 4, 8, 6000), (3 << 20, 1, 1, 150))
REQUEST, REPLY = 271 - 5, 198  # bytes of a CreateTaskRequest, and of nghttpd's file


def cpu_us(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total / 1000


def busy_s():
    with open("/proc/stat", encoding="ascii") as f:
        values = list(map(int, f.readline().split()[1:]))
    return (sum(values) - values[3] - values[4]) / os.sysconf("SC_CLK_TCK")


def children_s():
    usage = os.times()
    return usage.children_user + usage.children_system


def memory_kb(pid):
    found = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        for line in f:
            words = line.split()
            if words[0] in ("Rss:", "Anonymous:"):
                found[words[0][:-1]] = int(words[1])
    return found


class Contestant:
    def __init__(self, name, command, ready, path, body):
        self.name, self.path, self.body = name, path, body
        self.process = subprocess.Popen(["taskset", "-c", "0", *command], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.port = ready(self.process)
        self.pid = self.process.pid

    def load(self, connections, streams, requests, body, log):
        command = ["taskset", "-c", "1", "h2load", "-n", str(requests), "-c", str(connections),
                   "-m", str(streams), f"--log-file={log}"]
        if self.body:
            command += ["-d", body, "-H", "content-type: application/grpc", "-H", "te: trailers"]
        before, client, machine, began = cpu_us(self.pid), children_s(), busy_s(), time.monotonic()
        out = subprocess.run([*command, f"http://127.0.0.1:{self.port}{self.path}"], check=True,
                             capture_output=True, text=True).stdout
        took = time.monotonic() - began
        server = cpu_us(self.pid) - before
        others = busy_s() - machine - (children_s() - client) - server / 1e6
        if f"{requests} succeeded" not in out:
            sys.exit(f"{self.name}: not all requests succeeded:\n{out}")
        rate = float(out.split("finished in ")[1].split(", ")[1].split(" req/s")[0])
        with open(log, encoding="ascii") as f:
            times = sorted(int(line.split()[2]) for line in f)
        return {"cpu_us": server / requests, "rate": rate, "others": others / took,
                "p50_us": times[len(times) // 2], "p99_us": times[len(times) * 99 // 100]}

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        self.process.stdout.close()


def our_port(process):
    return int(process.stdout.readline().rsplit(":", 1)[1])


def fixed_port(port):
    def wait(process):
        for _ in range(100):
            if subprocess.run(["bash", "-c", f"</dev/tcp/127.0.0.1/{port}"], check=False,
                              stderr=subprocess.DEVNULL).returncode == 0:
                return port
            time.sleep(0.05)
        sys.exit("nghttpd did not start")
    return wait


def write_body(path, size):
    with open(path, "wb") as f:
        f.write(b"\0" + struct.pack(">I", size) + os.urandom(size))


def median(runs, key):
    quiet = [r for r in runs if r["others"] <= 0.12] or runs
    return statistics.median(r[key] for r in quiet)


def report(title, runs):
    base = median(runs["nghttpd"], "cpu_us")
    for name, those in runs.items():
        quiet = sum(r["others"] <= 0.12 for r in those)
        print(f"{title:14} {name:9} cpu {median(those, 'cpu_us'):8.2f} us"
              f"  {median(those, 'cpu_us') / base:5.2f}x"
              f"  {median(those, 'rate'):9.0f}/s  p50 {median(those, 'p50_us'):7.0f} us"
              f"  p99 {median(those, 'p99_us'):7.0f} us  quiet {quiet}/{len(those)}")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("server")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="without the large messages")
    parser.add_argument("--json", help="write the medians there")
    args = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as work:
        body, log, www = (os.path.join(work, n) for n in ("body", "log", "www"))
        os.mkdir(www)
        with open(os.path.join(www, "f"), "wb") as f:
            f.write(b"y" * REPLY)
        contestants = [
            Contestant("taskhost", [args.server, "--port", "0"], our_port,
                       "/taskhost.testing.Echo/Now", True),
            Contestant("nghttpd", ["nghttpd", "--no-tls", "-n", "1", "-d", www, "17002"],
                       fixed_port(17002), "/f", False)]
        print("idle:", {c.name: memory_kb(c.pid) for c in contestants})
        shapes = [(f"{c}x{m}", c, m, n, REQUEST) for c, m, n in SHAPES]
        if not args.quick:
            shapes += [(f"{size >> 10} KiB {c}x{m}", c, m, n, size) for size, c, m, n in BIG]
        for title, c, m, n, size in shapes:
            write_body(body, size)
            # nghttpd reads the same requests where they are large.
            for one in contestants:
                one.body = one.name == "taskhost" or size > REQUEST
            runs = {one.name: [] for one in contestants}
            for _ in range(args.rounds):
                for one in contestants:
                    if os.path.exists(log):
                        os.unlink(log)
                    runs[one.name].append(one.load(c, m, n, body, log))
            report(title, runs)
            results[title] = {name: {k: median(those, k) for k in those[0]}
                              for name, those in runs.items()}
        print("after:", {c.name: memory_kb(c.pid) for c in contestants})
        for c in contestants:
            c.stop()
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump(results, f, indent=1)


if __name__ == "__main__":
    main()
