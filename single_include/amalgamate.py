#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Folds include/tutti/ into single_include/tutti/: tutti.hpp, and one file per opt-in header beside it.

Headers follow their includes (topological order); unconditional foreign includes are sorted at the top, those inside
an #if stay where they are. No date, no commit: the same tree gives the same bytes.

    amalgamate.py            writes the files
    amalgamate.py --check    writes nothing; fails when they are stale
"""
import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = ROOT / "include"
OUTPUT = ROOT / "single_include"
UMBRELLA = "tutti/tutti.hpp"

INCLUDE_LINE = re.compile(r'\s*#\s*include\s*([<"][^>"]+[>"])')
OWN_INCLUDE = re.compile(r'^\s*#\s*include\s*<(tutti/[^>]+)>', re.MULTILINE)
DIRECTIVE = re.compile(r"\s*#\s*(if|ifdef|ifndef|endif)\b")
MACRO = re.compile(r"^\s*#\s*(define|undef)\s+(\w+)", re.MULTILINE)

# The one Asio file switches coroutines on for clang; nothing else may outlive its header without our prefix.
MAY_LEAK = re.compile(r"TUTTI_\w+|(BOOST_)?ASIO_\w+")


def leaked_macros(text):
    """The macros that `text` leaves defined and that do not carry an allowed prefix."""
    alive = {}
    for verb, name in MACRO.findall(text):
        if verb == "define":
            alive[name] = True
        else:
            alive.pop(name, None)
    return [name for name in alive if not MAY_LEAK.fullmatch(name)]


def depth_after(line, depth):
    match = DIRECTIVE.match(line)
    if not match:
        return depth
    return depth - 1 if match.group(1) == "endif" else depth + 1


class Amalgam:
    def __init__(self, inlined_elsewhere=()):
        self.sections, self.foreign, self.visited = [], set(), list(inlined_elsewhere)

    def add(self, header):
        if header in self.visited:
            return
        self.visited.append(header)
        path = INCLUDE / header
        if not path.is_file():
            sys.exit(f"amalgamate: {header} is included but does not exist")
        body, depth = [], 0
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            depth = depth_after(line, depth)
            own, foreign = OWN_INCLUDE.match(line), INCLUDE_LINE.match(line)
            if own:  # ours compile anywhere, so one inside an #if may stand before it
                self.add(own.group(1))
            elif foreign and foreign.group(1).startswith('"'):
                sys.exit(f"amalgamate: {header}:{number}: write our own includes as <tutti/...>")
            elif foreign and not depth:
                self.foreign.add(foreign.group(1))
            elif line.strip() != "#pragma once" and not line.startswith("// SPDX-License-Identifier"):
                body.append(line)
        text = "\n".join(body).strip("\n")
        if "#" in text or "namespace" in text:
            rule = "// " + "-" * (116 - len(header)) + " " + header
            self.sections.append((header, rule + "\n", re.sub(r"\n{3,}", "\n\n", text) + "\n"))

    def text(self, banner, first_include=None, shared=()):
        """The file; headers in `shared` are in others too, and guarded so that both can be included."""
        includes = "".join(f"#include {name}\n" for name in sorted(self.foreign))
        own = f"#include <{first_include}>\n\n" if first_include else ""
        sections = []
        for header, rule, body in self.sections:
            if header in shared:
                guard = "TUTTI_SHARED_" + re.sub(r"\W", "_", header.removeprefix("tutti/").removesuffix(".hpp")).upper()
                body = f"#ifndef {guard}\n#define {guard}\n{body}#endif\n"
            sections.append(rule + body)
        return banner + "#pragma once\n\n" + own + includes + "\n" + "\n".join(sections)


def version():
    text = (INCLUDE / "tutti/core/version.hpp").read_text(encoding="utf-8")
    return re.search(r'TUTTI_VERSION_STRING "([^"]+)"', text).group(1)


def licence():
    return "".join(f"// {line}".rstrip() + "\n" for line in (ROOT / "LICENSE").read_text(encoding="utf-8").splitlines())


def door_below(header):
    """The opt-in header that this one builds on, if it includes one (at most one), else the umbrella."""
    text = (INCLUDE / header).read_text(encoding="utf-8")
    doors = {name for name in OWN_INCLUDE.findall(text) if name.count("/") == 1} - {UMBRELLA}
    if len(doors) > 1:
        sys.exit(f"amalgamate: {header} includes {' and '.join(sorted(doors))}; one may include the other")
    return doors.pop() if doors else UMBRELLA


def products():
    """{path below single_include: text}"""
    banner = ("// SPDX-License-Identifier: BSL-1.0\n"
              "// {name} {version} as a single file, assembled by single_include/amalgamate.py: edit include/, not this.\n"
              "//\n" + licence())
    whole = Amalgam()
    whole.add(UMBRELLA)
    files = {UMBRELLA: whole.text(banner.format(name="tutti", version=version()))}
    doors = {}
    for path in sorted((INCLUDE / "tutti").glob("*.hpp")):
        header = path.relative_to(INCLUDE).as_posix()
        if header != UMBRELLA:
            base = door_below(header)
            below = whole
            if base != UMBRELLA:
                below = Amalgam(inlined_elsewhere=whole.visited)
                below.add(base)
            opt_in = Amalgam(inlined_elsewhere=below.visited)
            opt_in.add(header)
            doors[header] = opt_in, base
    inlined = [header for opt_in, _ in doors.values() for header, _, _ in opt_in.sections]
    shared = {header for header in inlined if inlined.count(header) > 1}
    for header, (opt_in, base) in doors.items():
        files[header] = opt_in.text(banner.format(name=header, version=version()), base, shared)
    for header, text in files.items():
        if leaked := leaked_macros(text):
            sys.exit(f"amalgamate: {header} leaves macros behind: {', '.join(leaked)}")
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail when the files are stale; write nothing")
    check = parser.parse_args().check
    stale = []
    for header, text in products().items():
        target = OUTPUT / header
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            stale.append(header)
            if not check:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8", newline="\n")
    if check and stale:
        sys.exit(f"amalgamate: stale: {', '.join(stale)}; run ./dev single")


if __name__ == "__main__":
    main()
