"""Prints the files that the tests of one suite need built: suite_targets.py BUILD_DIRECTORY SUITE"""

import json
import os
import sys


def main():
    build, suite = sys.argv[1:]
    root = os.path.abspath(build)

    def introspected(what):
        with open(os.path.join(root, "meson-info", f"intro-{what}.json")) as f:
            return json.load(f)

    files = {t["id"]: [os.path.relpath(f, root) for f in t["filename"]] for t in introspected("targets")}
    needed = set()
    for test in introspected("tests"):
        if any(s.split(":")[-1] == suite for s in test["suite"]):
            for target in test["depends"]:
                needed.update(files.get(target, []))
    if not needed:
        sys.exit(f"suite_targets: {build} has no test in the suite {suite}")
    print(" ".join(sorted(needed)))


if __name__ == "__main__":
    main()
