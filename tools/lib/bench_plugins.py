"""Directories with many plugins."""

import os
import subprocess

SOURCE = '''#include <taskhost/author.h>
TH_PLUGIN("bench0000", "1.0.0", "One of many");
#define ONE(X) X(in, a, integer, "a") X(out, o0, integer, "a")
TH_TASK(one, ONE, "Gives a") { out->o0 = in->a; return TH_OK; }
'''


def make(directory, count):
    """bench0000.so and so on: one compiled file, its id changed in place to one of the same length."""
    os.mkdir(directory)
    source, compiled = directory + ".c", directory + ".so"
    with open(source, "w", encoding="utf-8") as out:
        out.write(SOURCE)
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-Wl,-z,relro,-z,now",
                    "-Iplugin-api/include", "-o", compiled, source], check=True)
    with open(compiled, "rb") as data:
        image = data.read()
    for i in range(count):
        with open(os.path.join(directory, f"bench{i:04}.so"), "wb") as out:
            out.write(image.replace(b"bench0000", b"bench%04d" % i))
