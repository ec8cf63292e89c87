#!/usr/bin/env python3
"""Draw lines from JSON lines, as an SVG: scripts/plot.py X TITLE SERIES... < figures.ndjson > plot.svg

X is the member on the horizontal axis (minute, people); `log:people` makes that axis logarithmic. A SERIES is a member, a panel
each, or several joined by commas on one panel. Lines of the input without X are left out. Needs nothing but Python."""
import json
import math
import sys

WIDTH, PANEL, LEFT, RIGHT, TOP, GAP = 760, 130, 70, 20, 40, 46
COLOURS = ["#005eb8", "#d5281b", "#007f3b", "#7c2855"]


def nice(most):
    """A round number at or above."""
    if most <= 0:
        return 1
    step = 10 ** math.floor(math.log10(most))
    return next(step * n for n in (1, 2, 2.5, 5, 10) if step * n >= most * 0.999)


def text(x, y, words, anchor="start", size=12, colour="#212b32"):
    words = str(words).replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{words}</text>'


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    x_name, title, panels = sys.argv[1], sys.argv[2], [series.split(",") for series in sys.argv[3:]]
    logarithmic = x_name.startswith("log:")
    x_name = x_name.removeprefix("log:")
    rows = [row for row in map(json.loads, filter(str.strip, sys.stdin)) if x_name in row]
    if not rows:
        sys.exit(f"no line has {x_name}")
    at = (lambda value: math.log10(value)) if logarithmic else float
    low, high = min(at(row[x_name]) for row in rows), max(at(row[x_name]) for row in rows)
    across = WIDTH - LEFT - RIGHT
    x = lambda value: LEFT + across * ((at(value) - low) / ((high - low) or 1))
    height = TOP + len(panels) * (PANEL + GAP)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" font-family="sans-serif">',
        f"<title>{title}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        text(LEFT, 22, title, size=15),
    ]
    for number, names in enumerate(panels):
        top = TOP + number * (PANEL + GAP) + 14
        most = nice(max((row[name] for row in rows for name in names if name in row), default=1))
        y = lambda value, top=top, most=most: top + PANEL * (1 - value / most)
        for part in (0, 0.5, 1):
            line = y(most * part)
            out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{line:.1f}" y2="{line:.1f}" stroke="#d8dde0"/>')
            out.append(text(LEFT - 6, line + 4, f"{most * part:g}", "end", 11))
        for place, name in enumerate(names):
            colour = COLOURS[place % len(COLOURS)]
            points = [(x(row[x_name]), y(row[name])) for row in rows if name in row]
            line = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
            out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
            if len(points) < 12:
                out.extend(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in points)
            out.append(text(LEFT + place * 200, top - 5, name, colour=colour))
        for row in (rows[0], rows[-1]):
            anchor = "start" if row is rows[0] else "end"
            out.append(text(x(row[x_name]), top + PANEL + 15, f"{row[x_name]:,.10g}", anchor, 11))
        out.append(text(LEFT + across / 2, top + PANEL + 15, x_name, "middle", 11))
    out.append("</svg>")
    print("\n".join(out))


main()
