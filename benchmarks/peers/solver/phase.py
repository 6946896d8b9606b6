"""Noiseless recovery: how often a solver finds x exactly from ``b = A x``, by n and k.

    python benchmarks/peers/solver/phase.py --trials 50 --cells n200-0.45-normal --out runs/phase.json

A has Gaussian entries, p = 400; x has k entries at random, normal or +1 and -1.  A trial counts
as recovered if the support refitted is within 1e-3 of x in relative norm; basis pursuit, which
has no k, is taken as it is.  ``--cells`` names cells as n100-0.30-signs; without it the whole
grid is run, n = 100 and 200, k/n from .20 to .50, both signals, with more trials where a goal
is set (signs at n = 200; normal at .45).
"""

from one_thread import pin  # before numpy

# isort: split
import argparse
import math
import sys
import warnings
from collections import defaultdict
from pathlib import Path
from statistics import median

import designs
import numpy as np
import peers
import run
import scores
from versions import machine, versions

P, CLOSE = 400, 1e-3
RATIOS = 0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50
CELLS = {
    f"n{n}-{ratio:.2f}-{signal}": {"n": n, "p": P, "k": round(ratio * n), "signs": signal == "signs"}
    for n in (100, 200)
    for signal in ("normal", "signs")
    for ratio in RATIOS
}
LONG = [cell for cell in CELLS if cell.startswith("n200") and cell.endswith("signs")] + ["n200-0.45-normal"]
SOLVERS = ["tamis", "basis-pursuit", "omp", "abess"]


def basis_pursuit(design: designs.Design) -> np.ndarray:
    """Return ``argmin |x|_1  subject to  A x = b`` by a linear programme in the two parts of x."""
    from scipy.optimize import linprog

    halves = np.hstack([design.A, -design.A])
    solution = linprog(np.ones(halves.shape[1]), A_eq=halves, b_eq=design.b, method="highs").x
    return solution[: design.A.shape[1]] - solution[design.A.shape[1] :]


peers.SOLVERS["basis-pursuit"] = basis_pursuit  # known only here: it has no k


def trial(cell: str, seed: int, name: str, cap: float) -> dict:
    """Return whether the solver recovers x, and its time."""
    design = designs.noiseless(seed, **CELLS[cell])
    record = {"cell": cell, "seed": seed, "solver": name, "data": run.fingerprint(design)}
    try:
        with run.deadline(cap):
            x, seconds, _ = run.timed(design, name)
    except Exception as error:
        return record | {"status": "failed", "message": f"{type(error).__name__}: {error}"[:300]}
    if name != "basis-pursuit":
        x = scores.refit(design, np.flatnonzero(x)).coefficients
    error = float(np.linalg.norm(x - design.truth) / np.linalg.norm(design.truth))
    return record | {"status": "ok", "seconds": seconds, "error": error, "recovered": error < CLOSE}


def markdown(runs: list[dict]) -> str:
    """Return the recovery rates with their standard errors, a row a cell; a failure counts as none."""
    cells: dict[str, dict[str, list[dict]]] = defaultdict(lambda: defaultdict(list))
    for record in runs:
        cells[record["cell"]][record["solver"]].append(record)
    names = list(dict.fromkeys(record["solver"] for record in runs))
    lines = ["| cell | trials | " + " | ".join(names) + " |", "| --- | --: |" + " --: |" * len(names)]
    for cell, solvers in cells.items():
        trials = max(len(records) for records in solvers.values())
        lines.append(f"| {cell} | {trials} | " + " | ".join(_rate(solvers[name]) for name in names) + " |")
    return "\n".join(lines) + "\n"


def _rate(records: list[dict]) -> str:
    """Return the rate, its standard error and the median time."""
    if not records:
        return ""
    rate = sum(record.get("recovered", False) for record in records) / len(records)
    times = [record["seconds"] for record in records if "seconds" in record]
    spread = math.sqrt(rate * (1 - rate) / len(records))
    return f"{rate:.2f} ± {spread:.2f} ({median(times):.3f} s)" if times else "failed"


def plot(runs: list[dict], path: Path) -> None:
    """Draw recovery against k/n, a panel a signal and n."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    panels = list(dict.fromkeys(tuple(record["cell"].split("-")[::2]) for record in runs))
    figure, axes = plt.subplots(1, len(panels), figsize=(3.4 * len(panels), 3), squeeze=False, sharey=True)
    for (n, signal), axis in zip(panels, axes.flat, strict=True):
        for name in dict.fromkeys(record["solver"] for record in runs):
            rates = defaultdict(list)
            for record in runs:
                head, ratio, kind = record["cell"].split("-")
                if (head, kind, record["solver"]) == (n, signal, name):
                    rates[float(ratio)].append(record.get("recovered", False))
            axis.plot(sorted(rates), [np.mean(rates[r]) for r in sorted(rates)], marker="o", label=name)
        axis.set(title=f"{n[0]} = {n[1:]}, {signal}", xlabel="k/n", ylim=(-0.03, 1.03))
    axes[0, 0].set_ylabel("recovered")
    axes[0, 0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cells", type=run.listed(CELLS), default=list(CELLS))
    parser.add_argument("--solvers", type=run.listed(peers.SOLVERS), default=SOLVERS)
    parser.add_argument("--trials", type=int, help="without it 50 in the cells of a goal, 10 in others")
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--out", type=Path, required=True, help="json; .md and .png are written beside it")
    parser.add_argument("--cap", type=float, default=60.0, help="seconds a solve may take")
    parser.add_argument("--cpu", type=int, help="core to run on")
    options = parser.parse_args()
    pin(options.cpu)
    warnings.filterwarnings("ignore")
    record = {"machine": machine(), "versions": versions(), "command": sys.argv[1:], "runs": []}
    for cell in options.cells:
        trials = options.trials or (50 if cell in LONG else 10)
        for seed in range(options.first_seed, options.first_seed + trials):
            for name in options.solvers:
                record["runs"].append(trial(cell, seed, name, options.cap))
            run.write(options.out, record)
        print(markdown([r for r in record["runs"] if r["cell"] == cell]), flush=True)
    options.out.with_suffix(".md").write_text(_report(record))
    plot(record["runs"], options.out.with_suffix(".png"))


def _report(record: dict) -> str:
    head = f"# Noiseless recovery, p = {P}\n\nCommand: `phase.py {' '.join(record['command'])}`\n\n"
    facts = ", ".join(f"{name}: {value}" for name, value in record["machine"].items())
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items() if version)
    note = "Rate ± standard error (median time); recovered: within 1e-3 of x in relative norm.\n\n"
    return head + f"{versions}\n\n{facts}\n\n" + note + markdown(record["runs"])


if __name__ == "__main__":
    main()
