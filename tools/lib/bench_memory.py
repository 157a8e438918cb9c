"""Memory of the worker, its runners and its connections."""

import resource
import socket
import time

import bench_load
from bench_report import target

CONNECTIONS = 1000
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"


def _runners_kb(worker):
    return [bench_load.memory_kb(pid)["private"] for pid in worker.runners()]


def idle(servers):
    print("memory, idle")
    met = target("resident, worker", bench_load.memory_kb(servers.worker.pid)["rss"] / 1024, 6,
                 " MiB")
    servers.worker.client.sync("echo_sync", {"x": 1})
    time.sleep(0.2)
    own = _runners_kb(servers.worker)
    print("  runners, private: " + ", ".join(f"{kb / 1024:.2f} MiB" for kb in own))
    return met & target("private, largest of them", max(own) / 1024, 2, " MiB")


def loaded(servers):
    print(f"memory, after all of that: worker "
          f"{bench_load.memory_kb(servers.worker.pid)['rss'] / 1024:.1f} MiB resident, runners "
          + ", ".join(f"{kb / 1024:.2f} MiB" for kb in _runners_kb(servers.worker)) + " private")
    return True


def _open(address):
    host, port = address.rsplit(":", 1)
    s = socket.create_connection((host, int(port)))
    s.sendall(PREFACE)
    return s


def connections(servers):
    """Connected, greeted and idle; on the worker that has not seen much else."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    w = servers.inside
    warm = [_open(w.address) for _ in range(50)]
    time.sleep(0.2)
    before = bench_load.memory_kb(w.pid)["rss"]
    opened = [_open(w.address) for _ in range(CONNECTIONS)]
    for s in opened:
        s.recv(100)
    time.sleep(0.3)
    after = bench_load.memory_kb(w.pid)["rss"]
    for s in warm + opened:
        s.close()
    return target(f"per idle connection, of {CONNECTIONS}", (after - before) / CONNECTIONS, 24,
                  " KiB")
