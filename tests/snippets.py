#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Holds every ```cpp block of README.md and docs/*.md against code that is compiled.

A block with `int main` is a program: --compile builds it as it stands, warnings as errors. Any other block must occur,
white space aside, in a file under examples/, tests/ or include/, all of which the builds compile. Links to files of
the repository must lead somewhere, and the pictures must be what their script draws.

    tests/snippets.py             the checks that need no compiler
    tests/snippets.py --compile   the programs as well, with $CXX or g++ and the single header
"""
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^```.*?^```\s*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?:\]\(|srcset=\"|src=\")([^)\"#\s]+)")
STRICT = "-std=c++20 -pthread -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Werror"
PROGRAM = re.compile(r"\bint main\(")


def pages():
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page):
    """(line, code) of every fenced C++ block."""
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        if found[1] in ("cpp", "c++"):
            yield text.count("\n", 0, found.start()) + 2, found[2]


def squeezed(code):
    return re.sub(r"\s+", "", code)


def compiled_sources():
    for folder, pattern in (("examples", "*.?pp"), ("tests", "*.?pp"), ("include", "*.hpp")):
        for path in (ROOT / folder).rglob(pattern):
            yield squeezed(path.read_text(encoding="utf-8"))


def complaints():
    sources = list(compiled_sources())
    for page in pages():
        name = page.relative_to(ROOT)
        for line, code in blocks(page):
            if not PROGRAM.search(code) and not any(squeezed(code) in source for source in sources):
                yield f"{name}:{line}: this code occurs in no file under examples/, tests/ or include/"
        for link in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
            if "://" not in link and not (page.parent / link).exists():
                yield f"{name}: the link to {link} leads nowhere"
    drawing = subprocess.run([sys.executable, ROOT / "docs/img/allreduce.py", "--check"], capture_output=True, text=True)
    if drawing.returncode:
        yield drawing.stdout.strip() or drawing.stderr.strip()


def compile_programs():
    compiler = shlex.split(os.environ.get("CXX", "g++"))
    seen = set()
    for page in pages():
        for line, code in blocks(page):
            if not PROGRAM.search(code) or squeezed(code) in seen:
                continue
            seen.add(squeezed(code))
            where = f"{page.relative_to(ROOT)}:{line}"
            with tempfile.TemporaryDirectory() as folder:
                source = pathlib.Path(folder, "program.cpp")
                source.write_text(code, encoding="utf-8")
                command = [*compiler, *shlex.split(STRICT), "-I", ROOT / "single_include", source, "-o", source.with_suffix("")]
                done = subprocess.run(command, capture_output=True, text=True)
            print(f"{where}: {'compiles' if done.returncode == 0 else 'does not compile'}")
            if done.returncode:
                yield done.stderr


def main():
    bad = list(complaints())
    if "--compile" in sys.argv[1:]:
        bad += compile_programs()
    print("\n".join(bad), end="\n" if bad else "")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
