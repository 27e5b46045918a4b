#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""run_fashion_mnist.py program: trains on a small made-up data set with 1 to 5 processes; starts it in wrong ways."""
import gzip
import os
import pathlib
import pty
import random
import re
import struct
import subprocess
import sys
import tempfile

TRAIN, TEST, EPOCHS, BATCH, SLOTS = 203, 57, 2, 16, 8  # nothing divides anything
PIXELS = 28 * 28
LAST_LINE = re.compile(r"accuracy=[01]\.\d{4} model=[0-9a-f]{16}")
ROW = re.compile(r"^ *(\d+) +(\d+) +(\d+) +\d+%$", re.MULTILINE)

program = None
failures = []


def expect(truth, what):
    if not truth:
        failures.append(what)
        print("FAILED:", what)


def write_idx(path, shape, values):
    header = struct.pack(">BBBB", 0, 0, 8, len(shape)) + b"".join(struct.pack(">I", n) for n in shape)
    path.write_bytes(gzip.compress(header + values, 1))


def write_data(directory):
    source = random.Random(7)
    for stem, n in (("train", TRAIN), ("t10k", TEST)):
        labels = bytes(source.randrange(10) for _ in range(n))
        shown = [label if source.random() < 0.7 else source.randrange(10) for label in labels]  # accuracy is not 1
        images = b"".join(bytes(source.randrange(256) if p % 10 == s else 0 for p in range(PIXELS)) for s in shown)
        write_idx(directory / f"{stem}-images-idx3-ubyte.gz", [n, 28, 28], images)
        write_idx(directory / f"{stem}-labels-idx1-ubyte.gz", [n], labels)


def environment(**more):
    return {k: v for k, v in os.environ.items() if not k.startswith("TUTTI_") and k != "NO_COLOR"} | more


def run(*arguments):
    return subprocess.run([program, *map(str, arguments)], env=environment(), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace", timeout=60)


def train(data, *arguments):
    """What it printed; its last line must have the promised form."""
    ran = run("--data", data, "--epochs", EPOCHS, "--batch", BATCH, *arguments)
    lines = ran.stdout.splitlines() or [""]
    if ran.returncode != 0 or not LAST_LINE.fullmatch(lines[-1]):
        print(ran.stdout, ran.stderr)
    expect(ran.returncode == 0, f"{arguments} exits with 0")
    expect(LAST_LINE.fullmatch(lines[-1]), f"{arguments} ends with accuracy=… model=…")
    return ran.stdout, lines[-1]


def printed_on_a_terminal(data, **more):
    ours, theirs = pty.openpty()
    with subprocess.Popen([program, "--data", data, "--epochs", "1", "--np", "2"], env=environment(**more),
                          stdin=subprocess.DEVNULL, stdout=theirs) as process:
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 65536):
                text += piece
        except OSError:  # how Linux reports that the other side is closed
            pass
        os.close(ours)
    expect(process.returncode == 0, "on a terminal it exits with 0")
    return text


def same_model_at_any_number_of_processes(data):
    _, alone = train(data)
    for np in (1, 2, 3, 4, 5):
        out, last = train(data, "--np", np)
        expect(last == alone, f"--np {np} ends with the line of a run without --np: {last} and {alone}")
        expect("\r" not in out and "\x1b" not in out, f"--np {np}: no progress bar where stdout is no terminal")
        rows = [tuple(map(int, row)) for row in ROW.findall(out)]
        expect([row[0] for row in rows] == list(range(np)), f"--np {np}: the table has one row for each rank")
        expect(sum(row[1] for row in rows) == EPOCHS * TRAIN, f"--np {np}: each sample is computed on one rank: {rows}")
        most = EPOCHS * -(-TRAIN // BATCH) * -(-SLOTS // np) * -(-BATCH // SLOTS)
        expect(max(row[1] for row in rows) <= most, f"--np {np}: no rank computes more than its slots: {rows}")
        expect(all((row[2] > 0) == (np > 1) for row in rows), f"--np {np}: bytes are sent where others are: {rows}")
    fewer_slots_than_ranks = train(data, "--np", 5, "--slots", 3)[1]
    expect(fewer_slots_than_ranks == train(data, "--slots", 3)[1], "--slots 3 gives one model on 1 and on 5 processes")
    # Controls: the hash is one of the weights.
    expect(fewer_slots_than_ranks != alone, "another number of slots gives other bits")
    expect(train(data, "--seed", 2)[1] != alone, "another seed gives another model")


def same_model_by_every_exact_strategy(data):
    _, alone = train(data)
    _, few_slots = train(data, "--slots", 3)
    for strategy in ("zero1", "zero2", "zero3", "pipeline"):
        for np in (1, 2, 3, 4):
            last = train(data, "--np", np, "--strategy", strategy)[1]
            expect(last == alone, f"--strategy {strategy} --np {np} ends with the line of one process: {last} and {alone}")
        last = train(data, "--np", 5, "--strategy", strategy, "--slots", 3)[1]
        expect(last == few_slots, f"--strategy {strategy}: three slots on five processes: {last} and {few_slots}")


def every_strategy_computes_every_sample(data):
    for strategy, times in (("tensor", 4), ("int8", 1), ("topk", 1), ("server", 1), ("local", 1), ("gossip", 1)):
        alone = train(data, "--strategy", strategy)[1]
        out, last = train(data, "--np", 4, "--strategy", strategy)
        rows = [tuple(map(int, row)) for row in ROW.findall(out)]
        expect(sum(row[1] for row in rows) == EPOCHS * TRAIN * times, f"{strategy}: every sample is computed: {rows}")
        expect(last != alone, f"{strategy}: on four processes sums run another way, and the hash shows it: {last}")


def progress_bar(data):
    expect(b"\r" in printed_on_a_terminal(data), "a terminal shows a progress bar")
    silent = printed_on_a_terminal(data, NO_COLOR="1").replace(b"\r\n", b"\n")
    expect(b"\r" not in silent and b"\x1b" not in silent, "NO_COLOR silences it")


def refused(what, says, *arguments):
    ran = run(*arguments)
    one_sentence = len(ran.stderr.splitlines()) == 1 and ran.stdout == ""
    expect(ran.returncode > 0, f"{what}: exit code {ran.returncode} instead of a failure")
    expect(one_sentence and says in ran.stderr, f"{what}: one sentence with '{says}', not {ran.stdout + ran.stderr!r}")


def wrong_starts(data):
    refused("an unknown option", "--epoch", "--epoch", 3)
    refused("an unknown option behind --np", "--bogus", "--np", 2, "--bogus", 3)
    refused("a word too many", "fast", "fast")
    refused("an unknown strategy", "--strategy", "--strategy", "luck")
    refused("a missing directory", "/nowhere/at/all does not exist", "--data", "/nowhere/at/all", "--np", 2)
    for np in ("0", "x", "-2", "1.5"):
        refused(f"--np {np}", f"'{np}' is not a whole number", "--data", data, "--np", np)
    refused("--np without a number", "--np", "--data", data, "--np")
    for option in ("--epochs", "--batch", "--slots"):
        refused(f"{option} 0", option, "--data", data, option, 0)
    refused("a negative seed", "--seed", "--data", data, "--seed", -1)


def damaged_files(data, scratch):
    files = sorted(path.name for path in data.iterdir())
    assert len(files) == 4
    for damaged in files:
        copy = scratch / f"without-{damaged}"
        copy.mkdir()
        for name in files:
            (copy / name).write_bytes((data / name).read_bytes())
        whole = gzip.decompress((copy / damaged).read_bytes())
        (copy / damaged).write_bytes(gzip.compress(whole[:-1]))
        refused(f"{damaged} one byte too short", f"{damaged} is truncated", "--data", copy, "--np", 2)
        (copy / damaged).write_bytes((data / damaged).read_bytes()[:-20])
        refused(f"{damaged} cut within its gzip stream", f"{damaged} is truncated", "--data", copy)
        (copy / damaged).write_bytes(b"these are no images, but a few plain words")
        refused(f"{damaged} of something else", f"{damaged} is not an idx file", "--data", copy)
        (copy / damaged).unlink()
        refused(f"no {damaged}", f"{damaged} cannot be opened", "--data", copy)


def main():
    global program
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="tutti-fashion-") as name:
        scratch = pathlib.Path(name)
        data = scratch / "data"
        data.mkdir()
        write_data(data)
        same_model_at_any_number_of_processes(data)
        same_model_by_every_exact_strategy(data)
        every_strategy_computes_every_sample(data)
        progress_bar(data)
        wrong_starts(data)
        damaged_files(data, scratch)
    print(f"{len(failures)} broken promises")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
