#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Predicts allreduces on up to 10,000 hosts and draws docs/img/scaling-light.svg and -dark.svg; prints the table of
docs/simulation.md.

    tests/bench/scaling.py              predictions: some minutes
    tests/bench/scaling.py --loopback   measured beside predicted on this host: needs an idle one
"""
import math
import os
import pathlib
import subprocess
import sys
import tempfile

from plot import text

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIZES = {1024: "1 KiB", 64 << 10: "64 KiB", 1 << 20: "1 MiB"}
RANKS = [2, 8, 32, 128, 512, 1024, 4096, 8192, 10000]
MOST = {"direct": 1024, "ring": 1024}  # a million and more messages there
WAYS = ["star", "direct", "binomial", "doubling", "halving", "ring"]
THEMES = {
    "light": {"text": "#1f2328", "faint": "#656d76", "grid": "#d8dee4", "star": "#8c959f", "direct": "#c2410c",
              "binomial": "#2563a8", "doubling": "#3f8f4f", "halving": "#8250a8", "ring": "#b08800"},
    "dark": {"text": "#e6edf3", "faint": "#8d96a0", "grid": "#30363d", "star": "#6e7681", "direct": "#fb8c4b",
             "binomial": "#6cb0f5", "doubling": "#6cc07c", "halving": "#c297e8", "ring": "#e3b341"},
}
WIDTH, HEIGHT, GAP, LEFT, TOP = 230, 190, 62, 58, 66


def build(folder):
    program = pathlib.Path(folder) / "simulated"
    subprocess.run([os.environ.get("CXX", "g++"), "-std=c++20", "-O2", "-pthread", "-I", ROOT / "include", "-o", program,
                    ROOT / "tests/bench/simulated.cpp"], check=True)
    return program


def predict(program):
    """{bytes: {algorithm: [(ranks, microseconds)]}}."""
    points = {size: {} for size in SIZES}
    for size in SIZES:
        for way in WAYS:
            ranks = [p for p in RANKS if p <= MOST.get(way, p)]
            lines = subprocess.run([program, "scaling", way, str(size), *map(str, ranks)], check=True,
                                   capture_output=True, text=True).stdout.split("\n")
            points[size][way] = [(int(p), float(us)) for p, us, _ in map(str.split, filter(None, lines))]
    return points


def short(us):
    return f"{us:.0f} us" if us < 1000 else f"{us / 1000:.1f} ms" if us < 1e6 else f"{us / 1e6:.1f} s"


def table(points):
    shown = [8, 128, 1024, 10000]
    yield "| allreduce of | | " + " | ".join(f"{p:,} hosts" for p in shown) + " |"
    yield "|---|---|" + "---|" * len(shown)
    for size, ways in points.items():
        lines = {way: dict(line) for way, line in ways.items()}
        best = {p: min(told[p] for told in lines.values() if p in told) for p in shown}
        for way, told in lines.items():
            cells = ["" if told.get(p) is None else short(told[p]) if told[p] > best[p] else f"**{short(told[p])}**"
                     for p in shown]
            yield f"| {SIZES[size]} | {way} | " + " | ".join(cells) + " |"


def panel(x, size, ways, theme):
    times = [us for line in ways.values() for _, us in line]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    at = lambda p, us: (x + WIDTH * math.log2(p / 2) / math.log2(10000 / 2),
                        TOP + HEIGHT * (1 - (math.log10(us) - low) / (high - low)))
    out = [text(x + WIDTH / 2, TOP - 10, SIZES[size], theme["text"], size=13, weight="bold")]
    for power in range(low, high + 1):
        y = at(2, 10.0**power)[1]
        out += [f'<path d="M{x} {y:.1f}h{WIDTH}" stroke="{theme["grid"]}"/>',
                text(x - 5, y + 4, short(10.0**power).replace(".0", ""), theme["faint"], "end", 10)]
    for p in (2, 32, 512, 10000):
        out.append(text(at(p, 10.0**low)[0], TOP + HEIGHT + 15, f"{p:,}", theme["faint"], size=10))
    for way, line in ways.items():
        path = " ".join(f"{'ML'[i > 0]}{px:.1f} {py:.1f}" for i, (px, py) in enumerate(at(*point) for point in line))
        out.append(f'<path d="{path}" fill="none" stroke="{theme[way]}" stroke-width="2"/>')
    return out


def draw(points, theme):
    words = "Predicted time of an allreduce over the number of hosts, 10 Gbit/s Ethernet"
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + len(points) * (WIDTH + GAP)} '
           f'{TOP + HEIGHT + 28}" role="img" font-family="ui-sans-serif, system-ui, Helvetica, Arial, sans-serif">',
           f"<title>{words}</title>"]
    x = LEFT
    for way in WAYS:
        out += [f'<path d="M{x} 18h22" stroke="{theme[way]}" stroke-width="2.4"/>',
                text(x + 28, 22, way, theme["text"], "start", 12)]
        x += 48 + 8 * len(way)
    for i, (size, ways) in enumerate(points.items()):
        out += panel(LEFT + i * (WIDTH + GAP), size, ways, theme)
    return "\n".join([*out, "</svg>", ""])


def loopback(program):
    ways = ["star", "direct", "binomial", "doubling"]
    print("| ranks | bytes | " + " | ".join(ways) + " |\n|---|---|" + "---|" * len(ways))
    for ranks in (2, 4, 8):
        took, told = {}, {}
        for _ in range(5):
            lines = subprocess.run(["chrt", "-r", "1", program, "loopback", "--np", str(ranks)], check=True,
                                   capture_output=True, text=True).stdout.splitlines()
            for size, way, measured, predicted in map(str.split, lines):
                took.setdefault((int(size), way), []).append(float(measured))
                told[int(size), way] = float(predicted)
        for size in dict.fromkeys(size for size, _ in told):
            median = {way: sorted(took[size, way])[2] for way in ways}
            cells = [f"{median[way]:.0f} / {told[size, way]:.0f}" for way in ways]
            print(f"| {ranks} | {size:,} | " + " | ".join(cells) + " |")


def main():
    with tempfile.TemporaryDirectory() as folder:
        program = build(folder)
        if "--loopback" in sys.argv[1:]:
            return loopback(program)
        points = predict(program)
    print("\n".join(table(points)))
    for name, theme in THEMES.items():
        (ROOT / f"docs/img/scaling-{name}.svg").write_text(draw(points, theme), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
