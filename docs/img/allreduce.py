#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Draws allreduce-light.svg and allreduce-dark.svg: the direct plan of an allreduce on three ranks, every message in it.

The arrows follow plan/allreduce.hpp: rank r sends part q of its vector to rank q, which folds r0, r1, r2 and sends the
sum of that part to everybody else. --check compares instead of writing.
"""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
RANKS = 3
CELL_W, CELL_H, LANE, TOP = 66, 24, 108, 62
LEFT, MIDDLE, RIGHT = 84, 396, 708
THEMES = {
    "light": {"text": "#1f2328", "faint": "#656d76", "edge": "#1f2328", "rank": ["#4c8dd6", "#e59a3c", "#5aa469"]},
    "dark": {"text": "#e6edf3", "faint": "#8d96a0", "edge": "#e6edf3", "rank": ["#3f7fc7", "#c9822b", "#4a8f59"]},
}


def middle_of(lane, part):
    return TOP + lane * LANE + part * CELL_H + CELL_H / 2


def cell(x, lane, part, colours, theme):
    """One part of a vector, one stripe per rank whose contribution it holds."""
    y = TOP + lane * LANE + part * CELL_H
    width = CELL_W / len(colours)
    for i, colour in enumerate(colours):
        yield f'<rect x="{x + i * width:g}" y="{y}" width="{width:g}" height="{CELL_H}" fill="{theme["rank"][colour]}"/>'
    yield f'<rect x="{x}" y="{y}" width="{CELL_W}" height="{CELL_H}" fill="none" stroke="{theme["edge"]}"/>'


def arrow(x1, y1, x2, y2, colour, own=False):
    bend = (x2 - x1) * 0.45
    style = 'stroke-dasharray="3 4"' if own else f'marker-end="url(#tip{colour["name"]})"'
    return (f'<path d="M{x1:g} {y1:g} C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}" fill="none" '
            f'stroke="{colour["value"]}" stroke-width="1.8" {style}/>')


def text(x, y, words, colour, size=13, anchor="middle", weight="normal"):
    return (f'<text x="{x}" y="{y}" fill="{colour}" font-size="{size}" text-anchor="{anchor}" '
            f'font-weight="{weight}">{words}</text>')


def draw(theme):
    everyone = list(range(RANKS))
    tips = [{"name": str(r), "value": theme["rank"][r]} for r in everyone] + [{"name": "s", "value": theme["faint"]}]
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 830 410" role="img" '
           'font-family="ui-sans-serif, system-ui, Helvetica, Arial, sans-serif">',
           "<title>The direct plan of an allreduce on three ranks</title>", "<defs>"]
    for tip in tips:
        out.append(f'<marker id="tip{tip["name"]}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
                   f'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="{tip["value"]}"/></marker>')
    out.append("</defs>")
    for x, words in ((LEFT, "each rank's vector, in parts"), (MIDDLE, "one owner per part folds"),
                     (RIGHT, "the sum, on every rank")):
        out.append(text(x + CELL_W / 2, 34, words, theme["text"], weight="bold"))
    for r in everyone:
        out.append(text(LEFT - 14, middle_of(r, 1) + 5, f"rank {r}", theme["text"], anchor="end"))
    for r in everyone:  # round one: part q of every rank goes to rank q
        for q in everyone:
            out.append(arrow(LEFT + CELL_W + 1, middle_of(r, q), MIDDLE - 2, middle_of(q, q), tips[r], own=r == q))
    for q in everyone:  # round two: the sum of part q goes to everybody
        for r in everyone:
            out.append(arrow(MIDDLE + CELL_W + 1, middle_of(q, q), RIGHT - 2, middle_of(r, q), tips[-1], own=r == q))
    for r in everyone:
        out.extend(cell(MIDDLE, r, r, everyone, theme))
        for q in everyone:
            out.extend(cell(LEFT, r, q, [r], theme))
            out.extend(cell(RIGHT, r, q, everyone, theme))
            out.append(text(LEFT + CELL_W / 2, middle_of(r, q) + 4.5, f"part {q}", theme["text"], size=12))
    below = 396
    for x, words in ((LEFT + CELL_W / 2, "send 2 blocks"), (MIDDLE + CELL_W / 2, "recv 2, fold r0 ∘ r1 ∘ r2, send 2"),
                     (RIGHT + CELL_W / 2, "recv 2 blocks")):
        out.append(text(x, below, words, theme["faint"], size=12))
    return "\n".join(out + ["</svg>", ""])


def main():
    stale = False
    for name, theme in THEMES.items():
        path, picture = HERE / f"allreduce-{name}.svg", draw(theme)
        if "--check" not in sys.argv[1:]:
            path.write_text(picture, encoding="utf-8", newline="\n")
        elif not path.is_file() or path.read_text(encoding="utf-8") != picture:
            print(f"{path.name} is stale: run docs/img/allreduce.py")
            stale = True
    return stale


if __name__ == "__main__":
    sys.exit(main())
