"""A client that judges a worker from outside, as a process of its own: it creates executions, asks after
them and cancels some, and writes every answer it gets into a ledger, a line each, before it does
anything else with it. The worker may be killed under it at any time; what was told must stay true.

    ledger_client.py --address unix:PATH --ledger FILE --runs FILE --workers FILE --seed N

A line "finish" on stdin ends the creating; when everything accepted is finished, or --patience is
over, it reads the ledger again, with the file in which the tasks wrote down their runs
(tests/e2e/ledger.c) and that of the worker's starts ("PID BOOTTIME_NS"), prints what is wrong and a
last line in JSON, and exits 1 if anything was.

Ledger: one JSON array a line, [what, time, name, …]; times are CLOCK_BOOTTIME in ns, taken when the
answer was there:
    asked      a name of our own and the kind; with a key, or without
    meta       CreateTask's reply
    phase      one of GetTask's that is not final
    final      phase, outputs and message as GetTask tells them, each time they are told
    cancelled  DeleteTask's reply
    error      a call and a status that no lost connection explains
"""

import argparse
import collections
import hashlib
import json
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import grpc
import worker
from worker import PHASES, phase

LIVE_MOST = 120  # accepted and not finished
KINDS = ["ledger"] * 5 + ["ledger_later"] * 5 + ["echo"] * 3 + ["shell"] * 2
# What a client that loses its connection, or its patience, may see.
EXPECTED = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
PHASE_NAMES = {v.number: n for n, v in PHASES.items()}
ENDS = {"SUCCEEDED", "FAILED", "RETRYABLE_FAILED", "ABORTED"}
WAITING = {"QUEUED", "WAITING_FOR_RESOURCES"}


def now():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Ledger:
    def __init__(self, path):
        self.file = open(path, "a", encoding="ascii")
        self.lock = threading.Lock()

    def write(self, what, name, *more):
        at = now()
        with self.lock:
            self.file.write(json.dumps([what, at, name, *more]) + "\n")
            self.file.flush()


class Task:
    def __init__(self, name, kind, request, keyed):
        self.name, self.kind, self.request, self.keyed = name, kind, request, keyed
        self.meta = None
        self.phase = None
        self.cancel_at = None


class Load:
    """Creates, polls and cancels; several threads of each."""

    def __init__(self, options):
        self.options = options
        self.ledger = Ledger(options.ledger)
        self.lock = threading.Lock()
        self.live = []       # has a meta, is not finished, and no poller has it in its hand
        self.finished = []
        self.unfinished = 0
        self.count = 0
        self.creating = True
        self.over = False

    def client(self):
        return worker.Client(self.options.address, **{
            "grpc.initial_reconnect_backoff_ms": 50, "grpc.min_reconnect_backoff_ms": 50,
            "grpc.max_reconnect_backoff_ms": 300, "grpc.use_local_subchannel_pool": 1})

    # ---- creating ----

    def request(self, name, kind, number, rng, keyed):
        ms = rng.choice((0, 0, 1, 5, 20, 60, 250))
        texts = {"file": self.options.runs, "name": name}
        inputs = {"x": number} if kind in ("echo", "shell") else {**texts, "ms": ms, "x": number}
        types = {k: "STRING" if isinstance(v, str) else "INTEGER" for k, v in inputs.items()}
        more = {}
        outputs = {"x": "INTEGER"} if kind == "echo" else {"o0": "INTEGER"}
        if kind == "shell":
            outputs = {}
            more["custom"] = {"script": "read up rest < /proc/uptime\n"
                              f"echo \"start {name} $up 0\" >> {self.options.runs}\n"
                              f"sleep {rng.choice((0.01, 0.1, 0.3))}\n"
                              f"echo \"end {name} $up 0\" >> {self.options.runs}\n"}
        return worker.create_request(
            kind, inputs, prefix=f"s3://ledger/{name}",
            metadata=worker.node_execution(name) if keyed else None,
            task_template=worker.template(kind, types, outputs, **more))

    def new_task(self, rng):
        with self.lock:
            number = self.count
            self.count += 1
        kind = rng.choice(KINDS)
        keyed = rng.random() < 0.7
        name = f"{'k' if keyed else 'n'}{number:06d}"
        task = Task(name, kind, self.request(name, kind, number, rng, keyed), keyed)
        self.ledger.write("asked", name, kind, keyed, number)
        if rng.random() < 0.12:
            task.cancel_at = now() + int(rng.random() * 0.4e9)
        return task

    def create(self, client, task):
        """One CreateTask; whether there was an answer, which is then in the ledger."""
        try:
            meta = client.CreateTask(task.request, timeout=10).resource_meta
        except grpc.RpcError as e:
            self.refused("CreateTask", task, e)
            return None
        self.ledger.write("meta", task.name, meta.decode("ascii"))
        return meta

    def refused(self, call, task, e):
        if e.code() not in EXPECTED:
            self.ledger.write("error", task.name, call, e.code().name, e.details())

    def run_creator(self, seed):
        rng = random.Random(seed)
        client = self.client()
        while self.creating:
            time.sleep(rng.random() * 0.02)
            if self.unfinished >= LIVE_MOST:
                time.sleep(0.05)
                continue
            task = self.new_task(rng)
            meta = self.create(client, task)
            while meta is None and task.keyed:
                time.sleep(0.05)
                meta = self.create(client, task)
            if meta is None:
                continue  # it may run, but nobody said so
            task.meta = meta
            if task.keyed and rng.random() < 0.15:
                self.create(client, task)
            with self.lock:
                self.live.append(task)
                self.unfinished += 1
        client.close()

    # ---- asking ----

    def look(self, client, task):
        try:
            r = client.get(task.meta, timeout=10)
        except grpc.RpcError as e:
            self.refused("GetTask", task, e)
            return
        name = PHASE_NAMES[r.phase]
        if r.phase in worker.FINISHED:
            outputs = r.outputs.SerializeToString(deterministic=True)
            self.ledger.write("final", task.name, name, hashlib.sha256(outputs).hexdigest()[:16],
                              worker.values(r.outputs).get("x" if task.kind == "echo" else "o0"),
                              r.message)
        elif name != task.phase:
            self.ledger.write("phase", task.name, name)
        task.phase = name

    def cancel(self, client, task):
        try:
            client.delete(task.meta, timeout=10)
        except grpc.RpcError as e:
            self.refused("DeleteTask", task, e)
            return
        self.ledger.write("cancelled", task.name)
        task.cancel_at = None

    def run_poller(self, seed):
        rng = random.Random(seed)
        client = self.client()
        while not self.over:
            time.sleep(0.005)
            with self.lock:
                task = self.live.pop(rng.randrange(len(self.live))) if self.live else None
            if task is None:
                continue
            if task.cancel_at is not None and now() > task.cancel_at:
                self.cancel(client, task)
            self.look(client, task)
            with self.lock:
                (self.finished if task.phase in ENDS else self.live).append(task)
                self.unfinished -= task.phase in ENDS
        client.close()

    def run_repeater(self, seed):
        """Comes back to what is finished, and to keys that have been answered."""
        rng = random.Random(seed)
        client = self.client()
        while not self.over:
            time.sleep(0.02)
            with self.lock:
                task = rng.choice(self.finished) if self.finished else None
            if task is None:
                continue
            self.look(client, task)
            if task.keyed and rng.random() < 0.2:
                self.create(client, task)
        client.close()

    # ---- the whole ----

    def go(self):
        o = self.options
        creators = [threading.Thread(target=self.run_creator, args=(f"{o.seed} creator {i}",))
                    for i in range(4)]
        others = [threading.Thread(target=self.run_poller, args=(f"{o.seed} poller {i}",))
                  for i in range(3)]
        others.append(threading.Thread(target=self.run_repeater, args=(f"{o.seed} repeater",)))
        for t in creators + others:
            t.start()
        for line in sys.stdin:
            if line.strip() == "finish":
                break
        self.creating = False
        for t in creators:
            t.join()
        deadline = time.monotonic() + o.patience
        while self.unfinished > 0 and time.monotonic() < deadline:
            time.sleep(0.1)
        self.over = True
        for t in others:
            t.join()
        self.last_look()

    def last_look(self):
        client = self.client()
        for task in self.live + self.finished:
            self.look(client, task)
        client.close()


# ---- judging --------------------------------------------------------------------------------------


class Story:
    """What the ledger and the runs say of one execution."""

    def __init__(self, kind, keyed, number):
        self.kind, self.keyed, self.number = kind, keyed, number
        self.metas, self.finals, self.phases = set(), [], []
        self.cancelled = None
        self.starts, self.ends = [], 0


def read_ledger(path, wrong):
    stories = {}
    with open(path, encoding="ascii") as f:
        for line in f:
            what, at, name, *more = json.loads(line)
            if what == "asked":
                stories[name] = Story(*more)
                continue
            s = stories[name]
            if what == "meta":
                s.metas.add(more[0])
            elif what == "phase":
                s.phases.append((at, more[0]))
            elif what == "final":
                s.finals.append((at, *more))
            elif what == "cancelled":
                s.cancelled = s.cancelled or at
            elif what == "error":
                wrong.append(f"{name}: {' '.join(map(str, more))}")
    return stories


def read_runs(path, stories):
    with open(path, encoding="ascii") as f:
        for line in f:
            what, name, at, parent = line.split()
            s = stories[name]
            if what == "start":
                ns = int(float(at) * 1e9) if "." in at else int(at)
                s.starts.append((ns, int(parent)))
            elif what == "end":
                s.ends += 1


def read_workers(path):
    """When each worker was started, by pid, which the system uses again sooner or later."""
    workers = {}
    with open(path, encoding="ascii") as f:
        for pid, at in map(str.split, f):
            workers.setdefault(int(pid), []).append(int(at))
    return workers


def judge_end(name, s, wrong):
    told = {f[1:] for f in s.finals}
    if not told:
        wrong.append(f"{name} ({s.kind}) was accepted and is lost: last seen {s.phases[-1:]}")
        return
    if len(told) > 1:
        wrong.append(f"{name} ({s.kind}) has ended in {len(told)} ways: {sorted(map(str, told))}")
    end, _, value, message = s.finals[0][1:]
    if end == "SUCCEEDED":
        if s.kind != "shell" and value != s.number:
            wrong.append(f"{name} ({s.kind}) gave {value} in place of {s.number}")
        if s.kind != "echo" and s.ends == 0:
            wrong.append(f"{name} ({s.kind}) succeeded, and was never run to its end")
    elif end == "ABORTED":
        if s.cancelled is None:
            wrong.append(f"{name} ({s.kind}) was aborted without being cancelled: {message}")
    elif not any(code in message for code in ("HostLost", "PluginCrashed")):
        wrong.append(f"{name} ({s.kind}) ended {end}: {message}")


def judge_runs(name, s, workers, wrong):
    told = min((f[0] for f in s.finals), default=None)
    for at, parent in s.starts:
        if told is not None and at > told:
            wrong.append(f"{name} ({s.kind}) was started {(at - told) / 1e6:.1f} ms after it was "
                         f"told to be {s.finals[0][1]}")
        came = max((w for w in workers.get(parent, ()) if w <= at), default=0)
        if s.cancelled is not None and came > s.cancelled:
            wrong.append(f"{name} ({s.kind}) was started by a worker that came after its cancel, "
                         f"{(came - s.cancelled) / 1e6:.1f} and {(at - came) / 1e6:.1f} ms later")


def judge_phases(name, s, wrong):
    told = min((f[0] for f in s.finals), default=None)
    running = None
    for at, phase_name in s.phases:
        if told is not None and at > told:
            wrong.append(f"{name} ({s.kind}) is {phase_name} after it was {s.finals[0][1]}")
        if phase_name == "RUNNING":
            running = at
        if running is not None and phase_name in WAITING:
            wrong.append(f"{name} ({s.kind}) is {phase_name} after it was RUNNING")


def judge(ledger, runs, workers):
    """What is wrong, and what there was."""
    wrong = []
    stories = read_ledger(ledger, wrong)
    read_runs(runs, stories)
    workers = read_workers(workers)
    accepted = {n: s for n, s in stories.items() if s.metas}
    owner = {}
    for name, s in accepted.items():
        if s.keyed and len(s.metas) > 1:
            wrong.append(f"{name}: one key gave {len(s.metas)} metas: {sorted(s.metas)}")
        for meta in s.metas:
            if owner.setdefault(meta, name) != name:
                wrong.append(f"{name} and {owner[meta]} have the same meta {meta}")
        judge_end(name, s, wrong)
        judge_runs(name, s, workers, wrong)
        judge_phases(name, s, wrong)
    ends = collections.Counter(s.finals[0][1] for s in accepted.values() if s.finals)
    messages = collections.Counter(
        c for s in accepted.values() for c in ("HostLost", "PluginCrashed")
        if s.finals and c in s.finals[0][4])
    summary = {"asked": len(stories), "accepted": len(accepted), "ends": ends, "codes": messages,
               "keyed": sum(s.keyed for s in accepted.values()),
               "cancelled": sum(s.cancelled is not None for s in accepted.values()),
               "run_again": sum(len(s.starts) > 1 for s in accepted.values()),
               "wrong": len(wrong)}
    return wrong, summary


def main():
    p = argparse.ArgumentParser()
    for name in ("--address", "--ledger", "--runs", "--workers", "--seed"):
        p.add_argument(name, required=True)
    p.add_argument("--patience", type=float, default=90)
    options = p.parse_args()
    open(options.runs, "a", encoding="ascii").close()
    Load(options).go()
    wrong, summary = judge(options.ledger, options.runs, options.workers)
    for line in wrong[:40]:
        print(line)
    print(json.dumps(summary))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
