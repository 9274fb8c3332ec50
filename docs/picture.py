"""Draws docs/picture.svg, the picture of the README: what a terminal of 100 columns shows of a real run.

    tmux new-session -d -s picture -x 100 -y 80 "thalweg train builtin:digits --out runs/digits-1; sleep 99"
    sleep 9; tmux capture-pane -p -t picture > runs/picture.txt; tmux kill-session -t picture
    python3 docs/picture.py runs/picture.txt
"""

import html
import sys
from pathlib import Path

SIZE, LEADING, MARGIN = 13, 17, 26
BACK, INK, DIM, BLUE, ORANGE = "#0f1720", "#e6edf3", "#8b9bab", "#5aa9ff", "#ffb454"


def colour(line):
    if line.startswith("$"):
        return BLUE
    if line.startswith("test ("):
        return ORANGE
    if line.startswith(("best constant", "linear model", "chosen", "  ", "note:")) and "│" not in line:
        return DIM
    return INK


def shown(lines):
    """The transcript with its epochs thinned so that it fits."""
    epochs = [line for line in lines if line.startswith("epoch")]
    kept = set(epochs[:3] + epochs[-2:])
    picture, skipped = ["$ thalweg train builtin:digits"], False
    for line in lines:
        if line.startswith("epoch") and line not in kept:
            if not skipped:
                picture.append("  ⋮")
                skipped = True
            continue
        picture.append(line)
    return picture


def main():
    transcript = Path(sys.argv[1]).read_text(encoding="utf-8").rstrip()
    lines = shown(transcript.splitlines())
    width = round(max(map(len, lines)) * SIZE * 0.602) + 2 * MARGIN
    height = len(lines) * LEADING + 2 * MARGIN
    parts = [
        f'<text x="{MARGIN}" y="{MARGIN + SIZE + LEADING * row}" fill="{colour(line)}" '
        f'xml:space="preserve">{html.escape(line)}</text>'
        for row, line in enumerate(lines)
        if line
    ]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-size="{SIZE}" '
        f'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace">\n'
        f'<rect width="{width}" height="{height}" rx="12" fill="{BACK}"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )
    Path(__file__).with_name("picture.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
