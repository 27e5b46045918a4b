#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Every collective by tutti beside Gloo, Open MPI and MPICH over loopback TCP, in one run, results checked.

All programs of one number of ranks live at once and sleep; cell by cell they are woken in turn, in an order that
rotates. A cell's time is the median over rounds of the median over calls of (latest end - earliest start) of a call
after a barrier; the mean of calls back to back stands beside it. The best variant of each library counts (Open MPI
with and without yield, each algorithm of Gloo); `raw` is what bare sockets need to move a call's bytes. Rounds go on
while the time lasts.
"""

import argparse
import json
import os
import pathlib
import platform
import shlex
import statistics
import subprocess
import sys
import time

import report
from cells import CALLS, FULL, MIB, QUICK, grid, size_of
from contenders import CONTENDERS, HERE, ROOT, Failed, Worker, build, compile_all, first_of, forced


def arguments():
    p = argparse.ArgumentParser(prog="./dev bench", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    names = lambda text: text.split(",")
    numbers = lambda text: [int(t) for t in text.split(",")]
    p.add_argument("--full", action="store_true", help="the whole grid, within 60 minutes instead of 5")
    p.add_argument("--only", type=names, metavar="CALLS", default=CALLS, help="allreduce,broadcast,…")
    p.add_argument("--ranks", type=numbers, metavar="P,P", default=[2, 3, 4, 8])
    p.add_argument("--sizes", type=lambda text: [size_of(t) for t in text.split(",")], metavar="N,N",
                   help="bytes, such as 4,16K,1M+4")
    p.add_argument("--peers", type=names, metavar="NAMES", default=["openmpi", "mpich", "gloo", "raw"],
                   help="any of openmpi,mpich,gloo,raw")
    p.add_argument("--minutes", type=float, help="start no further round after this long")
    p.add_argument("--rounds", type=int, help="at most so many rounds (5)", default=5)
    p.add_argument("--seconds", type=float, help="per mode, cell, library and round (0.04; --full 0.1)")
    p.add_argument("--algorithms", action="store_true", help="also every algorithm of tutti, to judge its choice")
    p.add_argument("--json", metavar="FILE", help="write every number of every round")
    p.add_argument("--links", action="store_true",
                   help="instead: one rank per network namespace, links of 100 Mbit/s and 1 Gbit/s (needs root)")
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "bench", help="where the programs go")
    a = p.parse_args()
    a.sizes = a.sizes or (FULL if a.full else QUICK)
    a.minutes = a.minutes or (56 if a.full else 5)
    a.seconds = a.seconds or (0.1 if a.full else 0.04)
    for unknown in set(a.only) - set(CALLS):
        p.error(f"there is no call {unknown}; there are {', '.join(CALLS)}")
    if min(a.ranks) < 2 or max(a.ranks) > 64 or min(a.sizes) < 1 or a.rounds < 1:
        p.error("ranks are from 2 to 64, sizes and rounds at least 1")
    return a


def machine(flags):
    def first_line(path, default=""):
        try:
            return pathlib.Path(path).read_text().splitlines()[0]
        except (OSError, IndexError):
            return default

    def output(*command):
        try:
            return subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout.split("\n")[0]
        except OSError:
            return ""

    models = [line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
              if line.startswith("model name")]
    return {"cpu": models[0] if models else platform.machine(), "cores": len(os.sched_getaffinity(0)),
            "kernel": platform.release(), "congestion": first_line("/proc/sys/net/ipv4/tcp_congestion_control"),
            "commit": output("git", "describe", "--always", "--dirty"), "flags": " ".join(flags),
            "openmpi": output(first_of("mpirun.openmpi") or "true", "--version"),
            "mpich": output(first_of("mpichversion") or "true").split(":")[-1].strip(),
            "date": time.strftime("%Y-%m-%d"), "loadavg_before": os.getloadavg()[0]}


def stolen():
    """(stolen, all) clock ticks since boot: a round in which the host took our cores away is no measurement."""
    ticks = [int(t) for t in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return ticks[7], sum(ticks)


def candidates(cell, contenders, results):
    """(contender, variant) to measure: all at first, then those within a third of their library's best."""
    both = [(c, v) for c in contenders if cell.ranks in c.sizes for v in c.variants(cell.call, cell.ranks)]
    if not results:
        return both
    times = {key: statistics.median(r["p50"] for r in rounds if "p50" in r)
             for key, rounds in results.items() if any("p50" in r for r in rounds)}
    best = {}
    for (library, _), us in times.items():
        best[library] = min(us, best.get(library, us))
    return [(c, v) for c, v in both
            if c.library == "tutti" or times.get((c.library, label(c, v)), float("inf")) <= 1.33 * best.get(c.library, 0)]


def label(contender, variant):
    return " ".join([*contender.name.split()[1:], variant] if variant != "best" else contender.name.split()[1:]) or "best"


def one_round(number, ranks, cells, contenders, programs, measured, seconds):
    workers = {c.name: Worker(c, programs[c.name], ranks) for c in contenders if ranks in c.sizes}
    try:
        for i, cell in enumerate(c for c in cells if c.ranks == ranks):
            todo = candidates(cell, contenders, measured[cell])
            turn = (number + i) % max(1, len(todo))
            if sys.stderr.isatty():
                print(f"\r# round {number + 1}, {cell}".ljust(70), end="", file=sys.stderr, flush=True)
            for contender, variant in todo[turn:] + todo[:turn]:
                worker = workers[contender.name]
                try:
                    got = worker.ask(cell.call, cell.kind, cell.count, seconds, variant,
                                     8 + cell.bytes * ranks / (8 * MIB))
                except Failed as problem:
                    got = {"failed": str(problem)}
                    worker.stop()
                measured[cell].setdefault((contender.library, label(contender, variant)), []).append(got)
    finally:
        for worker in workers.values():
            worker.stop()


def limits(directory, flags):
    program = str(directory / "limits")
    cxx = shlex.split(os.environ.get("CXX") or "g++")
    compile_all({program: [*cxx, *flags, str(HERE / "limits.cpp"), "-o", program]})
    return json.loads(subprocess.run([program], capture_output=True, text=True, check=True).stdout)


def main():
    a = arguments()
    flags = shlex.split(os.environ.get("CXXFLAGS", "-O3 -DNDEBUG")) + ["-std=c++20", "-pthread"]
    if a.links:
        import links
        sys.exit(links.main(a, flags))
    contenders = [c for c in CONTENDERS if c.library in ["tutti", *a.peers]]
    if a.algorithms:
        contenders[0].variants = lambda call, p: ["best", *forced(call, p)]
    programs = build(contenders, a.build, flags)
    contenders = [c for c in contenders if c.name in programs]
    about = machine(flags)
    print("# " + ", ".join(f"{k} {v}" for k, v in about.items()))
    floor = limits(a.build, flags)
    print("# limits: " + ", ".join(f"{k} {v}" for k, v in floor.items()))
    cells = grid(a.ranks, a.only, a.sizes)
    measured = {cell: {} for cell in cells}
    began, steal = time.monotonic(), []
    for number in range(a.rounds):
        before, started = stolen(), time.monotonic()
        for ranks in a.ranks:
            one_round(number, ranks, cells, contenders, programs, measured, a.seconds)
        after = stolen()
        steal.append((after[0] - before[0]) / max(1, after[1] - before[1]))
        spent = time.monotonic() - began
        if spent + (time.monotonic() - started) / (2 if number == 0 else 1) > a.minutes * 60:
            break
    print(f"# {len(steal)} rounds in {time.monotonic() - began:.0f} s", file=sys.stderr)
    lines = report.tables(measured)
    judged = report.verdict(lines)
    if a.algorithms:
        report.choices(measured)
    if max(steal) > 0.01:
        print(f"# warning: the host took away {max(steal):.1%} of the processor time in one round; measure again")
    if about["loadavg_before"] > 0.5:
        print(f"# warning: load average was {about['loadavg_before']:.1f} before the first round; measure again when idle")
    if a.json:
        flat = [{"ranks": c.ranks, "call": c.call, "size": c.size, "bytes": c.bytes, "count": c.count, "type": c.kind,
                 "best": lines[c], "rounds": {" / ".join(k): v for k, v in results.items()}}
                for c, results in measured.items()]
        pathlib.Path(a.json).write_text(json.dumps(
            {"machine": about, "steal": steal, "limits": floor, "cells": flat, "judged": judged}, indent=1) + "\n")
    own = [r for results in measured.values() for r in results.get(("tutti", "best"), [])]
    wrong, failed = sum(r.get("wrong", 0) for r in own), [r["failed"] for r in own if "failed" in r]
    if wrong or failed:
        sys.exit(f"bench: tutti had {wrong} wrong elements and {len(failed)} failures: {failed[:1]}")


if __name__ == "__main__":
    main()
