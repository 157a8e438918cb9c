"""proto/ against the stored table tests/golden/descriptors.txt, line by line."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import pb
import tap
from google.protobuf import descriptor_pb2

F = descriptor_pb2.FieldDescriptorProto
SCALARS = {F.TYPE_DOUBLE: "double", F.TYPE_FLOAT: "float", F.TYPE_INT32: "int32",
           F.TYPE_INT64: "int64", F.TYPE_UINT32: "uint32", F.TYPE_UINT64: "uint64",
           F.TYPE_BOOL: "bool", F.TYPE_STRING: "string", F.TYPE_BYTES: "bytes"}


def type_text(f):
    return SCALARS.get(f.type) or f.type_name[1:]


def message_lines(full, m, file):
    yield f"message {full} in {file}"
    entries = {f".{full}.{n.name}": n for n in m.nested_type if n.options.map_entry}
    for f in m.field:
        label, kind = "singular", type_text(f)
        if f.type_name in entries:
            key, value = entries[f.type_name].field
            label, kind = "map", f"map<{type_text(key)},{type_text(value)}>"
        elif f.label == F.LABEL_REPEATED:
            label = "repeated"
        elif f.HasField("oneof_index"):
            label = "oneof:" + m.oneof_decl[f.oneof_index].name
        yield f"field {full}.{f.name} {f.number} {kind} {label}"
    for e in m.enum_type:
        yield enum_line(full, e)
    for n in m.nested_type:
        if not n.options.map_entry:
            yield from message_lines(f"{full}.{n.name}", n, file)


def enum_line(scope, e):
    return f"enum {scope}.{e.name} " + " ".join(f"{v.name}={v.number}" for v in e.value)


def service_lines(package, s):
    for m in s.method:
        kind = {(False, False): "unary", (False, True): "server_stream",
                (True, True): "bidi"}[m.client_streaming, m.server_streaming]
        yield f"rpc /{package}.{s.name}/{m.name} {kind} {m.input_type[1:]} {m.output_type[1:]}"


def actual_lines(google):
    for file in pb.descriptor_set().file:
        if file.name.startswith("google/") != google:
            continue
        if file.package.startswith("taskhost."):  # ours: nobody else has published it
            continue
        for m in file.message_type:
            yield from message_lines(f"{file.package}.{m.name}", m, file.name)
        for e in file.enum_type:
            yield enum_line(file.package, e)
        for s in file.service:
            yield from service_lines(file.package, s)


def stored_lines():
    with open(os.path.join(pb.GOLDEN, "descriptors.txt"), encoding="utf-8") as f:
        return {line.rstrip("\n") for line in f if not line.startswith("#")}


class Descriptors(unittest.TestCase):
    def test_same_as_stored_table(self):
        stored = {x for x in stored_lines() if not x.split()[1].startswith("google.")}
        actual = set(actual_lines(google=False))
        self.assertGreater(len(stored), 800)
        self.assertEqual(sorted(stored - actual), [], "in the table, not in proto/")
        self.assertEqual(sorted(actual - stored), [], "in proto/, not in the table")

    def test_well_known_types(self):
        stored = {x for x in stored_lines() if x.split()[1].startswith("google.")}
        self.assertGreater(len(stored), 10)
        self.assertEqual(sorted(stored - set(actual_lines(google=True))), [])

    def test_numbers_are_unique(self):
        for file in pb.descriptor_set().file:
            for m in file.message_type:
                numbers = [f.number for f in m.field]
                self.assertEqual(len(numbers), len(set(numbers)), m.name)


if __name__ == "__main__":
    tap.main()
