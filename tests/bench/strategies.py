#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Trains fashion_mnist by every strategy on 1, 2 and 4 processes; prints the table of docs/strategies.md and draws
docs/img/strategies-light.svg and -dark.svg.

    tests/bench/strategies.py build/default/examples/fashion_mnist      some minutes; needs an idle machine
"""
import pathlib
import re
import subprocess
import sys
import time

from plot import text

OUT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "img"
STRATEGIES = ["data", "zero1", "zero2", "zero3", "int8", "topk", "tensor", "pipeline", "server", "local", "gossip"]
RANKS = [1, 2, 4]
LAST = re.compile(r"accuracy=([01]\.\d+) model=([0-9a-f]{16})")
ROW = re.compile(r"^ *\d+ +\d+ +(\d+) +\d+%$", re.MULTILINE)
THEMES = {"light": {"text": "#1f2328", "faint": "#656d76", "bar": "#2563a8", "bytes": "#c2410c"},
          "dark": {"text": "#e6edf3", "faint": "#8d96a0", "bar": "#6cb0f5", "bytes": "#fb8c4b"}}
LINE, NAME, WIDTH, GAP, TOP = 24, 84, 210, 70, 40


def train(program, strategy, ranks):
    """Seconds, megabytes sent by all, accuracy, hash: the fastest of two runs."""
    best = None
    for _ in range(2):
        start = time.monotonic()
        out = subprocess.run([program, "--np", str(ranks), "--strategy", strategy], check=True, capture_output=True,
                             text=True).stdout
        took = time.monotonic() - start
        accuracy, model = LAST.search(out).groups()
        sent = sum(map(int, ROW.findall(out))) / 1e6
        if best is None or took < best[0]:
            best = took, sent, float(accuracy), model
    return best


def draw(results, ranks, theme):
    rows = [(s, *results[s][ranks]) for s in STRATEGIES]
    words = f"Five epochs of Fashion-MNIST on {ranks} processes: seconds, megabytes sent by all of them, and accuracy"
    height = TOP + LINE * len(rows) + 8
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {NAME + 2 * (WIDTH + GAP) + 90} {height}" role="img" '
           'font-family="ui-sans-serif, system-ui, Helvetica, Arial, sans-serif">', f"<title>{words}</title>"]
    columns = [(1, "seconds", "bar", "{:.1f}"), (2, "megabytes sent", "bytes", "{:.0f}")]
    for i, (column, title, colour, form) in enumerate(columns):
        x, most = NAME + i * (WIDTH + GAP), max(row[column] for row in rows)
        out.append(text(x, 20, title, theme["text"], "start", 13, "bold"))
        for line, row in enumerate(rows):
            y, long = TOP + LINE * line, WIDTH * row[column] / most
            out.append(f'<rect x="{x}" y="{y}" width="{long:.1f}" height="14" fill="{theme[colour]}"/>')
            out.append(text(x + long + 5, y + 11, form.format(row[column]), theme["faint"], "start"))
    x = NAME + 2 * (WIDTH + GAP)
    out.append(text(x, 20, "accuracy", theme["text"], "start", 13, "bold"))
    for line, row in enumerate(rows):
        y = TOP + LINE * line + 11
        out += [text(NAME - 8, y, row[0], theme["text"], "end", 12),
                text(x, y, f"{row[3]:.4f}", theme["faint"], "start", 12)]
    return "\n".join([*out, "</svg>", ""])


def main():
    results = {s: {p: train(sys.argv[1], s, p) for p in RANKS} for s in STRATEGIES}
    print("| | " + " | ".join(f"{p} process{'es' if p > 1 else ''}" for p in RANKS) + " |\n|---|" + "---|" * len(RANKS))
    alone = results["data"][1][3]
    for s, by in results.items():
        cells = [f"{took:.1f} s, {sent:.0f} MB, {accuracy:.4f}{' =' if model == alone else ''}"
                 for took, sent, accuracy, model in (by[p] for p in RANKS)]
        print(f"| `{s}` | " + " | ".join(cells) + " |")
    for name, theme in THEMES.items():
        (OUT / f"strategies-{name}.svg").write_text(draw(results, 4, theme), encoding="utf-8")


if __name__ == "__main__":
    main()
