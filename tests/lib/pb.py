"""The other side of the message tests: python3-protobuf with the build's descriptors, and pbtool."""

import os
import subprocess
import threading

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

GOLDEN = os.environ["TASKHOST_TEST_GOLDEN"]
BUILD = os.environ["TASKHOST_TEST_BUILD"]
SOURCE = os.environ["TASKHOST_TEST_SOURCE"]


def descriptor_set():
    files = descriptor_pb2.FileDescriptorSet()
    with open(os.path.join(BUILD, "proto", "flyte.desc"), "rb") as f:
        files.ParseFromString(f.read())
    return files


_pool = descriptor_pool.DescriptorPool()
for _file in descriptor_set().file:
    _pool.Add(_file)
# protobuf 3 and its successors name this differently.
_class_of = getattr(message_factory, "GetMessageClass", None) or \
    message_factory.MessageFactory(_pool).GetPrototype
pool = _pool


def message(name):
    """The class of a message, by full name."""
    return _class_of(_pool.FindMessageTypeByName(name))


class Refused(Exception):
    """pbtool's answer to what it refuses: code (such as INVALID) and message."""

    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


def pbtool(requests):
    """Answers to [(op, type, bytes)]: bytes or Refused for each. See tests/lib/pbtool.c."""
    requests = list(requests)
    tool = subprocess.Popen([os.environ["TASKHOST_TEST_PBTOOL"]], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)

    def feed():
        try:
            for op, name, data in requests:
                tool.stdin.write(f"{op} {name} {len(data)}\n".encode() + data)
            tool.stdin.close()
        except BrokenPipeError:
            pass

    feeder = threading.Thread(target=feed)
    feeder.start()
    answers = []
    for op, name, data in requests:
        head = tool.stdout.readline().split()
        if not head:
            tool.wait()
            feeder.join()
            raise AssertionError(f"pbtool ended with {tool.returncode} on {op} {name} {data!r}")
        body = tool.stdout.read(int(head[-1]))
        answers.append(body if head[0] == b"ok" else Refused(head[1].decode(), body.decode()))
    feeder.join()
    tool.stdout.close()
    if tool.wait() != 0:
        raise AssertionError(f"pbtool ended with {tool.returncode}")
    return answers
