"""The table and the figure of the study on images."""

from pathlib import Path
from statistics import mean
from typing import Any

UNPRUNED = ("dense", "sam")


def accuracy(row: dict[str, Any]) -> float:
    """Return the test accuracy of a run in per cent."""
    return float(100 * row["accuracy"]["after"])


def table(rows: list[dict[str, Any]], methods: list[str]) -> str:
    """Return a table of the runs' accuracy: mean over seeds, and how far least and largest are apart."""
    sparsities = sorted({row["sparsity"] for row in rows if row["method"] not in UNPRUNED})
    lines = [
        "| method | " + " | ".join(f"{s:.1%}" for s in sparsities) + " | seconds |",
        "|---" * (len(sparsities) + 2) + "|",
    ]
    for method in (name for name in methods if any(row["method"] == name for row in rows)):
        of = [row for row in rows if row["method"] == method]
        goals = [None] if method in UNPRUNED else sparsities
        cells = [said([accuracy(r) for r in of if s is None or r["sparsity"] == s]) for s in goals]
        cells += [""] * (len(sparsities) - len(cells))
        lines.append(f"| {method} | {' | '.join(cells)} | {mean(row['seconds'] for row in of):.1f} |")
    return "\n".join(lines)


def said(values: list[float]) -> str:
    """Return mean and spread over several seeds."""
    if len(values) < 2:
        return f"{values[0]:.2f} (one seed)" if values else "-"
    return f"{mean(values):.2f} ({max(values) - min(values):.2f})"


def draw(rows: list[dict[str, Any]], methods: list[str], path: Path, title: str) -> None:
    """Draw accuracy against what is left of the weights, the spread over seeds as a band."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "tamis", "font.size": 9})
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for number, method in enumerate(methods):
        of = [row for row in rows if row["method"] == method]
        if not of:
            continue
        style = {"color": "black" if method == "safe" else f"C{number}", "label": method}
        if method in UNPRUNED:
            axis.axhline(mean(accuracy(row) for row in of), ls=":", lw=1, **style)
            continue
        goals = sorted({row["sparsity"] for row in of})
        values = [[accuracy(r) for r in of if r["sparsity"] == s] for s in goals]
        left = [1 - s for s in goals]
        wide = 2.2 if method == "safe" else 1.1
        dashes = "--" if "paper" in method else "-"
        axis.plot(left, [mean(v) for v in values], dashes, marker=".", lw=wide, **style)
        axis.fill_between(
            left, [min(v) for v in values], [max(v) for v in values], color=style["color"], alpha=0.12
        )
    goals = sorted({row["sparsity"] for row in rows if row["method"] not in UNPRUNED})
    axis.set(xscale="log", xlabel="sparsity", ylabel="test accuracy, %", title=title)
    axis.set_xticks([1 - s for s in goals], [f"{s:.1%}" for s in goals], minor=False)
    axis.minorticks_off()
    axis.invert_xaxis()
    axis.legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})
