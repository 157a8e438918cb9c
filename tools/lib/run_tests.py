"""Runs the tests of each build directory, counts their cases and matches them with tests/promises."""

import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
import promises  # noqa: E402

# TSan is for programs with threads; the other suites would only repeat themselves there.
SUITES = {"release": [], "asan": [], "tsan": ["--suite", "threads"]}
CASE = re.compile(r"^(not ok|ok)\b\s*\d*\s*-?\s*(.*?)\s*(?:#\s*(SKIP)\b\s*(.*))?$")


def run(build, long):
    directory = os.path.join(os.environ.get("TASKHOST_BUILD_ROOT", "build"), build)
    log = os.path.join(directory, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.remove(log)
    environment = dict(os.environ, TASKHOST_TEST_LONG="1" if long else "")
    command = ["meson", "test", "-C", directory, "--no-rebuild", "--num-processes", "4"]
    done = subprocess.run(command + SUITES.get(build, []), env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if not os.path.exists(log):
        if "No suitable tests" in done.stdout or "No tests defined" in done.stdout:
            return []
        sys.exit(f"{build}: meson test did not run:\n{done.stdout[-3000:]}")
    with open(log) as lines:
        return [json.loads(line) for line in lines if line.strip()]


def cases(program):
    """(name, outcome, words) for each case of one program's TAP; a crash is a failed case."""
    found = []
    notes = []
    for line in (program.get("stdout") or "").splitlines():
        match = CASE.match(line)
        if not match:
            if line.startswith("#") and found and found[-1][1] == "failed":
                notes.append(line)
                found[-1] = (found[-1][0], "failed", found[-1][2] + "\n    " + line)
            continue
        state, name, directive, reason = match.groups()
        if directive == "SKIP":
            found.append((name, "skipped", reason))
        else:
            found.append((name, "passed" if state == "ok" else "failed", ""))
    ended_well = program["returncode"] == 0 and program["result"] in ("OK", "SKIP")
    if not ended_well and not any(outcome == "failed" for _, outcome, _ in found):
        words = (program.get("stderr") or program.get("stdout") or "")[-3000:]
        found.append(("(program)", "failed", f"{program['result']}, exit code {program['returncode']}\n{words}"))
    if not found:
        found.append(("(program)", "failed", "printed no test"))
    return found


def main():
    long = "--long" in sys.argv
    builds = [a for a in sys.argv[1:] if not a.startswith("--")]
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    passing = None
    failing = set()
    for build in builds:
        ok = set()
        bad = set()
        counts = {"passed": 0, "failed": 0, "skipped": 0}
        for program in run(build, long):
            # meson prefixes the name with the project's and the suite
            name = program["name"].split(" / ")[-1].split(":")[-1].strip()
            for case, outcome, words in cases(program):
                counts[outcome] += 1
                identity = f"{name}::{case}"
                if outcome == "passed":
                    ok.add(identity)
                elif outcome == "failed":
                    bad.add(identity)
                    print(f"FAILED {build} {identity} {words}")
                else:
                    print(f"skipped {build} {identity}: {words}")
        for outcome, n in counts.items():
            totals[outcome] += n
        print(f"{build}: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
        failing |= bad
        passing = ok if passing is None else passing - bad
    lines = promises.read("tests/promises")
    kept = [p for p in lines if p.tests and all(promises.passed(t, passing, failing) for t in p.tests)]
    out = [p for p in lines if not p.tests]
    print(f"promises: {len(kept)} of {len(lines) - len(out)} have a passing test, {len(out)} are out")
    for p in lines:
        missing = [t for t in p.tests if not promises.passed(t, passing, failing)]
        if missing:
            print(f"promise without a passing test: {p.topic}: {p.words} ({', '.join(missing)})")
    print(f"{totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped")
    return 1 if totals["failed"] or not totals["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
