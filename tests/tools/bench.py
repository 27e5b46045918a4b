#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""bench.py program: `tutti bench` measures the cells that were asked for, its columns follow from each other, and bad
input is one sentence."""
import json
import os
import re
import subprocess
import sys
import tempfile

program = sys.argv[1]
failed = 0


def run(*arguments):
    done = subprocess.run([program, "bench", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def check(what, good, *seen):
    global failed
    if not good:
        failed += 1
        print("failed:", what, *seen, sep="\n")


RANKS = 3
BLOCKS = {"scatter", "gather", "allgather", "reduce_scatter", "alltoall"}
BUS = {"allreduce": 2 * (RANKS - 1) / RANKS, "broadcast": 1, "reduce": 1}
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "numbers.json")
    code, out, err = run("all", "--np", str(RANKS), "--sizes", "1:64K", "--factor", "256", "--type", "i32",
                         "--seconds", "0.01", "--json", path)
    cells = json.load(open(path))
check("it ends well", code == 0, code, out, err)
check("every cell is there", [c["call"] for c in cells] == [n for n in ("allreduce", "broadcast", "reduce", "scatter",
      "gather", "allgather", "reduce_scatter", "alltoall") for _ in range(3)] + ["barrier"], cells)
for cell, asked in zip(cells, [1, 256, 65536] * 8 + [0]):
    blocks = RANKS if cell["call"] in BLOCKS else 1
    check("count and size", cell["count"] == (max(1, asked // 4 // blocks) if asked else 0) and
          cell["size"] == cell["count"] * 4 * blocks, cell)
    check("times", 0 < cell["p50_us"] <= cell["p99_us"] and cell["loop_us"] > 0 and cell["samples"] >= 5, cell)
    check("algbw is size over time", abs(cell["algbw"] - cell["size"] / cell["p50_us"] / 1e3) <= 1e-3 * cell["algbw"] + 2e-6, cell)
    check("busbw", abs(cell["busbw"] - cell["algbw"] * BUS.get(cell["call"], (RANKS - 1) / RANKS)) < 3e-6, cell)
    check("results", cell["wrong"] == 0 and cell["ranks"] == RANKS and cell["type"] == "i32", cell)
lines = [line.split() for line in out.splitlines() if re.match(r" +\d", line)]
check("the table says the same", [(int(l[0]), int(l[1]), l[2], int(l[8])) for l in lines] ==
      [(c["size"], c["count"], "i32", c["wrong"]) for c in cells], out)
check("what size means", "size is all blocks, at the root" in out, out)

code, out, err = run("allreduce", "--sizes", "4,1M", "--seconds", "0.01", "--json", "-", "--algorithm", "star")
check("a world of one", code == 0 and [c["size"] for c in json.loads(out)] == [4, 1 << 20], out, err)

for arguments, words in [
    (["alreduce"], "there is no call alreduce"),
    (["--type", "f8"], "there is no type \"f8\"; there are u8"),
    (["--sizes", "4:1X"], "is no number of bytes"),
    (["--sizes", "8:4"], "do not rise"),
    (["--algorithm", "magic"], "there is no algorithm \"magic\""),
    (["--np", "0"], "--np"),
]:
    code, out, err = run(*arguments)
    check(" ".join(arguments), code == 2 and words in err and len(err.strip().splitlines()) == 1 and not out, code, out, err)

sys.exit(1 if failed else 0)
