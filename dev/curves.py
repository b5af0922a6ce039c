#!/usr/bin/env python3
"""curves.py [--mark LOW-HIGH:NAME]... NAME=METRICS...: draws loss and accuracy of runs as SVG on the output.

    dev/curves.py --mark "0.854-0.874:the book's, after ten epochs" "ours=runs/d2l/metrics.jsonl" >d2l.svg
    dev/curves.py --highest-loss 0.5 --lowest-accuracy 0.85 "tiny=models/fashion-tiny.jsonl" >tiny.svg

The left chart has the loss, the right one the accuracy, both over epochs. Broken lines are training images as they
were augmented, measured during training: for each part of an epoch, or for each epoch of a long run. Full lines are
test images, or validation images if the run had them. A mark is a band of accuracies to compare with.
"""
import argparse
import json
import math
from html import escape
from pathlib import Path

STYLE = """
 .bg{fill:#fff} .ink{fill:#1f2328} .dim{fill:#59636e} .grid{stroke:#d9dee3} .mark{fill:#8b96a5;opacity:.3}
 polyline{fill:none;stroke-width:2;stroke-linejoin:round} .training{stroke-dasharray:5 4;stroke-width:1.6}
 .c0{stroke:#0b63ce} .c1{stroke:#d9480f} .c2{stroke:#18774e} .c3{stroke:#9c36b5} circle{fill:#fff;stroke-width:2}
 @media (prefers-color-scheme: dark){ .bg,circle{fill:#0d1117} .ink{fill:#e6edf3} .dim{fill:#9198a1} .grid{stroke:#30363d}
  .c0{stroke:#6cb0ff} .c1{stroke:#ff9457} .c2{stroke:#5ccf97} .c3{stroke:#e599f7} }
"""
COLOURS = 4
# Longer runs have a point for each epoch instead of each part, and no circles.
SHORT = 20
WIDTH, HEIGHT, TOP, BOTTOM = 980, 380, 66, 330
PANELS = [(54, 470), (548, 964)]


def curves(path):
    """Returns the points of a run, training and test images, and whether the latter are validation images."""
    recipe, *lines = map(json.loads, Path(path).read_text().splitlines())
    epochs = [line for line in lines if "epoch" in line]
    training, test = {"loss": [], "accuracy": []}, {"loss": [], "accuracy": []}
    for epoch in epochs:
        parts = epoch.get("parts") if len(epochs) <= SHORT else None
        for part in parts or [{"done": 1.0, **epoch}]:
            for what in training:
                training[what].append((epoch["epoch"] - 1 + part["done"], part[what]))
        for what in test:
            if epoch[f"test_{what}"] is not None:
                test[what].append((epoch["epoch"], epoch[f"test_{what}"]))
    return training, test, recipe["recipe"].get("validation", 0) > 0


def band(mark):
    """Parses LOW-HIGH:NAME; returns both ends and the name."""
    ends, _, name = mark.partition(":")
    low, high = map(float, ends.split("-"))
    return low, high, name


def step(span, count):
    """Returns a step of 1, 2 or 5 times a power of ten, of which at most `count` fit into the span."""
    power = 10 ** math.floor(math.log10(span / count))
    return next(times * power for times in (1, 2, 5, 10) if times * power * count >= span * 0.999)


def panel(title, sides, last, ends, lines, marks, words):
    """Yields the SVG of one chart: `lines` are (colour, class, points); only values between both ends are drawn."""
    left, right = sides
    low, high = ends
    x = lambda epoch: left + (right - left) * epoch / last
    y = lambda value: BOTTOM - (BOTTOM - TOP) * (value - low) / (high - low)
    yield f'<text class="ink" x="{left}" y="{TOP - 14}" font-weight="600">{title}</text>'
    tick = step(high - low, 5)
    for value in (low + tick * i for i in range(math.floor((high - low) / tick + 1e-9) + 1)):
        yield f'<line class="grid" x1="{left}" x2="{right}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        yield f'<text class="dim" x="{left - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{words(value)}</text>'
    tick = max(1, step(last, 8))
    for epoch in (tick * i for i in range(math.floor(last / tick + 1e-9) + 1)):
        yield f'<text class="dim" x="{x(epoch):.1f}" y="{BOTTOM + 20}" text-anchor="middle">{epoch:g}</text>'
    yield f'<text class="dim" x="{(left + right) / 2}" y="{BOTTOM + 40}" text-anchor="middle">epoch</text>'
    for least, most, name in marks:
        tall = max(y(least) - y(most), 1)
        yield f'<rect class="mark" x="{left}" width="{right - left}" y="{y(most):.1f}" height="{tall:.1f}"/>'
        # The name is above the band, where lower curves leave room, or below it if the band is at the top.
        line = y(most) - 5 if y(most) - TOP > 16 else y(least) + 13
        yield f'<text class="dim" x="{left + 4}" y="{line:.1f}" font-size="11">{escape(name)}</text>'
    for colour, kind, points in lines:
        points = [(epoch, value) for epoch, value in points if low <= value <= high]
        path = " ".join(f"{x(epoch):.1f},{y(value):.1f}" for epoch, value in points)
        yield f'<polyline class="{colour} {kind}" points="{path}"/>'
        if kind == "test" and last <= SHORT:
            yield from (f'<circle class="{colour}" cx="{x(e):.1f}" cy="{y(v):.1f}" r="3"/>' for e, v in points)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mark", action="append", default=[], metavar="LOW-HIGH:NAME")
    parser.add_argument("--highest-loss", type=float, metavar="LOSS", help="the top of the left chart")
    parser.add_argument("--lowest-accuracy", type=float, default=0.0, metavar="SHARE", help="the right chart's foot")
    parser.add_argument("runs", nargs="+", metavar="NAME=METRICS")
    args = parser.parse_args()
    try:
        marks = [band(mark) for mark in args.mark]
        runs = [(name, *curves(path)) for name, _, path in (run.partition("=") for run in args.runs)]
    except (OSError, ValueError, KeyError) as error:
        parser.error(f"a mark is LOW-HIGH:NAME, a run NAME=METRICS: {error}")
    if not 0 <= args.lowest_accuracy < 1 or (args.highest_loss is not None and not args.highest_loss > 0):
        parser.error("--lowest-accuracy is a share from 0 to below 1, --highest-loss is above 0")
    if len(runs) > COLOURS:
        parser.error(f"there are only colours for {COLOURS} runs")

    lines = {what: [] for what in ("loss", "accuracy")}
    for number, (_, training, test, _) in enumerate(runs):
        for what, drawn in lines.items():
            drawn += [(f"c{number}", "training", training[what]), (f"c{number}", "test", test[what])]
    points = [point for _, _, line in lines["loss"] for point in line]
    if not points:
        parser.error("no run has finished an epoch")
    last = max(epoch for epoch, _ in points)
    high = args.highest_loss or max(loss for _, loss in points)
    high = math.ceil(high / step(high, 5) - 1e-9) * step(high, 5)

    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" '
          f'font-size="13" role="img"><title>Loss and accuracy of {escape(", ".join(name for name, *_ in runs))}</title>')
    print(f'<style>{STYLE}</style><rect class="bg" width="{WIDTH}" height="{HEIGHT}"/>')
    at = PANELS[0][0]
    for number, (name, *_) in enumerate(runs):
        print(f'<polyline class="c{number}" points="{at},22 {at + 26},22"/>'
              f'<text class="ink" x="{at + 34}" y="26">{escape(name)}</text>')
        at += 60 + 7 * len(name)
    full = {True: "validation", False: "test"}
    full = " or ".join(sorted({full[validation] for *_, validation in runs}))
    print(f'<text class="dim" x="{PANELS[1][1]}" y="26" text-anchor="end">'
          f'{full} images full, training images broken</text>')
    charts = [("Loss", (0.0, high), lines["loss"], [], lambda value: f"{value:g}"),
              ("Accuracy", (args.lowest_accuracy, 1.0), lines["accuracy"], marks, lambda value: f"{100 * value:.0f} %")]
    for sides, (title, ends, drawn, marked, words) in zip(PANELS, charts):
        print("\n".join(panel(title, sides, last, ends, drawn, marked, words)))
    print("</svg>")


if __name__ == "__main__":
    main()
