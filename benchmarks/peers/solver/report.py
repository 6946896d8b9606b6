"""Tables and plots from what ``run.py`` wrote.

    python benchmarks/peers/solver/report.py results.json [older.json ...] --out results.md

The best objective of a seed is the least over all solvers and files.  Times are compared
within one file only, seed by seed with abess, and then with the fastest in the cell; so files
of several runs can be read together, such as a new run of tamis and stored runs of its peers.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

import scores

REFERENCE = "abess"
NOTE = """gap: mean (largest) excess of the objective over the best of all solvers, %; every support is
refitted by one routine. F1: of the support. held out: mean loss on rows held out (least squares: mean
squared error). x fastest, x abess: median over seeds of the time by that of the fastest solver, of abess."""


class Row(NamedTuple):
    """A solver in a cell, over its seeds; None where nothing could be measured."""

    cell: str
    solver: str
    seeds: int
    gap: float  # mean excess of the objective over the best, %
    worst: float  # largest excess, %
    f1: float | None
    held_out: float
    seconds: float  # median
    by_reference: float | None  # median ratio of the time to that of abess on the same seed
    by_fastest: float | None = None


def load(paths: list[Path]) -> list[dict]:
    """Return the solved runs of several files, each with the number of its file."""
    runs = [
        run | {"file": number}
        for number, path in enumerate(paths)
        for run in json.loads(path.read_text())["runs"]
        if run["status"] == "ok"
    ]
    _same_data(runs)
    return runs


def _same_data(runs: list[dict]) -> None:
    seen: dict[tuple, str] = {}
    for run in runs:
        if seen.setdefault((run["cell"], run["seed"]), run["data"]) != run["data"]:
            raise ValueError(f"{run['cell']}, seed {run['seed']}: the files have different data")


def counted(runs: list[dict]) -> list[dict]:
    """Return the runs that count: of a solver in a cell those of its first file."""
    first: dict[tuple, int] = {}
    return [run for run in runs if run["file"] == first.setdefault((run["cell"], run["solver"]), run["file"])]


def objectives(runs: list[dict]) -> dict[tuple, dict[str, float]]:
    """Return what each solver reached in each problem, which is a cell and a seed."""
    found: dict[tuple, dict[str, float]] = defaultdict(dict)
    for run in counted(runs):
        found[run["cell"], run["seed"]][run["solver"]] = run["objective"]
    return dict(found)


def rows(runs: list[dict]) -> list[Row]:
    """Return a row a cell and solver, by cell and mean gap."""
    clock = {(r["cell"], r["seed"], r["file"]): r["seconds"] for r in runs if r["solver"] == REFERENCE}
    cells: dict[str, dict[str, list[dict]]] = defaultdict(lambda: defaultdict(list))
    for run in counted(runs):
        cells[run["cell"]][run["solver"]].append(run)
    gaps = {key: scores.gaps(each) for key, each in objectives(runs).items()}
    return [
        row
        for cell, solvers in cells.items()
        for row in _ranked([_row(cell, name, mine, gaps, clock) for name, mine in solvers.items()])
    ]


def _row(cell: str, name: str, runs: list[dict], gaps: dict, clock: dict) -> Row:
    excess = [gaps[cell, run["seed"]][name] for run in runs]
    ratios = [
        run["seconds"] / clock[key] for run in runs if (key := (cell, run["seed"], run["file"])) in clock
    ]
    return Row(
        cell,
        name,
        len(runs),
        fmean(excess),
        max(excess),
        None if runs[0]["f1"] is None else fmean(run["f1"] for run in runs),
        fmean(run["held_out"] for run in runs),
        median(run["seconds"] for run in runs),
        median(ratios) if ratios else None,
    )


def _ranked(found: list[Row]) -> list[Row]:
    fastest = min((row.by_reference for row in found if row.by_reference), default=None)
    filled = [
        row._replace(by_fastest=row.by_reference / fastest) if fastest and row.by_reference else row
        for row in found
    ]
    return sorted(filled, key=lambda row: (row.gap, row.seconds))


def table(found: list[Row]) -> str:
    """Return the rows of one cell as a table in Markdown."""
    head = ["solver", "seeds", "gap % (max)", "F1", "held out", "median s", "x fastest", "x abess"]
    lines = ["| " + " | ".join(head) + " |", "| --- " + "| --: " * (len(head) - 1) + "|"]
    for row in found:
        cells = [
            row.solver,
            str(row.seeds),
            f"{row.gap:.2f} ({row.worst:.1f})",
            "" if row.f1 is None else f"{row.f1:.2f}",
            f"{row.held_out:.4g}",
            f"{row.seconds:.3g}",
            "" if row.by_fastest is None else f"{row.by_fastest:.3g}",
            "" if row.by_reference is None else f"{row.by_reference:.3g}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def absent(paths: list[Path]) -> str:
    """Return which solvers gave no answer where, as a list in Markdown."""
    why: dict[tuple, set[int]] = defaultdict(set)
    for path in paths:
        for run in json.loads(path.read_text())["runs"]:
            if run["status"] not in ("ok", "not offered"):
                why[run["cell"], run["solver"], run["status"], run["message"]].add(run["seed"])
    return "\n".join(f"- {c}, {s}: {status} on {len(n)} seeds ({m})" for (c, s, status, m), n in why.items())


def markdown(paths: list[Path]) -> str:
    """Return the whole report."""
    first = json.loads(paths[0].read_text())
    found = rows(load(paths))
    parts = [
        "# Sparse solvers compared",
        f"Command: `python benchmarks/peers/solver/run.py {' '.join(first['command'])}`",
        ", ".join(f"{name} {version or 'not installed'}" for name, version in first["versions"].items()),
        ", ".join(f"{name}: {value}" for name, value in first["machine"].items()),
        NOTE,
    ]
    for cell in dict.fromkeys(row.cell for row in found):
        parts += [f"## {cell}", table([row for row in found if row.cell == cell])]
    missing = absent(paths)
    if missing:
        parts += ["## Without an answer", missing]
    return "\n\n".join(parts) + "\n"


def plot(found: list[Row], path: Path) -> None:
    """Draw gap against time, a panel a cell: the lower left corner is best."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    cells = list(dict.fromkeys(row.cell for row in found))
    names = sorted({row.solver for row in found})
    colours = {name: plt.get_cmap("tab20")(i % 20) for i, name in enumerate(names)}
    across = min(4, len(cells))
    down = -(-len(cells) // across)
    figure, axes = plt.subplots(down, across, figsize=(3.6 * across, 3 * down), squeeze=False)
    for cell, axis in zip(cells, axes.flat, strict=False):
        for row in (row for row in found if row.cell == cell):
            axis.scatter(row.seconds, row.gap, color=colours[row.solver], label=row.solver, s=28)
        axis.set(title=cell, xlabel="median time (s)", ylabel="gap to the best (%)", xscale="log")
        axis.set_yscale("symlog", linthresh=0.1)
        axis.set_ylim(-0.02, 2 * max(0.1, *(row.gap for row in found if row.cell == cell)))
    for axis in axes.flat[len(cells) :]:
        axis.axis("off")
    handles = [plt.Line2D([], [], marker="o", ls="", color=colours[name], label=name) for name in names]
    figure.legend(handles=handles, loc="lower center", ncols=6, frameon=False)
    figure.tight_layout(rect=(0, 0.06 if down > 1 else 0.16, 1, 1))
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument(
        "--out", type=Path, help="markdown file; a .png with the same name is drawn beside it"
    )
    options = parser.parse_args()
    text = markdown(options.results)
    if options.out is None:
        print(text)
        return
    options.out.write_text(text)
    plot(rows(load(options.results)), options.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
