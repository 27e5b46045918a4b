#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""run_clusters.py kmeans|dbscan: any number of processes ends with the same last line, and draws an SVG picture."""
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.dom.minidom

SMALL = {"kmeans": ["--rows", "2000", "--k", "7"], "dbscan": ["--points", "20000", "--min-points", "10"]}


def main():
    program = sys.argv[1]
    options = SMALL[pathlib.Path(program).stem]
    broken, first = [], None
    with tempfile.TemporaryDirectory(prefix="tutti-clusters-") as folder:
        for np in (1, 2, 3, 5):
            picture = pathlib.Path(folder, f"{np}.svg")
            ran = subprocess.run([program, "--np", str(np), "--svg", picture, *options], capture_output=True, text=True,
                                 timeout=100)
            last = ran.stdout.splitlines()[-1] if ran.stdout else ""
            if ran.returncode != 0 or not re.search(r"=[0-9a-f]{16}$", last):
                broken.append(f"--np {np}: exit code {ran.returncode}\n{ran.stdout}{ran.stderr}")
            elif last != (first := first or last):
                broken.append(f"--np {np} ends with {last}, --np 1 with {first}")
            else:
                xml.dom.minidom.parse(str(picture))
        ran = subprocess.run([program, "--svg", "/nowhere/at/all.svg", *options], capture_output=True, text=True, timeout=100)
        if ran.returncode == 0 or "/nowhere/at/all.svg cannot be written" not in ran.stderr:
            broken.append(f"a picture that cannot be written: exit code {ran.returncode}, {ran.stderr!r}")
    print("\n".join(broken) or first)
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
