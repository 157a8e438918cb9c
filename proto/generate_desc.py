#!/usr/bin/env python3
"""Turns a FileDescriptorSet into the C table of host/flyte/desc.h.

usage: generate_desc.py SET desc_table.c desc_table.h

The table refuses what the code it drives does not know: field types other than those listed in
TYPES, map keys that are not strings, more than 64 fields in a message, numbers above 255.
"""

import sys

from google.protobuf import descriptor_pb2

F = descriptor_pb2.FieldDescriptorProto
TYPES = {
    F.TYPE_DOUBLE: "DOUBLE", F.TYPE_FLOAT: "FLOAT", F.TYPE_INT64: "INT64",
    F.TYPE_UINT64: "UINT64", F.TYPE_INT32: "INT32", F.TYPE_UINT32: "UINT32",
    F.TYPE_BOOL: "BOOL", F.TYPE_STRING: "STRING", F.TYPE_BYTES: "BYTES",
    F.TYPE_ENUM: "ENUM", F.TYPE_MESSAGE: "MESSAGE",
}
PACKABLE = {"DOUBLE", "FLOAT", "INT64", "UINT64", "INT32", "UINT32", "BOOL", "ENUM"}
# JSON forms of their own.
WELL_KNOWN = {
    "google.protobuf.Any": "ANY", "google.protobuf.Timestamp": "TIMESTAMP",
    "google.protobuf.Duration": "DURATION", "google.protobuf.Struct": "STRUCT",
    "google.protobuf.Value": "VALUE", "google.protobuf.ListValue": "LIST_VALUE",
}
for wrapper in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes"):
    WELL_KNOWN[f"google.protobuf.{wrapper}Value"] = "WRAPPER"


def camel_to_lower(word):
    out, upper = "", True
    for c in word:
        if c.isupper():
            out += ("" if upper else "_") + c.lower()
            upper = True
        else:
            out += c
            upper = False
    return out


def c_name(full):
    """The lower-case name protoc-c gives a type."""
    return "__".join(camel_to_lower(w) for w in full.split("."))


class Table:
    def __init__(self, files):
        self.messages, self.enums, self.entries = {}, {}, set()
        for f in files.file:
            if f.syntax != "proto3" and (f.message_type or f.enum_type):
                sys.exit(f"{f.name}: only proto3 is supported")
            for m in f.message_type:
                self.add_message(f.package, m)
            for e in f.enum_type:
                self.enums[f"{f.package}.{e.name}"] = e

    def add_message(self, scope, m):
        full = f"{scope}.{m.name}"
        self.messages[full] = m
        if m.options.map_entry:
            self.entries.add(full)
            if m.field[0].type != F.TYPE_STRING:
                sys.exit(f"{full}: map keys other than strings are not supported")
        for n in m.nested_type:
            self.add_message(full, n)
        for e in m.enum_type:
            self.enums[f"{full}.{e.name}"] = e

    def field(self, owner, f):
        where = f"{owner}.{f.name}"
        if f.type not in TYPES:
            sys.exit(f"{where}: this field type is not supported by host/flyte")
        if f.proto3_optional:
            sys.exit(f"{where}: optional fields are not supported by host/flyte")
        if f.number > 255:
            sys.exit(f"{where}: field numbers above 255 are not supported by host/flyte")
        kind = TYPES[f.type]
        target = f.type_name[1:]
        label = "SINGULAR"
        if f.label == F.LABEL_REPEATED:
            label = "MAP" if target in self.entries else "REPEATED"
        packed = label == "REPEATED" and kind in PACKABLE
        parts = [f'"{f.name}"', f'"{f.json_name}"',
                 f"&desc_{c_name(target)}" if kind == "MESSAGE" else "NULL",
                 f"&enum_{c_name(target)}" if kind == "ENUM" else "NULL",
                 str(f.number), f"FIELD_{kind}", f"LABEL_{label}",
                 str(f.oneof_index) if f.HasField("oneof_index") else "-1",
                 "true" if packed else "false"]
        return "\t{" + ", ".join(parts) + "},"

    def message(self, full, out):
        m, name = self.messages[full], c_name(full)
        fields = sorted(m.field, key=lambda f: f.number)
        if len(fields) > 64:
            sys.exit(f"{full}: more than 64 fields are not supported by host/flyte")
        if fields:
            out.append(f"static const struct field_desc fields_{name}[] = {{")
            out += [self.field(full, f) for f in fields]
            out.append("};")
            index = [0] * (fields[-1].number + 1)
            for i, f in enumerate(fields):
                index[f.number] = i + 1
            out.append(f"static const uint8_t index_{name}[] = "
                       f"{{{', '.join(map(str, index))}}};")
        if m.oneof_decl:
            names = ", ".join(f'"{o.name}"' for o in m.oneof_decl)
            out.append(f"static const char *const oneofs_{name}[] = {{{names}}};")
        out += [
            f"const struct message_desc desc_{name} = {{",
            f'\t.name = "{full}",',
            f"\t.c = &{name}__descriptor,",
            f"\t.fields = {f'fields_{name}' if fields else 'NULL'},",
            f"\t.by_number = {f'index_{name}' if fields else 'NULL'},",
            f"\t.oneofs = {f'oneofs_{name}' if m.oneof_decl else 'NULL'},",
            f"\t.n_numbers = {fields[-1].number + 1 if fields else 0},",
            f"\t.n_fields = {len(fields)},",
            f"\t.n_oneofs = {len(m.oneof_decl)},",
            f"\t.map_entry = {'true' if full in self.entries else 'false'},",
            f"\t.form = FORM_{WELL_KNOWN.get(full, 'PLAIN')},",
            "};", ""]

    def enum(self, full, out):
        e, name = self.enums[full], c_name(full)
        out.append(f"static const struct enum_value values_{name}[] = {{")
        out += [f'\t{{"{v.name}", {v.number}}},' for v in e.value]
        out += ["};",
                f"static const struct enum_desc enum_{name} = {{",
                f'\t.name = "{full}", .values = values_{name}, .n_values = {len(e.value)}}};', ""]

    def source(self, paths):
        out = ["/* Made by proto/generate_desc.py. */", '#include "desc_table.h"', ""]
        out += [f'#include "{p.replace(".proto", ".pb-c.h")}"' for p in paths]
        out += ["", "#include <stddef.h>", ""]
        used = {f.type_name[1:] for m in self.messages.values() for f in m.field}
        for full in self.enums:
            if full in used:
                self.enum(full, out)
        for full in self.messages:
            self.message(full, out)
        named = sorted(n for n in self.messages if n not in self.entries)
        out.append("const struct message_desc *const message_table[] = {")
        out += [f"\t&desc_{c_name(n)}," for n in named]
        out += ["};", f"const size_t message_table_len = {len(named)};", ""]
        return "\n".join(out)

    def header(self):
        out = ["/* Made by proto/generate_desc.py. */", "#pragma once", "",
               '#include "flyte/desc.h"', ""]
        out += [f"extern const struct message_desc desc_{c_name(n)};" for n in self.messages]
        return "\n".join(out) + "\n"


def main():
    set_path, source, header = sys.argv[1:]
    files = descriptor_pb2.FileDescriptorSet()
    with open(set_path, "rb") as f:
        files.ParseFromString(f.read())
    table = Table(files)
    paths = [f.name for f in files.file if f.message_type or f.enum_type]
    with open(source, "w", encoding="utf-8") as f:
        f.write(table.source(paths))
    with open(header, "w", encoding="utf-8") as f:
        f.write(table.header())


if __name__ == "__main__":
    main()
