#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Draws docs/img/bench-P-light.svg and -dark.svg for every P in the JSON of `./dev bench --json`: time over size of
each call, one line per library, both axes logarithmic.
"""

import json
import math
import pathlib
import sys

from cells import KIB, MIB

OUT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "img"
LINES = {"tutti": "tutti", "openmpi": "Open MPI", "gloo": "Gloo", "mpich": "MPICH", "raw": "bare sockets"}
THEMES = {
    "light": {"text": "#1f2328", "faint": "#656d76", "grid": "#d8dee4", "tutti": "#c2410c", "openmpi": "#2563a8",
              "gloo": "#3f8f4f", "mpich": "#8250a8", "raw": "#8c959f"},
    "dark": {"text": "#e6edf3", "faint": "#8d96a0", "grid": "#30363d", "tutti": "#fb8c4b", "openmpi": "#6cb0f5",
             "gloo": "#6cc07c", "mpich": "#c297e8", "raw": "#6e7681"},
}
WIDTH, HEIGHT, GAP_X, GAP_Y, LEFT, TOP, COLUMNS = 190, 130, 52, 58, 52, 64, 4
TICKS = {4: "4 B", KIB: "1 K", 256 * KIB: "256 K", 64 * MIB: "64 M"}


def power_name(us):
    return f"{us:g} us" if us < 1000 else f"{us / 1000:g} ms" if us < 1e6 else f"{us / 1e6:g} s"


def text(x, y, words, colour, anchor="middle", size=11, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}" text-anchor="{anchor}" '
            f'font-weight="{weight}">{words}</text>')


def panel(x, y, call, points, theme):
    """`points`: {library: [(bytes, us)]}."""
    sizes = [n for line in points.values() for n, _ in line]
    times = [us for line in points.values() for _, us in line]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    first, last = math.log2(min(sizes)), max(math.log2(max(sizes)), math.log2(min(sizes)) + 1)
    at = lambda n, us: (x + WIDTH * (math.log2(n) - first) / (last - first),
                        y + HEIGHT * (1 - (math.log10(us) - low) / (high - low)))
    out = [text(x + WIDTH / 2, y - 10, call, theme["text"], size=13, weight="bold")]
    for power in range(low, high + 1):
        _, at_y = at(min(sizes), 10.0**power)
        out.append(f'<path d="M{x} {at_y:.1f}h{WIDTH}" stroke="{theme["grid"]}"/>')
        out.append(text(x - 5, at_y + 4, power_name(10**power), theme["faint"], "end", 10))
    for n, name in TICKS.items():
        if first <= math.log2(n) <= last:
            out.append(text(at(n, 10.0**low)[0], y + HEIGHT + 14, name, theme["faint"], size=10))
    for library in reversed(LINES):
        if points.get(library):
            path = " ".join(f"{'ML'[i > 0]}{px:.1f} {py:.1f}" for i, (px, py) in
                            enumerate(at(n, us) for n, us in sorted(points[library])))
            style = 'stroke-width="2.4"' if library == "tutti" else 'stroke-width="1.4"'
            dash = ' stroke-dasharray="3 3"' if library == "raw" else ""
            out.append(f'<path d="{path}" fill="none" stroke="{theme[library]}" {style}{dash}/>')
    return out


def draw(cells, ranks, about, theme):
    calls = [c for c in dict.fromkeys(cell["call"] for cell in cells) if c != "barrier"]
    points = {call: {} for call in calls}
    for cell in cells:
        for library, line in cell["best"].items():
            if cell["call"] in points and library in LINES and "p50" in line:
                points[cell["call"]].setdefault(library, []).append((cell["size"], line["p50"]))
    calls = [c for c in calls if points[c]]
    rows = -(-len(calls) // COLUMNS)
    width, height = LEFT + min(len(calls), COLUMNS) * (WIDTH + GAP_X), TOP + rows * (HEIGHT + GAP_Y)
    words = f"Time of a call over its size, {ranks} ranks on {about['cores']} cores, loopback TCP"
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
           'font-family="ui-sans-serif, system-ui, Helvetica, Arial, sans-serif">', f"<title>{words}</title>"]
    x = LEFT
    for library, name in LINES.items():
        if any(library in lines for lines in points.values()):
            dash = ' stroke-dasharray="3 3"' if library == "raw" else ""
            out.append(f'<path d="M{x} 18h22" stroke="{theme[library]}" stroke-width="2.4"{dash}/>')
            out.append(text(x + 28, 22, name, theme["text"], "start", 12))
            x += 44 + 8 * len(name)
    for i, call in enumerate(calls):
        out += panel(LEFT + i % COLUMNS * (WIDTH + GAP_X), TOP + i // COLUMNS * (HEIGHT + GAP_Y), call, points[call], theme)
    return "\n".join([*out, "</svg>", ""])


def main():
    if len(sys.argv) != 2:
        sys.exit("plot.py: give the JSON file that ./dev bench --json wrote")
    numbers = json.loads(pathlib.Path(sys.argv[1]).read_text())
    for ranks in sorted({c["ranks"] for c in numbers["cells"]}):
        cells = [c for c in numbers["cells"] if c["ranks"] == ranks]
        for name, theme in THEMES.items():
            path = OUT / f"bench-{ranks}-{name}.svg"
            path.write_text(draw(cells, ranks, numbers["machine"], theme), encoding="utf-8", newline="\n")
            print(path)


if __name__ == "__main__":
    main()
