"""Servers of others to compare with: nghttpd, and gRPC's C++ server where it can be built."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import bench_load
from bench_report import BUILD

REPLY = 198  # bytes of nghttpd's file, about a CreateTaskResponse and its frame


@contextlib.contextmanager
def running(command, **options):
    process = subprocess.Popen(bench_load.pinned(bench_load.SERVER_CPU, command),
                               stderr=subprocess.DEVNULL, text=True, **options)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        if process.stdout:
            process.stdout.close()


def _free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def nghttpd(work):
    """Static replies; the address and the process's id."""
    www = os.path.join(work, "www")
    os.mkdir(www)
    with open(os.path.join(www, "f"), "wb") as f:
        f.write(b"y" * REPLY)
    port = _free_port()
    command = ["nghttpd", "--no-tls", "-n", "1", "-w", "24", "-W", "24", "-a", "127.0.0.1",
               "-d", www, str(port)]
    with running(command, stdout=subprocess.DEVNULL) as process:
        for _ in range(100):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        else:
            sys.exit("tools/bench: nghttpd did not start")
        yield f"127.0.0.1:{port}", process.pid


def build_grpc_echo():
    """The program, or None and why not."""
    plugin = shutil.which("grpc_cpp_plugin")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "grpc++", "protobuf"],
                           capture_output=True, text=True, check=False)
    if not plugin or flags.returncode != 0 or not shutil.which("g++"):
        return None, "needs g++, libgrpc++-dev and protobuf-compiler-grpc"
    folder = os.path.join(BUILD, "bench-grpc")
    program = os.path.join(folder, "grpc_echo")
    sources = [os.path.join("tests", "bench", "grpc_echo" + end) for end in (".cc", ".proto")]
    if os.path.exists(program) and \
            os.path.getmtime(program) > max(os.path.getmtime(s) for s in sources):
        return program, ""
    os.makedirs(folder, exist_ok=True)
    subprocess.run(["protoc", "-I", "tests/bench", "--cpp_out=" + folder, "--grpc_out=" + folder,
                    "--plugin=protoc-gen-grpc=" + plugin, "grpc_echo.proto"], check=True)
    subprocess.run(["g++", "-O2", "-std=c++17", "-I" + folder, "-o", program, sources[0],
                    os.path.join(folder, "grpc_echo.pb.cc"),
                    os.path.join(folder, "grpc_echo.grpc.pb.cc"), *flags.stdout.split()],
                   check=True)
    return program, ""


@contextlib.contextmanager
def grpc_echo():
    """The address and the process's id; or None twice, with a line that says why."""
    program, why = build_grpc_echo()
    if not program:
        print(f"  C++ gRPC callback echo: skipped, {why}")
        yield None, None
        return
    with running([program], stdout=subprocess.PIPE) as process:
        yield process.stdout.readline().split()[-1], process.pid


def pingpong():
    """p50 of a raw TCP ping-pong in us."""
    program = os.path.join(BUILD, "tests", "bench", "bench-pingpong")
    out = subprocess.run([program, str(bench_load.SERVER_CPU), str(bench_load.CLIENT_CPU), "10000"],
                         check=True, timeout=60, capture_output=True, text=True).stdout
    return float(out.split()[0])
