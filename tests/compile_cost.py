#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Measures what tutti/tutti.hpp costs to include, as a multiple of the Asio headers it stands on. 1.5 is promised; a little
above it, for what a busy machine adds, it fails.

Both are parsed (-fsyntax-only) in turn, so that other load hits both alike; the smallest time of each side counts.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROMISE = 1.5  # docs/performance.md says where the time goes
CEILING = 1.75  # beyond it no busy machine is to blame


def asio_headers():
    text = (ROOT / "include/tutti/transport/asio.hpp").read_text(encoding="utf-8")
    return re.findall(r"^#include <(asio/[^>]+)>", text, re.MULTILINE)


def seconds(command):
    """Of processor, not of the clock: whatever else runs here does not count."""
    before = os.times()
    subprocess.run(command, check=True)
    after = os.times()
    return sum(getattr(after, part) - getattr(before, part) for part in ("children_user", "children_system"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compiler", default=os.environ.get("CXX", "g++"))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    names = asio_headers()
    if len(names) != 8:
        return f"transport/asio.hpp names {len(names)} Asio headers; the promise is stated against 8"
    sources = {"asio": ["utility", *names], "tutti": ["tutti/tutti.hpp"]}
    best = {}
    with tempfile.TemporaryDirectory() as folder:
        for side, includes in sources.items():
            pathlib.Path(folder, side + ".cpp").write_text("".join(f"#include <{name}>\n" for name in includes))
        for turn in range(options.rounds):
            for side in sorted(sources, reverse=turn % 2 == 1):
                command = [options.compiler, "-std=c++20", "-fsyntax-only", "-DASIO_STANDALONE", "-DTUTTI_USE_STANDALONE_ASIO",
                           f"-I{ROOT / 'include'}", os.path.join(folder, side + ".cpp")]
                best[side] = min(best.get(side, float("inf")), seconds(command))
    ratio = best["tutti"] / best["asio"]
    print(f"{' '.join(names)}: {best['asio']:.2f} s")
    print(f"tutti/tutti.hpp: {best['tutti']:.2f} s, {ratio:.2f} times as long "
          f"(promised: {PROMISE}, ceiling of this test: {CEILING})")
    return int(ratio > CEILING)


if __name__ == "__main__":
    sys.exit(main())
