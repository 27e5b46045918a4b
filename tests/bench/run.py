#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Allreduce of floats by tutti beside Open MPI over loopback TCP, in one run, rounds interleaved, results checked.

Two times per cell: `latency` is max(end) - max(start) over ranks of one call after a barrier, median over the calls
of a process, median over rounds; `back to back` is the mean per call of a loop, slowest rank, median over rounds.
Open MPI runs with mpi_yield_when_idle 0 and 1; the ratio is ours over the better of the two in the same round, so
below 1 means tutti is faster. busbw = algbw * 2(P-1)/P as in nccl-tests.
"""

import argparse
import json
import os
import pathlib
import platform
import random
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
KIB, MIB = 1 << 10, 1 << 20
SIZES = [4, 16 * KIB, 256 * KIB, 4 * MIB]
FULL_SIZES = [4, 64, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB, 64 * MIB]
MPI_FLAGS = "--allow-run-as-root --oversubscribe --mca btl tcp,self --mca btl_tcp_if_include lo --mca pml ob1".split()
STATISTICS = {"latency": "median_us", "back to back": "mean_us"}


def first_of(*names):
    return next((found for found in map(shutil.which, names) if found), None)


def size_of(text):
    units = {"K": KIB, "M": MIB, "G": KIB * MIB}
    return int(text[:-1]) * units[text[-1].upper()] if text[-1].upper() in units else int(text)


def size_name(n):
    return f"{n // MIB} MiB" if n >= MIB else f"{n // KIB} KiB" if n >= KIB else f"{n} B"


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--full", action="store_true", help="P = 2, 4, 8 and eleven sizes from 4 B to 64 MiB")
    p.add_argument("--ranks", type=int, nargs="+", metavar="P")
    p.add_argument("--sizes", type=size_of, nargs="+", metavar="N", help="bytes; K, M and G are binary")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=0.15, help="time per mode, cell, library and round")
    p.add_argument("--without", nargs="+", default=[], choices=["tutti", "openmpi", "limits"])
    p.add_argument("--json", metavar="FILE", help="write every number of every round")
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "bench", help="where the programs go")
    a = p.parse_args()
    a.ranks = a.ranks or ([2, 4, 8] if a.full else [2, 4])
    a.sizes = a.sizes or (FULL_SIZES if a.full else SIZES)
    if a.rounds < 1 or min(a.ranks) < 2 or any(n < 4 or n % 4 for n in a.sizes):
        p.error("rounds are at least 1, ranks at least 2, sizes multiples of 4")
    return a


def build(wanted, directory, flags):
    """Compiles the programs, all with the same flags; a program of which a part is missing is left out, aloud."""
    directory.mkdir(parents=True, exist_ok=True)
    cxx = os.environ.get("CXX") or first_of("g++", "c++", "clang++")
    mpicxx = first_of("mpicxx.openmpi", "mpicxx")
    built = {}
    for name in wanted:
        source = {"limits": "limits", "tutti": "tutti_allreduce", "openmpi": "openmpi_allreduce"}[name]
        compiler = mpicxx if name == "openmpi" else cxx
        if not compiler or (name == "openmpi" and not first_of("mpirun.openmpi", "mpirun")):
            print(f"# {name}: left out, its compiler or mpirun is not installed", file=sys.stderr)
            continue
        command = shlex.split(compiler) + flags + ["-I", str(ROOT / "include"), str(HERE / f"{source}.cpp"), "-o"]
        done = subprocess.run(command + [str(directory / source)], env={**os.environ, "OMPI_CXX": cxx})
        if done.returncode != 0:
            sys.exit(f"bench: {source}.cpp does not compile")
        built[name] = str(directory / source)
    return built


def stop(p):
    """Asks first, because mpirun's ranks are not in its process group and end only when it tells them."""
    p.terminate()
    try:
        p.wait(5)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(p.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run(command, env=None, timeout=120):
    """The JSON line a program prints, or {"failed": why}; nothing it started outlives this call."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
                          env={**os.environ, **(env or {})}) as p:
        try:
            out, err = p.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            stop(p)
            return {"failed": f"no result within {timeout} s"}
        except BaseException:
            stop(p)
            raise
    lines = [line for line in out.splitlines() if line.startswith("{")]
    if lines:
        return {**json.loads(lines[-1]), "exit": p.returncode}
    return {"failed": f"exit {p.returncode}: " + " / ".join(err.strip().split("\n")[:3]), "exit": p.returncode}


def measure(program, contender, ranks, size, seconds):
    shared = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.NamedTemporaryFile(prefix="tutti-bench-", dir=shared) as board:
        own = ["--bytes", str(size), "--seconds", str(seconds), "--shared", board.name, "--mode", "both"]
        if contender == "tutti":
            return run([program, "--np", str(ranks)] + own, {"TUTTI_TRANSPORT": "tcp"})
        mpirun = first_of("mpirun.openmpi", "mpirun")
        idle = ["--mca", "mpi_yield_when_idle", contender[-1]]
        return run([mpirun, *MPI_FLAGS, *idle, "-np", str(ranks), program] + own)


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
            "openmpi": output(first_of("mpirun.openmpi", "mpirun") or "true", "--version"),
            "loadavg_before": os.getloadavg()[0]}


def stolen():
    """(stolen, all) clock ticks since boot: a round in which the host took our cores away is no measurement."""
    ticks = [int(t) for t in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return ticks[7], sum(ticks)


def interval(values, draws=2000):
    """95 % bootstrap interval of the median; the same values give the same interval."""
    chance = random.Random(1)
    medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(draws))
    return medians[int(0.025 * draws)], medians[int(0.975 * draws)]


def row(p, size, name, results):
    """One line in the columns of nccl-tests: both statistics, then how many elements were wrong in all rounds."""
    good = [r for r in results if "failed" not in r]
    if not good:
        return f"{size:>12} {size // 4:>11} {'float':>6}  {name:<15} failed: {results[-1]['failed']}"
    text = f"{size:>12} {size // 4:>11} {'float':>6}  {name:<15}"
    for key in STATISTICS.values():
        us = statistics.median(r[key] for r in good)
        algbw = size / us / 1e3
        text += f" {us:>10.2f} {algbw:>7.2f} {algbw * 2 * (p - 1) / p:>7.2f}"
    lost = f"  {len(results) - len(good)} of {len(results)} failed" if len(good) < len(results) else ""
    return text + f" {sum(r['wrong'] for r in good):>7}{lost}"


def ratios(cell, key):
    """Per round, ours over the better Open MPI of that round."""
    found = []
    for i, ours in enumerate(cell.get("tutti", [])):
        theirs = [rounds[i][key] for name, rounds in cell.items() if name != "tutti" and key in rounds[i]]
        if key in ours and theirs:
            found.append(ours[key] / min(theirs))
    return found


def report(cells, limits):
    summary = []
    for p in sorted({p for p, _ in cells}):
        print(f"\n{f'# allreduce sum, {p} ranks, in place':<48}{'latency, after a barrier':>27}{'back to back':>27}")
        print(f"#{'size':>11} {'count':>11} {'type':>6}  {'library':<15}" +
              f" {'time':>10} {'algbw':>7} {'busbw':>7}" * 2 + f" {'#wrong':>7}")
        print(f"#{'(B)':>11} {'(elements)':>11} {'':>6}  {'':<15}" + f" {'(us)':>10} {'(GB/s)':>7} {'(GB/s)':>7}" * 2)
        for size in sorted(size for q, size in cells if q == p):
            for name, results in cells[p, size].items():
                print(row(p, size, name, results))
            summary.append((p, size, {s: ratios(cells[p, size], key) for s, key in STATISTICS.items()}))
    floors = {x["bytes"]: x["best_us"] for x in (limits or {}).get("exchange", [])}
    answer = []
    print("\n# time of tutti / time of Open MPI (below 1: tutti is faster), median over rounds [95 % interval]")
    for p, size, found in summary:
        line, entry = f"  P={p:<2} {size_name(size):>8}", {"ranks": p, "bytes": size}
        for name, values in found.items():
            if values:
                low, high = interval(values)
                entry[name] = {"ratio": statistics.median(values), "low": low, "high": high}
                line += f"   {name} {statistics.median(values):5.2f} [{low:.2f}, {high:.2f}]"
        if p == 2 and size in floors:
            line += f"   bare socket exchange {floors[size]:.1f} us"
        print(line)
        answer.append(entry)
    return answer


def main():
    a = arguments()
    flags = shlex.split(os.environ.get("CXXFLAGS", "-O3 -DNDEBUG")) + ["-std=c++20", "-pthread"]
    programs = build([n for n in ("limits", "tutti", "openmpi") if n not in a.without], a.build, flags)
    about = machine(flags)
    print("# " + ", ".join(f"{k} {v}" for k, v in about.items()))
    limits = run([programs["limits"], str(a.seconds / 3), *map(str, a.sizes)]) if "limits" in programs else None
    if limits:
        print("# limits: " + (limits.get("failed") or ", ".join(
            f"{k} {v}" for k, v in limits.items() if k not in ("exchange", "check", "exit"))))
    contenders = [n for n in ("tutti", "openmpi yield 0", "openmpi yield 1") if n.split()[0] in programs]
    if not contenders:
        sys.exit("bench: nothing to compare")
    cells = {(p, size): {c: [] for c in contenders} for p in a.ranks for size in a.sizes}
    steal = []
    for number in range(a.rounds):
        before = stolen()
        for (p, size), cell in cells.items():
            print(f"\r# round {number + 1} of {a.rounds}, {p} ranks, {size_name(size)}     ", end="", file=sys.stderr,
                  flush=True)
            for c in contenders[number % len(contenders):] + contenders[:number % len(contenders)]:
                cell[c].append(measure(programs[c.split()[0]], c, p, size, a.seconds))
        after = stolen()
        steal.append((after[0] - before[0]) / max(1, after[1] - before[1]))
    print(file=sys.stderr)
    answer = report(cells, limits)
    if max(steal) > 0.01:
        print(f"# warning: the host took away {max(steal):.1%} of the processor time in one round; measure again")
    if about["loadavg_before"] > 0.5:
        print(f"# warning: load average was {about['loadavg_before']:.1f} before the first round; measure again when idle")
    if a.json:
        flat = [{"ranks": p, "bytes": size, "rounds": cell} for (p, size), cell in cells.items()]
        pathlib.Path(a.json).write_text(json.dumps(
            {"machine": about, "steal": steal, "limits": limits, "cells": flat, "ratios": answer}, indent=1) + "\n")
    bad = [r for cell in cells.values() for rounds in cell.values() for r in rounds if r.get("wrong")]
    ours = [r for cell in cells.values() for r in cell.get("tutti", []) if "failed" in r or r.get("exit")]
    if bad or ours:
        sys.exit(f"bench: {len(bad)} runs with wrong results, {len(ours)} runs of tutti failed")


if __name__ == "__main__":
    main()
