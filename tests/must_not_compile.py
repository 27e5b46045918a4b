#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""must_not_compile.py file.cpp compiler flags...: passes when the compiler refuses the file with the expected words.

The first line of the file is `// expect: words`. A file that compiles, or fails for another reason, is a failure.
"""
import subprocess
import sys


def main():
    source, *compiler = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        mark, _, expected = file.readline().strip().partition("// expect:")
    if mark or not expected.strip():
        return f"{source}: line 1 is not `// expect: words`"
    run = subprocess.run([*compiler, "-fsyntax-only", source], capture_output=True, text=True, errors="replace")
    if run.returncode == 0:
        return f"{source}: compiles, but must not"
    if expected.strip() not in run.stdout + run.stderr:
        return f"{source}: refused, but without the words: {expected.strip()}\n{run.stderr[:6000]}"
    return 0


if __name__ == "__main__":
    sys.exit(main())
