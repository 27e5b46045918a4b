#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Compares cmake/headers.txt, tests/tests.txt and examples/usage.txt with the tree; --write rewrites them.

Both builds read these lists, so that a file is never built by one and forgotten by the other.
"""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOT_LISTED = {"bench", "consume", "fuzz"}  # folders of tests/ with a build of their own


def headers():
    return [path.relative_to(ROOT / "include") for path in (ROOT / "include").rglob("*.hpp")]


def tests():
    files = (path.relative_to(ROOT / "tests") for path in (ROOT / "tests").glob("*/*.cpp"))
    return [path for path in files if path.parts[0] not in NOT_LISTED]


def usage():
    return [path.relative_to(ROOT / "examples/usage") for path in (ROOT / "examples/usage").glob("*.cpp")]


def main():
    failed = False
    lists = {"cmake/headers.txt": headers(), "tests/tests.txt": tests(), "examples/usage.txt": usage()}
    for name, paths in lists.items():
        wanted = sorted(path.as_posix() for path in paths)
        file = ROOT / name
        listed = file.read_text(encoding="utf-8").split() if file.is_file() else []
        if file.is_file() and listed == wanted:
            continue
        if "--write" in sys.argv[1:]:
            file.write_text("".join(line + "\n" for line in wanted), encoding="utf-8", newline="\n")
            continue
        failed = True
        for path in sorted(set(wanted) - set(listed)):
            print(f"{name}: {path} is missing; run ./dev lists")
        for path in sorted(set(listed) - set(wanted)):
            print(f"{name}: {path} does not exist; run ./dev lists")
        if set(listed) == set(wanted):
            print(f"{name}: not sorted; run ./dev lists")
    return failed


if __name__ == "__main__":
    sys.exit(main())
