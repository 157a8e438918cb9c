"""Runs unittest cases as TAP, one line per test method, named without its `test_`.

    import unittest, sys, os
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
    import tap

    class Adding(unittest.TestCase):
        def test_small_numbers(self):
            self.assertEqual(1 + 1, 2)

    if __name__ == "__main__":
        tap.main()

Arguments are names of the tests to run; none means all. Ids are <path under tests>::<name>, so
names must differ within a file, whatever their class.
"""

import sys
import time
import traceback
import unittest


def _name(test):
    return test.id().split(".")[-1].removeprefix("test_")


class _Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.count = 0
        self.bad = 0
        self.notes = []
        self.directive = ""
        self.started = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.notes = []
        self.directive = ""
        self.started = time.monotonic()

    def _note(self, err):
        self.notes += "".join(traceback.format_exception(*err)).rstrip().split("\n")

    def addError(self, test, err):
        super().addError(test, err)
        if isinstance(test, unittest.TestCase):
            self._note(err)
        else:  # a fixture of a class or of the module: none of its tests ran
            self._line(False, test.id(), "".join(traceback.format_exception(*err)).split("\n"))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._note(err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.notes.append(f"in {subtest}")
            self._note(err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.directive = f" # SKIP {reason}"
        if not isinstance(test, unittest.TestCase):
            self._line(True, test.id(), [])

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.notes.append("succeeded although marked as failing")

    def _line(self, ok, name, notes):
        self.count += 1
        self.bad += not ok
        print(f"{'ok' if ok else 'not ok'} {self.count} - {name}{self.directive if ok else ''}")
        for line in notes:
            print("# " + line)
        sys.stdout.flush()

    def stopTest(self, test):
        super().stopTest(test)
        self._line(not self.notes, _name(test), self.notes)


def _flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from _flatten(item)
        else:
            yield item


def main():
    wanted = set(sys.argv[1:])
    tests = list(_flatten(unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])))
    names = [_name(t) for t in tests]
    for name in {n for n in names if names.count(n) > 1}:
        sys.exit(f"two tests are called {name}")
    if wanted - set(names):
        sys.exit(f"no such test: {', '.join(sorted(wanted - set(names)))}")
    result = _Result()
    unittest.TestSuite(t for t in tests if not wanted or _name(t) in wanted).run(result)
    print(f"1..{result.count}")
    if result.count == 0:
        print("no tests", file=sys.stderr)
    sys.exit(result.bad > 0 or result.count == 0)
