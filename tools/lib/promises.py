"""tests/promises: one line per promise.

    topic: words | test [test …]
    topic: words | out: reason

A test is named <path under tests without extension>::<case>, * for all cases of a program. Empty
lines and # comments are free.
`promises.py check` fails on a line whose test does not exist in the source.
"""

import json
import os
import re
import sys
from collections import namedtuple

Promise = namedtuple("Promise", "line topic words tests out")
CASE = {
    ".c": r"^TEST\({}\)",
    ".py": r"^\s+def (?:test|case)_{}\(|^def test_{}\(",
    ".sh": r"^\s*(?:case_)?{}\(\)",
}


def read(path):
    found = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip("\n")
            if not line.strip() or line.startswith("#"):
                continue
            match = re.match(r"^([a-z][a-z0-9 -]*): (.+) \| (.+)$", line)
            if not match:
                sys.exit(f"{path}:{number}: not `topic: words | test`: {line}")
            topic, words, proof = match.groups()
            if proof.startswith("out: "):
                found.append(Promise(number, topic, words, [], proof[5:]))
                continue
            tests = proof.split()
            for test in tests:
                if "::" not in test:
                    sys.exit(f"{path}:{number}: a test is named path::case, not `{test}`")
            found.append(Promise(number, topic, words, tests, ""))
    return found


def exists(test):
    path, case = test.split("::", 1)
    if path.startswith("fuzz/"):
        # replayed by one main(); the cases are the files of the corpus, * all of them
        corpus = os.path.join("tests", "fuzz", "corpus", os.path.basename(path))
        return os.path.isdir(corpus) if case == "*" else os.path.exists(os.path.join(corpus, case))
    for extension, pattern in CASE.items():
        source = os.path.join("tests", path + extension)
        if os.path.exists(source):
            if case == "*":
                return True
            with open(source, encoding="utf-8") as text:
                wanted = pattern.replace("{}", re.escape(case))
                return re.search(wanted, text.read(), re.M) is not None
    return False


def recorded(test):
    """Cases made from the recorded executions and command lines, one for each entry of the manifest."""
    path, case = test.split("::", 1)
    if path != "e2e/test_flytekit_cases":
        return False
    with open("tests/golden/flytekit/manifest.json", encoding="utf-8") as text:
        manifest = json.load(text)
    names = {"cli_" + e["case"] for e in manifest["cli"]}
    for e in manifest["executions"]:
        names.add(e["case"] + (f"_{e['array_index']}" if "array_index" in e else ""))
    return case in names


def passed(test, passing, failing):
    """Has this test passed? A * stands for all cases of a program: some, and none that failed."""
    if not test.endswith("::*"):
        return test in passing
    prefix = test[:-1]
    return any(t.startswith(prefix) for t in passing) and not any(t.startswith(prefix) for t in failing)


def check(path):
    bad = 0
    lines = read(path)
    for promise in lines:
        for test in promise.tests:
            if not exists(test) and not recorded(test):
                print(f"{path}:{promise.line}: no such test: {test}")
                bad += 1
    print(f"{len(lines)} promises, {bad} name a test that does not exist")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(check(sys.argv[1] if len(sys.argv) > 1 else "tests/promises"))
