#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""run_wordcount.py program: counts a made-up text with 1 to 5 processes, and compares with a count in Python."""
import collections
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

failures = 0


def expect(truth, what):
    global failures
    if not truth:
        failures += 1
        print("FAILED:", what)


def run(*arguments):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TUTTI_")}
    return subprocess.run([os.path.abspath(sys.argv[1]), *map(str, arguments)], env=environment, capture_output=True,
                          text=True, encoding="utf-8", timeout=60)


def write_texts(folder):
    source = random.Random(11)
    vocabulary = ["The", "the", "größe", "it's", "end-of-line", *(f"w{'abcdefghij'[i % 10] * (i // 10 + 1)}" for i in range(60))]
    texts = []
    for number, newline in enumerate(("\n", "\r\n", "\n")):
        lines = [" ".join(source.choices(vocabulary, k=source.randrange(9))) for _ in range(400 * number + 1)]
        texts.append(newline.join(lines))  # no line end behind the last one
        (folder / f"text{number}").write_bytes(texts[-1].encode())
    (folder / "empty").write_bytes(b"")
    (folder / "again").symlink_to("text1")
    return texts


def main():
    with tempfile.TemporaryDirectory(prefix="tutti-words-") as name:
        folder = pathlib.Path(name) / "data"
        folder.mkdir()
        words = []
        for text in write_texts(folder):
            words += re.findall(r"[a-z\x80-\U0010ffff]+", re.sub("[A-Z]", lambda m: m[0].lower(), text))
        counts = collections.Counter(words)
        ranking = sorted(counts.items(), key=lambda item: (-item[1], item[0].encode()))
        last = set()
        for np in (1, 2, 3, 4, 5):
            picture = folder.parent / "top.svg"
            done = run("--np", np, "--top", 7, "--svg", picture, folder)
            expect(done.returncode == 0, f"--np {np} succeeds: {done.stderr}")
            shown = re.findall(r"^ *\d+  (\S+) +(\d+) ", done.stdout, re.MULTILINE)
            expect([(w, int(n)) for w, n in shown] == ranking[:7], f"--np {np} shows the most frequent words: {shown}")
            line = (done.stdout.splitlines() or [""])[-1]
            expect(line.startswith(f"words={len(words)} different={len(counts)} hash="), f"--np {np} counts: {line}")
            last.add(line)
            drawn = picture.read_text(encoding="utf-8") if picture.exists() else ""
            expect(drawn.count("<rect") == 7 and ranking[0][0] in drawn, f"--np {np} draws them")
        expect(len(last) == 1, f"any number of processes ends with one line: {last}")
        (folder / "text0").write_text("another")
        expect(run("--np", 2, folder).stdout.splitlines()[-1] not in last, "another text gives another hash")
        for wrong in (["/nowhere/at/all"], ["--top", 0], [folder.parent / "top.svg", "--tops", 3]):
            done = run(*wrong)
            expect(done.returncode != 0 and done.stdout == "" and len(done.stderr.splitlines()) == 1, f"{wrong} is refused")
    print(f"{failures} broken promises")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
