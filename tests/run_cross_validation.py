#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""run_cross_validation.py program: cross-validates on a small made-up data set with 1 to 5 processes."""
import gzip
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile

SAMPLES, FOLDS = 211, 4  # nothing divides anything
failures = 0


def expect(truth, what):
    global failures
    if not truth:
        failures += 1
        print("FAILED:", what)


def write_idx(path, shape, values):
    header = struct.pack(">BBBB", 0, 0, 8, len(shape)) + b"".join(struct.pack(">I", n) for n in shape)
    path.write_bytes(gzip.compress(header + values, 1))


def write_data(folder):
    source = random.Random(7)
    labels = bytes(source.randrange(10) for _ in range(SAMPLES))
    shown = [label if source.random() < 0.7 else source.randrange(10) for label in labels]  # accuracy is not 1
    images = b"".join(bytes(source.randrange(256) if p % 10 == s else 0 for p in range(784)) for s in shown)
    write_idx(folder / "train-images-idx3-ubyte.gz", [SAMPLES, 28, 28], images)
    write_idx(folder / "train-labels-idx1-ubyte.gz", [SAMPLES], labels)


def main():
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TUTTI_")}

    def run(*arguments):
        return subprocess.run([os.path.abspath(sys.argv[1]), *map(str, arguments)], env=environment,
                              capture_output=True, text=True, timeout=60)

    with tempfile.TemporaryDirectory(prefix="tutti-folds-") as name:
        folder = pathlib.Path(name)
        write_data(folder)
        shown = set()
        for np, groups in ((1, 0), (2, 0), (3, 0), (4, 4), (5, 2)):
            picture = folder / "rates.svg"
            done = run("--np", np, "--groups", groups, "--folds", FOLDS, "--rates", "1e-6,0.01", "--svg", picture,
                       "--data", folder)
            expect(done.returncode == 0, f"--np {np} succeeds: {done.stderr}")
            lines = [line for line in done.stdout.splitlines() if " models on " not in line]
            shown.add("\n".join(lines))
            rows = [[float(x) for x in line.split()] for line in lines if re.match(r" *[01.e]", line)]
            expect([row[0] for row in rows] == [1e-6, 0.01], f"--np {np} has a row for each rate: {rows}")
            for rate, mean, deviation, *folds in rows:
                expect(len(folds) == FOLDS and abs(sum(folds) / FOLDS - mean) < 1e-4, f"--np {np}: {mean} of {folds}")
            expect(rows[0][1] < rows[1][1] and lines[-1].startswith("best=0.01 "), f"--np {np} finds the better rate")
            drawn = picture.read_text(encoding="utf-8") if picture.exists() else ""
            expect(drawn.count("<circle") == 2 * FOLDS, f"--np {np} draws every fold")
        expect(len(shown) == 1, f"any number of processes and groups prints the same: {shown}")
        for wrong in (["--folds", 1], ["--data", "/nowhere/at/all"], ["--rate", 3]):
            done = run(*wrong)
            expect(done.returncode != 0 and done.stdout == "" and len(done.stderr.splitlines()) == 1, f"{wrong} is refused")
    print(f"{failures} broken promises")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
