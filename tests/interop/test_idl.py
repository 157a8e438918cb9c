"""The descriptors built from proto/ against Flyte's own published ones (package flyteidl)."""

import os
import unittest

from google.protobuf import descriptor_pb2, descriptor_pool

import flyteidl.admin.agent_pb2  # noqa: F401
import flyteidl.admin.launch_plan_pb2  # noqa: F401
import flyteidl.admin.task_pb2  # noqa: F401
import flyteidl.admin.workflow_pb2  # noqa: F401
import flyteidl.core.compiler_pb2  # noqa: F401
import flyteidl.core.dynamic_job_pb2  # noqa: F401
import flyteidl.core.errors_pb2  # noqa: F401
import flyteidl.core.literals_pb2  # noqa: F401
import flyteidl.plugins.array_job_pb2  # noqa: F401
import flyteidl.service.agent_pb2  # noqa: F401
import flyteidl.service.dataproxy_pb2  # noqa: F401


def ours():
    pool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet()
    with open(os.path.join(os.environ["TASKHOST_TEST_BUILD"], "proto", "flyte.desc"), "rb") as data:
        files.ParseFromString(data.read())
    names = []
    for file in files.file:
        pool.Add(file)
        names.append(file)
    return pool, names


def messages(file):
    def walk(prefix, found):
        for message in found:
            name = f"{prefix}.{message.name}"
            yield name
            yield from walk(name, message.nested_type)

    yield from walk(file.package, file.message_type)


def shapes(message):
    proto = descriptor_pb2.DescriptorProto()
    message.CopyToProto(proto)
    oneofs = [o.name for o in proto.oneof_decl]
    return sorted(
        (f.name, f.number, f.label, f.type, f.type_name, oneofs[f.oneof_index] if f.HasField("oneof_index") else "")
        for f in proto.field
    )


class Idl(unittest.TestCase):
    def test_every_message_is_flytes(self):
        pool, files = ours()
        theirs = descriptor_pool.Default()
        compared = 0
        for file in files:
            if not file.package.startswith("flyteidl"):
                continue
            for name in messages(file):
                mine = pool.FindMessageTypeByName(name)
                published = theirs.FindMessageTypeByName(name)
                self.assertEqual(shapes(mine), shapes(published), name)
                compared += 1
        self.assertGreater(compared, 200)

    def test_every_service_method_is_flytes(self):
        pool, files = ours()
        theirs = descriptor_pool.Default()
        compared = 0
        for file in files:
            if not file.package.startswith("flyteidl"):
                continue
            for service in file.service:
                published = theirs.FindServiceByName(f"{file.package}.{service.name}")
                known = {m.name: m for m in published.methods}
                for method in service.method:
                    other = known[method.name]
                    self.assertEqual("." + other.input_type.full_name, method.input_type)
                    self.assertEqual("." + other.output_type.full_name, method.output_type)
                    compared += 1
        self.assertGreater(compared, 8)


if __name__ == "__main__":
    unittest.main()
