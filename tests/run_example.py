#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""run_example.py example.cpp program: runs the command after `// Run:`, compares stdout with the lines after `// Output:`."""
import difflib
import os
import re
import subprocess
import sys


def head(source):
    """(command, expected lines) from the comment that opens an example."""
    command, expected = None, None
    with open(source, encoding="utf-8") as file:
        for line in file:
            if not line.startswith("//"):
                break
            text = re.sub(r"^// ?", "", line.rstrip("\n"))
            if text.startswith("Run:"):
                command = text.removeprefix("Run:").strip()
            elif text.strip() == "Output:":
                expected = []
            elif expected is not None:
                expected.append(text)
    if not command or expected is None:
        sys.exit(f"{source}: the head lacks a line `// Run: command` or a block after `// Output:`")
    indent = min((len(line) - len(line.lstrip()) for line in expected if line.strip()), default=0)
    return command, [line[indent:].rstrip() for line in expected]


def strip_blank(lines):
    return "\n".join(lines).strip("\n").split("\n")


def main():
    source, program = sys.argv[1:]
    command, expected = head(source)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TUTTI_")}
    run = subprocess.run(command, shell=True, cwd=os.path.dirname(os.path.abspath(program)), env=environment,
                         stdout=subprocess.PIPE, text=True, errors="replace", timeout=100)
    printed = [line.rstrip() for line in run.stdout.splitlines()]
    if run.returncode:
        print(run.stdout)
        return f"{command}: exit code {run.returncode}"
    if strip_blank(printed) != strip_blank(expected):
        print("\n".join(difflib.unified_diff(expected, printed, "the head says", "it printed", lineterm="")))
        return f"{command}: prints something else than its head says"
    return 0


if __name__ == "__main__":
    sys.exit(main())
