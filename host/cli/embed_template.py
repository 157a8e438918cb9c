"""embed_template.py OUT SELF FILE...: the files as C strings, for verb_plugin_new.c."""

import os
import sys


def c_string(data):
    lines = data.decode("utf-8").splitlines(keepends=True)
    out = []
    for line in lines:
        text = line.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
        out.append('\t\t"' + text.replace("\n", "\\n") + '"')
    return "\n".join(out)


def main():
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        out.write("/* Made from host/cli/template/. */\n")
        for path in sys.argv[3:]:
            name = os.path.basename(path).replace(".", "_")
            with open(path, "rb") as f:
                out.write(f"static const char template_{name}[] =\n{c_string(f.read())};\n")


main()
