"""Compiles what we ship for arm64, with the flags of a build directory: tools/lib/arm64.py build/lint

The cross compiler brings its own libc headers; those of the libraries are the machine's own, which
is enough to compile with, not to link.
"""

import concurrent.futures
import json
import os
import shlex
import subprocess
import sys

COMPILER = "aarch64-linux-gnu-gcc"
HEADERS = ["-idirafter", "/usr/include", "-idirafter", "/usr/include/x86_64-linux-gnu"]
WITH_ARGUMENT = {"-o", "-MF", "-MQ"}
OURS = ("host", "plugins", "proto")


def flags(command):
    """Those that say how to compile, without those that say where to write."""
    words = iter(shlex.split(command)[1:])
    for word in words:
        if word in WITH_ARGUMENT:
            next(words)
        elif word not in ("-MD", "-c"):
            yield word


def compile_one(entry):
    done = subprocess.run([COMPILER, "-fsyntax-only", "-Werror", *HEADERS, *flags(entry["command"])],
                          cwd=entry["directory"], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr or f"{entry['file']}: {COMPILER} failed\n"


def is_ours(entry, build):
    path = os.path.join(entry["directory"], entry["file"])
    inside = os.path.relpath(path, build)
    if inside.startswith(".."):
        inside = os.path.relpath(path)
    return inside.split(os.sep)[0] in OURS and inside.endswith(".c")


def main():
    build = os.path.abspath(sys.argv[1])
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        entries = [e for e in json.load(f) if is_ours(e, build)]
    if len(entries) < 100:
        sys.exit(f"{build}/compile_commands.json names only {len(entries)} files of ours")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        faults = [fault for fault in pool.map(compile_one, entries) if fault]
    sys.stderr.write("".join(faults))
    sys.exit(1 if faults else 0)


main()
