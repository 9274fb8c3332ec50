"""Draws docs/picture.svg, the picture of the README, from a real run:

    cargo run --release -- train builtin:digits --out runs/picture > runs/picture.txt 2>&1
    python3 docs/picture.py runs/picture.txt runs/picture/log.jsonl

Left: what the terminal shows. Right: the run's loss curves, from log.jsonl.
"""

import html
import json
import math
import sys
from pathlib import Path

WIDTH, HEIGHT, SPLIT = 1400, 540, 930
BACK, PANEL, INK, DIM, BLUE, ORANGE = "#0f1720", "#16212d", "#e6edf3", "#8b9bab", "#5aa9ff", "#ffb454"


def text(x, y, content, size=13, fill=INK, anchor="start", extra=""):
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{fill}" text-anchor="{anchor}" '
        f'xml:space="preserve" {extra}>{html.escape(content)}</text>'
    )


def terminal(lines):
    """The transcript without notes and warnings, with the epochs thinned so that it fits."""
    epochs = [line for line in lines if line.startswith("epoch")]
    kept = set(epochs[:3] + epochs[-2:])
    shown, skipped = ["$ thalweg train builtin:digits"], False
    for line in lines:
        if line.startswith(("note:", "warning:")):
            continue
        if line.startswith("epoch") and line not in kept:
            if not skipped:
                shown.append("  ⋮")
                skipped = True
            continue
        shown.append(line)
    parts = []
    for row, line in enumerate(shown[:31]):
        fill = BLUE if line.startswith("$") else ORANGE if line.startswith("test (") else INK
        fill = DIM if line.startswith(("best constant", "chosen", "  --")) else fill
        parts.append(text(28, 48 + 16.5 * row, line[:118], 12.5, fill))
    return parts


def curves(log):
    epochs = [event for event in log if event["event"] == "epoch"]
    left, right, top, bottom = SPLIT + 75, WIDTH - 35, 80, HEIGHT - 70
    values = [e[k] for e in epochs for k in ("train_loss", "validation_loss")]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    last = epochs[-1]["epoch"]

    def at(epoch, loss):
        x = left + (right - left) * math.log(epoch) / math.log(last)
        y = bottom - (bottom - top) * (math.log10(loss) - low) / (high - low)
        return f"{x:.1f},{y:.1f}"

    parts = [text((left + right) / 2, 52, "loss", 15, INK, "middle")]
    for power in range(low, high + 1):
        y = bottom - (bottom - top) * (power - low) / (high - low)
        parts.append(f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="{DIM}" stroke-opacity="0.25"/>')
        parts.append(text(left - 10, y + 4, f"{10.0**power:g}", 12, DIM, "end"))
    tick = 1
    while tick <= last:
        x = at(tick, 10.0**low).split(",")[0]
        parts.append(text(x, bottom + 20, str(tick), 12, DIM, "middle"))
        tick *= 10
    parts.append(text((left + right) / 2, bottom + 42, "epochs", 13, DIM, "middle"))
    for key, colour, label in (("train_loss", BLUE, "training"), ("validation_loss", ORANGE, "validation")):
        points = " ".join(at(e["epoch"], e[key]) for e in epochs)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        _, y = map(float, at(last, epochs[-1][key]).split(","))
        parts.append(text(right - 12, y - 12, label, 13, colour, "end"))
    best = next(e["best_epoch"] for e in log if e["event"] == "end")
    x, y = at(best, epochs[best - 1]["validation_loss"]).split(",")
    parts.append(f'<circle cx="{x}" cy="{y}" r="5" fill="none" stroke="{ORANGE}" stroke-width="2"/>')
    parts.append(text(float(x), float(y) + 22, "best: kept", 12, ORANGE, "middle"))
    return parts


def main():
    transcript, log = (Path(name).read_text(encoding="utf-8") for name in sys.argv[1:3])
    transcript = transcript.replace("runs/picture", "runs/digits-1")
    parts = terminal(transcript.splitlines())
    parts += curves([json.loads(line) for line in log.splitlines()])
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="12" fill="{BACK}"/>\n'
        f'<rect x="14" y="14" width="{SPLIT - 14}" height="{HEIGHT - 28}" rx="8" fill="{PANEL}"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )
    Path(__file__).with_name("picture.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
