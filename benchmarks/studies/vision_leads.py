"""By how many points SAFE is ahead, in every study on images, from the committed rows.

python benchmarks/studies/vision_leads.py        the tables of docs/images-study.md
"""

import json
from pathlib import Path
from statistics import fmean
from typing import Any

from vision_figures import UNPRUNED, accuracy

RESULTS = Path(__file__).parents[1] / "results"
STUDIES = {
    "ResNet-8, digits": ("digits-resnet8",),
    "MLP, digits": ("digits-mlp",),
    "MLP, digits, a quarter of the labels wrong": ("digits-mlp-noise0.25-memorised",),
    "a quarter of the labels wrong, radius .8": (
        "digits-mlp-noise0.25-memorised",
        "digits-mlp-noise0.25-radius0.8",
    ),
    "MLP, digits, half of the labels wrong": ("digits-mlp-noise0.5-memorised",),
    "half of the labels wrong, radius .8": ("digits-mlp-noise0.5-memorised", "digits-mlp-noise0.5-radius0.8"),
    "MLP, digits, three quarters wrong": ("digits-mlp-noise0.75-memorised",),
    "three quarters wrong, radius .8": ("digits-mlp-noise0.75-memorised", "digits-mlp-noise0.75-radius0.8"),
    "ResNet-8, Fashion-MNIST": ("fashion-mnist-resnet8",),
    "ResNet-20, Fashion-MNIST": ("fashion-mnist-resnet20",),
    "ResNet-20, CIFAR-10": ("cifar10-resnet20",),
}
OUT = (*UNPRUNED, "safe", "admm, paper's form", "safe, paper's form")  # no rivals of SAFE in tamis's form

FITTED = [
    ("ResNet-8, digits", 0.95), ("ResNet-8, digits", 0.995),
    ("MLP, digits, half of the labels wrong", 0.8), ("MLP, digits, half of the labels wrong", 0.95),
    ("half of the labels wrong, radius .8", 0.8), ("half of the labels wrong, radius .8", 0.95),
    *(("ResNet-8, Fashion-MNIST", sparsity) for sparsity in (0.8, 0.95, 0.99, 0.995)),
    *(("ResNet-20, Fashion-MNIST", sparsity) for sparsity in (0.8, 0.95, 0.99, 0.995)),
    *(("ResNet-20, CIFAR-10", sparsity) for sparsity in (0.8, 0.95, 0.99)),
]  # fmt: skip

Rows = list[dict[str, Any]]


def rows_of(*studies: str) -> Rows:
    """Return the committed rows of a study; of several, a later one's in place of an earlier one's."""
    found: dict[str, Any] = {}
    for study in studies:
        found |= json.loads((RESULTS / f"vision-{study}.json").read_text("utf-8"))
    return list(found.values())


def rivals(rows: Rows) -> list[str]:
    """Return the methods that SAFE is held against."""
    return sorted({row["method"] for row in rows} - set(OUT))


def lead(rows: Rows, against: list[str]) -> dict[float, float]:
    """Return, of each sparsity, SAFE's mean less the best mean of the others that have all of its seeds."""
    found: dict[float, dict[str, dict[int, float]]] = {}
    for row in rows:
        seeds = found.setdefault(row["sparsity"], {}).setdefault(row["method"], {})
        seeds[row["seed"]] = accuracy(row)
    leads = {s: _lead(at, against) for s, at in sorted(found.items()) if "safe" in at}
    return {sparsity: points for sparsity, points in leads.items() if points is not None}


def _lead(at: dict[str, dict[int, float]], against: list[str]) -> float | None:
    own = at["safe"]
    others = [at[name] for name in against if own.keys() <= at.get(name, {}).keys()]
    means = [fmean(each[seed] for seed in own) for each in others]
    return fmean(own.values()) - max(means) if means else None


def table(leads: dict[str, dict[float, float]]) -> str:
    """Return a line a study and a column a sparsity, in points."""
    sparsities = sorted({sparsity for found in leads.values() for sparsity in found})
    head = ["study", *(f"{100 * s:g}%" for s in sparsities)]
    cells = [
        [name, *(f"{found[s]:+.1f}" if s in found else "" for s in sparsities)]
        for name, found in leads.items()
    ]
    lines = [head, ["---"] * len(head), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def fits(studies: dict[str, Rows]) -> str:
    """Return lines of the accuracy on training and test images, by ADMM and by SAFE."""
    return "\n".join(_fit(name, sparsity, studies[name]) for name, sparsity in FITTED)


def _fit(name: str, sparsity: float, rows: Rows) -> str:
    of = [[r for r in rows if (r["method"], r["sparsity"]) == (m, sparsity)] for m in ("admm", "safe")]
    shares = [fmean(row["accuracy"][on] for row in own) for own in of for on in ("train", "after")]
    return f"| {name}, {100 * sparsity:g}% | {' | '.join(f'{100 * share:.1f}' for share in shares)} |"


def tables() -> list[str]:
    """Return SAFE's lead over ADMM, over the best of all, and how well both fit."""
    studies = {name: rows_of(*files) for name, files in STUDIES.items()}
    over_admm = {name: lead(rows, ["admm"]) for name, rows in studies.items()}
    over_all = {name: lead(rows, rivals(rows)) for name, rows in studies.items()}
    return [table(over_admm), table(over_all), fits(studies)]


if __name__ == "__main__":
    print("\n\n".join(tables()))
