# SPDX-License-Identifier: BSL-1.0
"""What is measured: calls, sizes and ranks. The size of a cell is the longest buffer of a rank, as in nccl-tests."""

import dataclasses

KIB, MIB = 1 << 10, 1 << 20
CALLS = ["allreduce", "broadcast", "reduce", "scatter", "gather", "allgather", "reduce_scatter", "alltoall", "barrier"]
WHOLE = {"allreduce": "the buffer of each rank", "broadcast": "the buffer", "reduce": "the buffer of each rank"}
SIZE_MEANS = {**WHOLE, "scatter": "all blocks, at the root", "gather": "all blocks, at the root",
              "allgather": "all blocks gathered, on each rank", "reduce_scatter": "all blocks folded, on each rank",
              "alltoall": "all blocks sent by a rank", "barrier": "no data"}
QUICK = [4, KIB, 5 * KIB, 16 * KIB, 256 * KIB, 4 * MIB]
FULL = [3, 4, 16, 64, 256, KIB, 4 * KIB, 5 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, MIB + 4, 4 * MIB, 16 * MIB,
        64 * MIB]
MOST_AT_8 = 4 * MIB


@dataclasses.dataclass(frozen=True)
class Cell:
    ranks: int
    call: str
    size: int  # bytes asked for

    @property
    def kind(self):
        return "float" if self.size % 4 == 0 else "uint8"

    @property
    def width(self):
        return 4 if self.kind == "float" else 1

    @property
    def count(self):
        """Elements of the buffer, or of one of P blocks, at least one."""
        if self.call == "barrier":
            return 0
        return self.size // self.width if self.call in WHOLE else max(1, self.size // self.width // self.ranks)

    @property
    def bytes(self):
        """Bytes of the longest buffer as it is."""
        return self.count * self.width * (1 if self.call in WHOLE else self.ranks)

    @property
    def bus_factor(self):
        p = self.ranks
        return {"allreduce": 2 * (p - 1) / p, "broadcast": 1, "reduce": 1}.get(self.call, (p - 1) / p)

    def __str__(self):
        return f"{self.call} {size_name(self.size)} P={self.ranks}"


def grid(ranks, calls, sizes):
    cells = []
    for p in ranks:
        for call in calls:
            fitting = [0] if call == "barrier" else [n for n in sizes if p < 8 or n <= MOST_AT_8]
            cells += [Cell(p, call, n) for n in fitting]
    return cells


def size_of(text):
    """Bytes: "4", "16K", "1M+4"."""
    units = {"K": KIB, "M": MIB, "G": KIB * MIB}
    return sum(int(part[:-1]) * units[part[-1].upper()] if part[-1].upper() in units else int(part)
               for part in text.split("+"))


def size_name(n):
    for unit, name in ((MIB, "MiB"), (KIB, "KiB")):
        if n >= unit:
            return f"{n // unit} {name}" + (f" + {n % unit}" if n % unit else "")
    return f"{n} B"
