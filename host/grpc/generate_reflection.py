#!/usr/bin/env python3
"""Turns a FileDescriptorSet into the C tables of host/grpc/reflection.h.

usage: generate_reflection.py SET NAME out.c out.h

The header declares `const struct reflection_set NAME`.
"""

import sys

from google.protobuf import descriptor_pb2


class Names:
    def __init__(self):
        self.offsets, self.blob = {}, b""

    def add(self, name):
        if name not in self.offsets:
            self.offsets[name] = len(self.blob)
            self.blob += name.encode() + b"\0"
        return self.offsets[name]


def message_symbols(scope, m):
    full = f"{scope}.{m.name}"
    yield full, True
    for f in m.field:
        yield f"{full}.{f.name}", False
    for o in m.oneof_decl:
        yield f"{full}.{o.name}", False
    for n in m.nested_type:
        yield from message_symbols(full, n)
    for e in m.enum_type:
        yield from enum_symbols(full, e)


def enum_symbols(scope, e):
    yield f"{scope}.{e.name}", False
    for v in e.value:  # values belong to the scope around their enum
        yield f"{scope}.{v.name}", False


def file_symbols(f):
    for m in f.message_type:
        yield from message_symbols(f.package, m)
    for e in f.enum_type:
        yield from enum_symbols(f.package, e)
    for s in f.service:
        yield f"{f.package}.{s.name}", False
        for m in s.method:
            yield f"{f.package}.{s.name}.{m.name}", False


def array(kind, name, rows):
    rows = rows or ["0"]
    return [f"static const {kind} {name}[] = {{"] + [f"\t{r}," for r in rows] + ["};", ""]


def numbers(values, per_line=16):
    values = [str(v) for v in values]
    return [", ".join(values[i:i + per_line]) for i in range(0, len(values), per_line)]


def main():
    set_path, name, source, header = sys.argv[1:]
    files = descriptor_pb2.FileDescriptorSet()
    with open(set_path, "rb") as f:
        files.ParseFromString(f.read())
    index = {f.name: i for i, f in enumerate(files.file)}
    names, content, deps, file_rows, symbols = Names(), b"", [], [], {}
    for i, f in enumerate(files.file):
        raw = f.SerializeToString()
        file_rows.append(f"{{{names.add(f.name)}, {len(content)}, {len(raw)}, "
                         f"{len(deps)}, {len(f.dependency)}}}")
        content += raw
        deps += [index[d] for d in f.dependency]
        for symbol, is_message in file_symbols(f):
            symbols[symbol] = (i, is_message)
    symbol_rows = [f"{{{names.add(s)}, {symbols[s][0]}, {int(symbols[s][1])}}}"
                   for s in sorted(symbols, key=lambda s: s.encode())]
    out = ["/* Made by host/grpc/generate_reflection.py. */",
           f'#include "{header.split("/")[-1]}"', ""]
    out += array("char", f"{name}_names", numbers(names.blob))
    out += array("uint8_t", f"{name}_bytes", numbers(content))
    out += array("uint16_t", f"{name}_deps", numbers(deps))
    out += array("struct reflection_file", f"{name}_files", file_rows)
    out += array("struct reflection_symbol", f"{name}_symbols", symbol_rows)
    out += [f"const struct reflection_set {name} = {{",
            f"\t{name}_names, {name}_bytes, {name}_deps,",
            f"\t{name}_files, {len(file_rows)}, {name}_symbols, {len(symbol_rows)},",
            "};", ""]
    with open(source, "w", encoding="utf-8") as f:
        f.write("\n".join(out))
    with open(header, "w", encoding="utf-8") as f:
        f.write("/* Made by host/grpc/generate_reflection.py. */\n#pragma once\n\n"
                '#include "grpc/reflection.h"\n\n'
                f"extern const struct reflection_set {name};\n")


if __name__ == "__main__":
    main()
