#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Checks what the compiler cannot see: who includes whom, and how every header opens."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "single_include"))
sys.dont_write_bytecode = True
from amalgamate import leaked_macros  # noqa: E402

LAYERS = "core model plan transport engine group collective data shard train".split()
ASIO_FILE = "transport/asio.hpp"
OWN = re.compile(r'^\s*#\s*include\s*[<"]tutti/([^>"]+)[>"]', re.MULTILINE)
RELATIVE = re.compile(r'^\s*#\s*include\s*"', re.MULTILINE)
ASIO = re.compile(r"^\s*#\s*include\s*<(boost/)?asio", re.MULTILINE)
HEAVY = re.compile(r"^\s*#\s*include\s*<(iostream|regex|filesystem)>", re.MULTILINE)
THREAD = re.compile(r"std::(j?thread\s*(\w+\s*)?[({]|async\s*\()")
STATIC_FUNCTION = re.compile(r"^static\b(?!_assert)", re.MULTILINE)
ALGORITHM = re.compile(r"\balgorithm::(?!automatic)\w+|\b(?!neighbour_exchange\b)\w+_(star|direct|exchange)\b")
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


def visible(layer):
    """The layers that a header of `layer` may include. A header outside the layers (tutti.hpp, boost.hpp) sees all."""
    if layer not in LAYERS:
        return LAYERS
    if layer in ("model", "plan"):
        return ["core", layer]
    return LAYERS[: LAYERS.index(layer) + 1]


def opening(text):
    lines = text.splitlines() + ["", "", ""]
    if lines[0] != "// SPDX-License-Identifier: BSL-1.0":
        yield "line 1 is not the SPDX licence line"
    if not re.match(r"// \S.{9,}", lines[1]):
        yield "line 2 does not say in a sentence what the header is for"
    code = next((line for line in lines if line and not line.startswith("//")), "")
    if code != "#pragma once":
        yield "the first line of code is not #pragma once"


def complaints(name, text):
    layer = name.split("/")[0] if "/" in name else None
    if layer and layer not in LAYERS:
        yield f"{layer}/ is not a layer"
    yield from opening(text)
    for target in OWN.findall(text):
        other = target.split("/")[0]
        if "/" in target and other not in visible(layer):
            yield f"includes {target}, which is above it"
        if "/" not in target and layer:
            yield f"includes {target}, the door of the whole library"
    if RELATIVE.search(text):
        yield "includes with quotes; write <tutti/layer/file.hpp>"
    if ASIO.search(text) and name != ASIO_FILE:
        yield f"includes Asio; only {ASIO_FILE} does"
    if layer == "core" and HEAVY.search(text):
        yield "includes a header that every user would pay for"
    if leaked := leaked_macros(text):
        yield f"leaves macros behind: {', '.join(leaked)}"
    if layer in ("engine", "collective") and (named := ALGORITHM.search(COMMENT.sub("", text))):
        yield f"names an algorithm ({named[0]}); only plan/ does"
    if STATIC_FUNCTION.search(text):
        yield "has something static at namespace scope (one copy per translation unit)"


def main():
    base, found, starts_threads = ROOT / "include" / "tutti", [], []
    for path in sorted(base.rglob("*.hpp")):
        name, text = path.relative_to(base).as_posix(), path.read_text(encoding="utf-8")
        found += [f"include/tutti/{name}: {complaint}" for complaint in complaints(name, text)]
        if THREAD.search(COMMENT.sub("", text)):
            starts_threads.append(name)
    if len(starts_threads) > 1:
        found.append(f"threads are started in more than one file: {', '.join(starts_threads)}")
    print("\n".join(found) if found else "layering holds")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
