#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""run_linear.py program: linear regression with 1 to 4 processes, all of which must reach the normal equations."""
import os
import re
import subprocess
import sys

SAMPLES, FEATURES = 1003, 21


def main():
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TUTTI_")}
    failures = 0
    for processes in (1, 2, 3, 4):
        done = subprocess.run([os.path.abspath(sys.argv[1]), "--np", str(processes)], env=environment,
                              capture_output=True, text=True, timeout=60)
        lines = re.findall(r"^ *(\d+) +(\d+) +(\d+\.\d) +(\d+)$", done.stdout, re.MULTILINE)
        found = re.search(r" (\S+) from the normal equations$", done.stdout, re.MULTILINE)
        promises = {"succeeds": done.returncode == 0,
                    "reaches the normal equations": found and float(found[1]) <= 1e-8,
                    "has a line per process": [int(line[0]) for line in lines] == list(range(processes)),
                    "holds every number of X once": sum(int(line[1]) for line in lines) == SAMPLES * FEATURES,
                    "makes one call per step": all(float(line[2]) == 1 for line in lines)}
        for promise, kept in promises.items():
            if not kept:
                failures += 1
                print(f"FAILED: --np {processes} {promise}\n{done.stdout}{done.stderr}")
    print(f"{failures} broken promises")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
