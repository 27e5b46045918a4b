#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""How much of an asynchronous allreduce of 16 MiB, and of a gradient as large, hides behind computing, on a link of
1 Gbit/s: one rank in each of two network namespaces. Ends with an error if it is less than 80 %, or 60 % of the
gradient; needs root, ip and tc, and says so without."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
from links import Network  # noqa: E402

MUST = {"allreduce": 80, "gradient": 60}  # per cent


def main():
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("tc"):
        print("overlap: skipped: it needs root, ip and tc (iproute2) to make network namespaces")
        return 0
    with tempfile.TemporaryDirectory() as place, Network(2, "1gbit") as network:
        program = f"{place}/overlap"
        subprocess.run([os.environ.get("CXX", "g++"), "-std=c++20", "-O2", "-pthread", f"-I{ROOT}/include",
                        f"{ROOT}/tests/bench/overlap.cpp", "-o", program], check=True)
        commands, environments = network.wrap([program, "--control", "", "16"])
        ranks = [subprocess.Popen([w for w in c if w not in ("--control", "")], env={**os.environ, **e},
                                  stdout=subprocess.PIPE, text=True) for c, e in zip(commands, environments)]
        said = [rank.communicate(timeout=300)[0] for rank in ranks]
        print(said[0], end="")
        if any(rank.returncode for rank in ranks):
            return 1
        missed = False
        for (what, must), line in zip(MUST.items(), said[0].splitlines()):
            hidden = int(line.split("hides ")[1].split(" %")[0])
            missed = missed or hidden < must
            print(f"overlap of the {what}: {hidden} %, at least {must} % wanted: {'ok' if hidden >= must else 'MISSED'}")
        return missed


if __name__ == "__main__":
    sys.exit(main())
