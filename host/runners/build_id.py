#!/usr/bin/python3
"""Writes the header that names this build: version and a digest of the host's sources.

Programs of one build share it whatever they link; a host and a runner that do not are refused.

    build_id.py VERSION HOST_DIRECTORY OUTPUT
"""

import hashlib
import pathlib
import sys


def digest(folder: pathlib.Path) -> str:
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.[ch]")):
        total.update(str(path.relative_to(folder)).encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:12]


def main() -> None:
    version, folder, output = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    text = f'#pragma once\n\n#define BUILD_ID "{version}+{digest(folder)}"\n'
    # An unchanged file is left alone, so that nothing is compiled again.
    if not output.exists() or output.read_text() != text:
        output.write_text(text)


main()
