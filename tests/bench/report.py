# SPDX-License-Identifier: BSL-1.0
"""From measurements to tables: one in the columns of nccl-tests, one that judges."""

import math
import statistics

from cells import KIB, MIB, SIZE_MEANS, size_name
from contenders import ROOTED

PEERS = ["openmpi", "gloo", "mpich"]


def summary(results):
    """Per library its best variant: {"tutti": {"p50":, "p99":, "mean":, "variant":, "wrong":}}, medians over rounds."""
    best = {}
    for (library, variant), rounds in results.items():
        if library == "tutti" and variant != "best":
            continue  # a forced algorithm is not what a user gets
        good = [r for r in rounds if "failed" not in r]
        if not good:
            best.setdefault(library, {"failed": rounds[-1]["failed"]})
            continue
        line = {key: statistics.median(r[key] for r in good) for key in ("p50", "p99", "mean", "min")}
        line |= {"variant": variant, "wrong": sum(r["wrong"] for r in good), "rounds": len(good),
                 "lost": len(rounds) - len(good)}
        if library not in best or line["p50"] < best[library].get("p50", math.inf):
            best[library] = line
    return best


def ratio(lines, key="p50"):
    """Time of tutti over the best peer's, or None."""
    theirs = [lines[p][key] for p in PEERS if key in lines.get(p, {})]
    return lines["tutti"][key] / min(theirs) if theirs and key in lines.get("tutti", {}) else None


def tables(measured):
    lines = {cell: summary(results) for cell, results in measured.items()}
    for p, call in dict.fromkeys((c.ranks, c.call) for c in lines):
        print(f"\n# {call}, {p} ranks; size is {SIZE_MEANS[call]}. us: median of single calls after a barrier, latest "
              "end - earliest start; in brackets back to back")
        print(f"#{'size':>11} {'count':>9} {'type':>6} {'time':>10} {'p99':>10} {'algbw':>6} {'busbw':>6} {'#wrong':>6} |"
              + "".join(f"{name:>22}" for name in PEERS) + f"{'raw':>10} | {'ratio':>6}")
        for cell in (c for c in lines if (c.ranks, c.call) == (p, call)):
            print(row(cell, lines[cell]))
    return lines


def row(cell, line):
    text = f"{cell.bytes:>12} {cell.count:>9} {cell.kind:>6} "
    own = line.get("tutti", {"failed": "not run"})
    if "failed" in own:
        text += f"{own['failed'][:48]:>48} |"
    else:
        algbw = cell.bytes / own["p50"] / 1e3
        text += (f"{own['p50']:>10.1f} {own['p99']:>10.1f} {algbw:>6.2f} {algbw * cell.bus_factor:>6.2f} "
                 f"{own['wrong']:>6} |")
    for name in PEERS:
        theirs = line.get(name)
        shown = ("-" if theirs is None else theirs["failed"].split(":")[0] if "failed" in theirs
                 else f"{theirs['p50']:.1f} ({theirs['mean']:.1f})" + ("!" if theirs["lost"] or theirs["wrong"] else ""))
        text += f"{shown:>22}"
    raw = line.get("raw", {}).get("p50")
    of = ratio(line)
    return (text + (f"{raw:>10.1f}" if raw else f"{'-':>10}") + " | " + (f"{of:>6.2f}" if of else f"{'-':>6}")
            + (f"  ({own['mean']:.1f})" if "mean" in own else ""))


EVEN = ("allreduce", "allgather", "reduce_scatter", "alltoall", "barrier")
# name, cells, must, aim, whether 1.2 x the floor of the same cell serves as well
REGIMES = [
    ("<= 1 KiB, P=2, unrooted", lambda c: c.call in EVEN and c.size <= KIB and c.ranks == 2, 0.85, 0.5, False),
    ("<= 16 KiB, P>2, unrooted", lambda c: c.call in EVEN and c.size <= 16 * KIB and c.ranks > 2, 0.6, 0.3, False),
    ("<= 16 KiB, rooted", lambda c: c.call in ROOTED and c.size <= 16 * KIB, 0.95, 0.7, True),
    ("64 to 256 KiB", lambda c: 64 * KIB <= c.size <= 256 * KIB, 0.75, 0.5, False),
    (">= 4 MiB, P<=4", lambda c: c.size >= 4 * MIB and c.ranks <= 4, 0.85, 0.7, False),
    (">= 4 MiB, P=8", lambda c: c.size >= 4 * MIB and c.ranks == 8, 1.0, 0.9, False),
    ("every cell", lambda c: True, 1.0, 0.4, False),
]


def verdict(lines):
    """Prints the judged table and every cell that misses; returns it for the JSON."""
    print("\n# time of tutti / time of the best peer, medians; below 1: tutti is faster")
    print(f"# {'regime':<28} {'cells':>5} {'mean':>6} {'worst':>6}  {'must':>5} {'aim':>5}  {'miss':>4}  worst cell")
    answer = []
    for name, holds, must, aim, floor_serves in REGIMES:
        found = {c: ratio(line) for c, line in lines.items() if holds(c) and ratio(line)}
        if not found:
            continue
        mean = math.exp(statistics.fmean(math.log(r) for r in found.values()))
        worst = max(found, key=found.get)
        missed = [c for c, r in found.items() if (r >= must if must == 1.0 else r > must)
                  and not (floor_serves and near_floor(lines[c]))]
        print(f"  {name:<28} {len(found):>5} {mean:>6.2f} {found[worst]:>6.2f}  {must:>5} {aim:>5}  {len(missed):>4}  {worst}")
        answer.append({"regime": name, "cells": len(found), "mean": mean, "worst": found[worst], "worst_cell": str(worst),
                       "must": must, "aim": aim,
                       "missed": {str(c): round(found[c], 3) for c in sorted(missed, key=found.get, reverse=True)}})
    for name, pick, must, aim in (("64 MiB allreduce, P=2 / raw exchange", 64 * MIB, 1.25, 1.1),
                                  ("4 B allreduce, P=2 / raw exchange", 4, 1.5, 1.2)):
        for c, line in lines.items():
            if (c.ranks, c.call, c.size) == (2, "allreduce", pick) and "p50" in line.get("raw", {}) and "p50" in line["tutti"]:
                r = line["tutti"]["p50"] / line["raw"]["p50"]
                print(f"  {name:<41} {r:>6.2f}  {must:>5} {aim:>5}  {int(r > must):>4}")
                answer.append({"regime": name, "cells": 1, "worst": r, "must": must, "aim": aim})
    for entry in answer:
        if entry.get("missed"):
            print(f"# {entry['regime']}, above {entry['must']}: " +
                  ", ".join(f"{c} {r:.2f}" for c, r in entry["missed"].items()))
    unmeasured = [str(c) for c, line in lines.items() if not ratio(line)]
    if unmeasured:
        print("# no ratio: " + ", ".join(unmeasured))
    return answer


def near_floor(line):
    return "p50" in line.get("raw", {}) and line["tutti"]["p50"] <= 1.2 * line["raw"]["p50"]


def choices(measured):
    """Where the automatic choice is more than 1.15 times slower than the best forced algorithm."""
    lost, judged = [], 0
    for cell, results in measured.items():
        times = {variant: statistics.median(r["p50"] for r in rounds if "p50" in r)
                 for (library, variant), rounds in results.items()
                 if library == "tutti" and any("p50" in r for r in rounds)}
        own = times.pop("best", None)
        if own and times:
            best = min(times, key=times.get)
            judged += 1
            if own > 1.15 * times[best]:
                lost.append((own / times[best], f"{cell}: {own:.1f} us, {best} {times[best]:.1f} us"))
    print(f"\n# the automatic choice is above 1.15 of the best algorithm in {len(lost)} of {judged} cells")
    for of, line in sorted(lost, reverse=True):
        print(f"  {of:.2f}  {line}")
