# SPDX-License-Identifier: BSL-1.0
"""One rank per network namespace on one bridge, every link limited by tbf both ways: what share of the bandwidth bound
is reached?

The bound of a call is the time its busiest link needs: (bytes * 1514 / 1448 - burst) / rate, the bytes of the best
possible algorithm, full duplex, with the headers of an Ethernet frame of 1448 bytes of data.
"""

import json
import os
import pathlib
import subprocess

from cells import MIB, Cell, size_name
from contenders import CONTENDERS, Failed, Worker, build, first_of

BURST = 128 << 10
CALLS = {"allreduce": 0.93, "reduce_scatter": 0.93, "allgather": 0.93, "alltoall": 0.93, "broadcast": 0.9, "reduce": 0.9}
RATES = {"100 Mbit/s": (100e6, "100mbit", [8 * MIB]), "1 Gbit/s": (1e9, "1gbit", [8 * MIB, 64 * MIB])}


class Network:
    """P namespaces and one for the bridge; gone after the with block, links and all."""

    def __init__(self, ranks, rate):
        self.name, self.ranks, self.rate = f"tuttibench{os.getpid()}", ranks, rate

    def ip(self, *words):
        subprocess.run(["ip", *words], check=True, capture_output=True, text=True)

    def __enter__(self):
        limit = ["root", "tbf", "rate", self.rate, "burst", str(BURST), "latency", "50ms"]
        hub = f"{self.name}h"
        try:
            self.ip("netns", "add", hub)
            self.ip("-n", hub, "link", "add", "bridge", "type", "bridge")
            self.ip("-n", hub, "link", "set", "bridge", "up")
            for r in range(self.ranks):
                space = f"{self.name}r{r}"
                self.ip("netns", "add", space)
                self.ip("-n", hub, "link", "add", f"port{r}", "type", "veth", "peer", "name", "eth0", "netns", space)
                self.ip("-n", space, "address", "add", f"10.203.0.{r + 1}/24", "dev", "eth0")
                for at, device in ((space, "lo"), (space, "eth0"), (hub, f"port{r}")):
                    self.ip("-n", at, "link", "set", device, "up")
                self.ip("-n", hub, "link", "set", f"port{r}", "master", "bridge")
                for at, device in ((space, "eth0"), (hub, f"port{r}")):
                    subprocess.run(["tc", "-n", at, "qdisc", "add", "dev", device, *limit], check=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for space in [f"{self.name}r{r}" for r in range(self.ranks)] + [f"{self.name}h"]:
            subprocess.run(["ip", "netns", "del", space], capture_output=True)

    def wrap(self, command):
        """One process per rank, each in its namespace, told by its environment where to join."""
        program = [command[0], *command[command.index("--control"):]]
        told = {"TUTTI_WORLD_SIZE": str(self.ranks), "TUTTI_LOCAL_RANK": "0", "TUTTI_LOCAL_SIZE": "1",
                "TUTTI_ROOT": "10.203.0.1:7000", "TUTTI_JOB_ID": self.name, "TUTTI_TRUSTED_NETWORK": "1"}
        return ([["ip", "netns", "exec", f"{self.name}r{r}", *program] for r in range(self.ranks)],
                [{**told, "TUTTI_RANK": str(r)} for r in range(self.ranks)])


def bound_us(cell, rate):
    return (cell.bytes * cell.bus_factor * 1514 / 1448 - BURST) * 8 / rate * 1e6


def main(a, flags):
    if os.geteuid() != 0 or not first_of("ip") or not first_of("tc"):
        print("bench: --links skipped: it needs root, ip and tc (iproute2) to make network namespaces")
        return 0
    tutti = next(c for c in CONTENDERS if c.name == "tutti")
    program = build([tutti], a.build, flags)["tutti"]
    ranks = a.ranks[0] if len(a.ranks) == 1 else 4
    print(f"# {ranks} ranks in namespaces of their own, tbf burst {BURST} both ways; share = bound / time\n"
          f"# {'link':<12} {'call':<15} {'size':>8} {'time (ms)':>10} {'bound (ms)':>10} {'share':>6} {'must':>5} {'#wrong':>6}")
    found, missed = [], 0
    for name, (rate, word, sizes) in RATES.items():
        with Network(ranks, word) as network:
            worker = Worker(tutti, program, ranks, network.wrap)
            try:
                for cell in (Cell(ranks, call, n) for call in a.only if call in CALLS for n in sizes):
                    bound = bound_us(cell, rate)
                    try:
                        got = worker.ask(cell.call, cell.kind, cell.count, 0.5, "best", 30 + bound * 60 / 1e6)
                    except Failed as problem:
                        worker.stop()
                        got = {"failed": str(problem)}
                    share = bound / got["p50"] if "p50" in got else 0
                    missed += share < CALLS[cell.call]
                    print(f"  {name:<12} {cell.call:<15} {size_name(cell.size):>8} " +
                          (f"{got['p50'] / 1e3:>10.1f} {bound / 1e3:>10.1f} {share:>6.3f} {CALLS[cell.call]:>5} "
                           f"{got['wrong']:>6}" if "p50" in got else got["failed"]), flush=True)
                    found.append({"link": name, "ranks": ranks, "call": cell.call, "bytes": cell.bytes, "bound_us": bound,
                                  "share": share, **got})
            finally:
                worker.stop()
    print(f"# {missed} of {len(found)} below what they must reach")
    if a.json:
        pathlib.Path(a.json).write_text(json.dumps({"links": found}, indent=1) + "\n")
    return 1 if any("failed" in f or f["wrong"] for f in found) else 0
