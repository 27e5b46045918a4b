#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""plan.py program: `tutti plan` prints the plan that was asked for, draws it, and refuses bad input in one sentence."""
import re
import subprocess
import sys
import xml.etree.ElementTree

program = sys.argv[1]
failed = 0


def run(*arguments):
    done = subprocess.run([program, "plan", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def check(what, good, *seen):
    global failed
    if not good:
        failed += 1
        print("failed:", what, *seen, sep="\n")


# A broadcast by the binomial tree is known by heart.
code, out, _ = run("broadcast", "--ranks", "5", "--algorithm", "binomial")
tree = [line.strip() for line in out.split("binomial among 5 ranks\n", 1)[-1].splitlines()]
check("binomial broadcast", code == 0 and sorted(line for line in tree if "->" in line) ==
      ["0 -> 1: all", "0 -> 2: all", "0 -> 4: all", "2 -> 3: all"] or
      "0 -> 4, 2, 1: all" in tree and "2 -> 3: all" in tree, out)
check("rounds are in order", tree.index("round 1") < tree.index("round 2"), out)

# Everyone hears of everyone: follow the messages of an allgather and see who has what.
for how in ("star", "direct", "doubling", "bruck", "ring"):
    code, out, err = run("allgather", "--ranks", "6", "--algorithm", how)
    has = [{r} for r in range(6)]
    for sender, to, parts in re.findall(r"^ +(\d+) -> ([\d, ]+): (.*)$", out, re.M):
        numbers = [int(n) for n in re.findall(r"\d+", parts)]
        sent = set(range(6)) if parts == "all" else set(range(numbers[0], numbers[-1] + 1))
        check(f"{how}: {sender} has what it sends", sent <= has[int(sender)], out)
        for rank in to.split(","):
            has[int(rank)] |= sent
    check(f"{how}: all have all", code == 0 and all(h == set(range(6)) for h in has), out, err)

code, out, _ = run("allreduce", "--ranks", "5", "--bytes", "1M")
check("every algorithm is priced, one is chosen", out.count(" us ") >= 5 and len(re.findall(r"^  \* ", out, re.M)) == 1, out)
code, out, _ = run("allreduce", "--ranks", "10000", "--machine", "link=0.8,distance=30,per_host=1")
check("ten thousand ranks are priced", code == 0 and "too many to list" in out, out)

code, out, _ = run("allreduce", "--ranks", "4", "--algorithm", "halving", "--draw", "svg")
drawing = xml.etree.ElementTree.fromstring(out)
arrows = [e for e in drawing.iter() if e.get("marker-end")]
check("an arrow for each message", code == 0 and len(arrows) == 16, out)
check("both grounds", "prefers-color-scheme:dark" in out)

# LogGP by hand: seven hops of 30 + 50 us, an overhead of 5 us on both sides, 1048 bytes with header at 8 ns.
code, out, err = run("broadcast", "--ranks", "8", "--bytes", "1000", "--algorithm", "chain", "--simulate", "--machine",
                     "latency=30,distance=50,overhead=5,link=8,per_host=1")
last = re.search(r"last rank done +([\d.]+) us", out)
check("a chain, simulated", code == 0 and last and abs(float(last[1]) - 7 * (80 + 10 + 1.048 * 8)) < 0.2, out, err)
code, out, err = run("broadcast", "--ranks", "10000", "--bytes", "1K", "--algorithm", "binomial", "--simulate")
check("ten thousand ranks, simulated", code == 0 and re.search(r"messages +9999\b", out), out, err)

code, out, err = run("alltoall", "--ranks", "3", "--bytes", "1K", "--algorithm", "direct", "--simulate")
check("an alltoall of blocks that are not whole, simulated", code == 0 and re.search(r"messages +6\b", out), out, err)

for arguments, words in [
    (["alreduce"], "there is no collective \"alreduce\"; there are broadcast"),
    (["gather", "--algorithm", "ring"], "gather has no ring"),
    (["reduce_scatter", "--algorithm", "halving", "--ranks", "6"], "no halving for 6 ranks"),
    (["allreduce", "--algorithm", "ring"], "add --any-order"),
    (["allreduce", "--bytes", "1X"], "is no number of bytes"),
    (["allreduce", "--ranks", "0"], "--ranks"),
    (["broadcast", "--ranks", "3", "--root", "3"], "root 3 is not one of 3 ranks"),
    (["allreduce", "--machine", "speed=3"], "there is no \"speed\"; there are latency"),
    (["allreduce", "--machine", "latency=fast"], "latency cannot be \"fast\""),
    (["allreduce", "--ranks", "64", "--algorithm", "direct", "--draw", "svg"], "too much for a drawing"),
]:
    code, out, err = run(*arguments)
    check(" ".join(arguments), code == 2 and words in err and len(err.strip().splitlines()) == 1 and not out, code, out, err)

sys.exit(1 if failed else 0)
