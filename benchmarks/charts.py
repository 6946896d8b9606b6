"""The figures of the front page, as SVG files that are the same wherever they are drawn."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams.update({"svg.hashsalt": "tamis", "svg.fonttype": "none", "font.size": 11})

from headline import LABELS  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402

WIDE = 6.4  # inches: readable on a phone too
OURS, OTHERS = "#1d63c4", "#8b95a1"
STYLES = (":", "--", "-.", "-", (0, (4, 1, 1, 1, 1, 1)), "-")


def perplexity(found: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """Draw perplexity against sparsity, a line a method; N:M is in the table."""
    figure, axis = plt.subplots(figsize=(WIDE, 3.8))
    goals = [goal for goal in found if ":" not in goal]
    for (name, label), style in zip(LABELS.items(), STYLES, strict=True):
        places = [place for place, goal in enumerate(goals) if name in found[goal]]
        colour, width = (OURS, 2.6) if name == "elsa" else (OTHERS, 1.4)
        values = [found[goals[place]][name] for place in places]
        axis.plot(places, values, linestyle=style, marker="o", ms=4, color=colour, lw=width, label=label)
    axis.set(yscale="log", ylabel="perplexity", xlabel="zeros", ylim=(8, 3e4))
    axis.set_xticks(range(len(goals)), [f"{goal}%" for goal in goals])
    axis.set_title("Small model, equal training text: less is better", fontsize=11, loc="left")
    _finish(figure, axis, path, legend=True)


def solver(rows: Sequence[Any], packages: Mapping[str, str], path: Path) -> None:
    """Draw each package's mean excess of the objective over the cells with correlated least squares.

    What was too slow for some of the cells is drawn pale, with how many it did.
    """
    cells = {row.cell for row in rows if row.cell.startswith("ls-") and "rho0.9" in row.cell}
    found = {
        label: [row for row in rows if row.solver == name and row.cell in cells]
        for name, label in {"tamis": "tamis", "tamis-fast": "tamis, fast", **packages}.items()
    }
    means = {label: fmean(row.gap for row in own) for label, own in found.items() if own}
    order = sorted(means, key=means.__getitem__, reverse=True)
    figure, axis = plt.subplots(figsize=(WIDE, 0.9 + 0.36 * len(order)))
    bars = axis.barh(order, [means[name] for name in order])
    for bar, name in zip(bars, order, strict=True):
        bar.set(color=OURS if name.startswith("tamis") else OTHERS)
        bar.set_alpha(0.45 if len(found[name]) < len(cells) else 1)
    axis.bar_label(
        bars, [f"{means[name]:.1f}%{_fewer(found[name], len(cells))}" for name in order], padding=3
    )
    axis.set(xlabel="mean excess over the best objective known, %", xlim=(0, 1.15 * max(means.values())))
    axis.set_title(f"Best subset, correlated columns, {len(cells)} designs", fontsize=11, loc="left")
    _finish(figure, axis, path)


def _fewer(rows: Sequence[Any], cells: int) -> str:
    """Return what a mean lacks: designs, or seeds in some of them."""
    most = max(row.seeds for row in rows)
    short = [row.seeds for row in rows if row.seeds < most]
    designs = f", {len(rows)} of {cells} designs" if len(rows) < cells else ""
    return designs + (f", {min(short)} of {most} seeds in {len(short)}" if short else "")


def history(curves: Mapping[str, Sequence[tuple[str, float]]], path: Path) -> None:
    """Draw a small panel a reading, over the commits at which it was measured, oldest on the left."""
    down = max(1, -(-len(curves) // 2))
    figure, axes = plt.subplots(down, 2, figsize=(WIDE, 1.9 * down), squeeze=False)
    for (label, points), axis in zip(curves.items(), axes.flat, strict=False):
        axis.plot(range(len(points)), [value for _, value in points], "o-", color=OURS, ms=4, lw=1.6)
        axis.set_title(label, fontsize=9, loc="left")
        ends = sorted({0, len(points) - 1})
        axis.set_xticks(ends, [points[end][0][:7] for end in ends], fontsize=8)
        axis.set_ylim(0, 1.15 * max(max(value for _, value in points), 1e-3))
        axis.tick_params(axis="y", labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes.flat[len(curves) :]:
        axis.axis("off")
    figure.tight_layout()
    _save(figure, path)


def _finish(figure: Any, axis: Any, path: Path, legend: bool = False) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    if legend:
        axis.legend(frameon=False, fontsize=9)
    figure.tight_layout()
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)
    text = path.read_text("utf-8")
    path.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n", "utf-8")
