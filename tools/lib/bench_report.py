"""What all sections of tools/bench use: where the build is, where to work, how a target is told."""

import os
import tempfile

BUILD = os.path.abspath(os.environ.get("TASKHOST_BENCH_BUILD", "build/release"))
SOURCE = os.path.abspath(".")
TASKHOST = os.path.join(BUILD, "host", "cli", "taskhost")
PLUGIN_DIRS = [os.path.join(BUILD, d) for d in ("tests/bench", "plugins")]
PLUGINS = ":".join(PLUGIN_DIRS)


def bench_program(name):
    return os.path.join(BUILD, "tests", "bench", name)


def work_directory():
    """In memory where that is possible. On a disk file system the figure would be the disk's: ext4
    flushes the data of a file that is renamed over another one, and outputs.pb is written anew each
    time, which alone takes ten times as long as all the rest. A disk adds that to any program."""
    memory = "/dev/shm"
    return tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None)


def target(words, value, limit, unit="x", least=False):
    """Prints a figure beside its target: at most `limit`, or at least. True when it is met."""
    met = value >= limit if least else value <= limit
    print(f"  {words}: {value:.2f}{unit} (target {'>=' if least else '<='} {limit:g}{unit})"
          f" {'ok' if met else 'MISSED'}", flush=True)
    return met
