#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""run_theta.py program: its loss falls by the factor of the formula, and its last line is the same, on 1 to 5 processes."""
import os
import re
import subprocess
import sys

failures = 0


def expect(truth, what):
    global failures
    if not truth:
        failures += 1
        print("FAILED:", what)


def run(*arguments):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TUTTI_")}
    return subprocess.run([os.path.abspath(sys.argv[1]), *map(str, arguments)], env=environment, capture_output=True,
                          text=True, timeout=60)


def main():
    for rate, steps in ((None, 1000), (0.5, 1000), (10, 100)):  # nothing given: 0.01 and 1000
        arguments = [] if rate is None else [rate, steps]
        ratio = (1 - 2 * (rate or 0.01) / 1000) ** (2 * steps)
        last = set()
        for np in (1, 2, 3, 4, 5):
            done = run("--np", np, *arguments)
            expect(done.returncode == 0, f"--np {np} succeeds: {done.stderr}")
            lines = done.stdout.splitlines() or [""]
            expect(re.fullmatch(rf"ratio={ratio:.4f} model=[0-9a-f]{{16}}", lines[-1]), f"{ratio:.4f} is in {lines[-1]}")
            owned = [int(n) for n in re.findall(r"^ *\d+ +(\d+) ", done.stdout, re.MULTILINE)]
            expect(len(owned) == np and sum(owned) == 1000, f"--np {np}: every parameter has one owner: {owned}")
            last.add(lines[-1])
        expect(len(last) == 1, f"any number of processes ends with the same model: {last}")
    for wrong in (["x"], ["-1"], ["1", "0"], ["1", "2", "3"]):
        refused = run(*wrong)
        expect(refused.returncode == 2 and len(refused.stderr.splitlines()) == 1, f"{wrong} is refused: {refused}")
    return failures > 0


sys.exit(main())
