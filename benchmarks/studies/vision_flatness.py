"""How flat and how robust the networks of the study on images are: curvature, corruptions, a line.

It reads the runs that ``vision.py`` left, and its rows, at one sparsity:

    python benchmarks/studies/vision.py
    python benchmarks/studies/vision_flatness.py vision-digits-resnet8 --sparsity 0.99

Of each run: the top eigenvalue and the trace of the Hessian of the training loss where zeros stay zeros, the
top eigenvalue over all weights, as SAFE's paper has it, that loss, and the mean accuracy on corrupted test
images, six kinds at five strengths.  Results go to ``benchmarks/results/STUDY-flatness.json``, a table
(.md), and the training loss of the first seed's networks along random and top-eigenvector directions (.svg).
"""

import argparse
import json
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from torch import Tensor, nn
from vision import RESULTS
from vision_figures import UNPRUNED

from tamis_torch import vision
from tamis_torch.vision.accuracy import score
from tamis_torch.vision.batches import in_order
from tamis_torch.vision.curvature import support, top_eigenvalue, trace
from tamis_torch.vision.images import Part
from tamis_torch.vision.landscape import loss_along, mean_loss, random_direction
from tamis_torch.vision.landscape_chart import landscape_svg
from tamis_torch.vision.robustness import under_corruption

COLUMNS = {
    "top_eigenvalue": "top eigenvalue, zeros kept",
    "trace": "trace, zeros kept",
    "top_eigenvalue_all": "top eigenvalue, all weights",
    "loss": "training loss",
    "clean": "clean images, %",
    "corrupted": "corrupted, %",
}
DRAWN = "dense", "gmp", "gmp-sam", "admm", "safe"  # more lines than eight a picture cannot tell apart
RANDOM = [i / 20 for i in range(-20, 21)]  # in lengths of a filter
SHARPEST = [i / 10 for i in range(-20, 21)]  # of a direction of length 1


def measured(
    network: nn.Module, standard: Any, images: vision.Images, given: argparse.Namespace, drawn: bool
) -> dict[str, Any]:
    """Return the figures of one network, and if it is drawn the loss along two lines."""
    batches = list(in_order(images.train, standard, torch.device("cpu"), given.images))
    kept = support(network)
    settings: dict[str, Any] = {"tolerance": 0.01, "most": 40}
    inside = top_eigenvalue(network, batches, mask=kept, **settings)
    everywhere = top_eigenvalue(network, batches, **settings)
    total = trace(network, batches, mask=kept, tolerance=0.05, most=40)
    tested = Part(*(tensor[: given.tested] for tensor in images.test))
    clean = score(network, in_order(tested, standard, torch.device("cpu"))).accuracy
    right = under_corruption(network, standard, tested)
    along = {"lines": lines(network, batches, kept, inside.vector)} if drawn else {}
    return {
        "top_eigenvalue": inside.value, "top_eigenvalue_converged": inside.converged,
        "top_eigenvalue_all": everywhere.value, "top_eigenvalue_all_converged": everywhere.converged,
        "trace": total.value, "trace_error": total.error, "loss": mean_loss(network, batches),
        "clean": 100 * clean,
        "corrupted": 100 * mean(x for kind in right.values() for x in kind), "by_kind": right, **along,
    }  # fmt: skip


def lines(
    network: nn.Module, batches: Any, kept: dict[str, Tensor], sharpest: dict[str, Tensor]
) -> dict[str, Any]:
    """Return the training loss along a random direction and along the sharpest, zeros kept."""
    directions = {"random": (random_direction(network, mask=kept), RANDOM), "sharpest": (sharpest, SHARPEST)}
    return {
        name: list(zip(distances, loss_along(network, batches, direction, distances), strict=True))
        for name, (direction, distances) in directions.items()
    }


def said(values: list[float]) -> str:
    """Return mean and spread over several seeds, in three digits."""
    return f"{mean(values):.3g} ({max(values) - min(values):.3g})"


def table(rows: list[dict[str, Any]]) -> str:
    """Return mean and spread over seeds of each figure, a method a line."""
    text = f"| method | {' | '.join(COLUMNS.values())} |\n{'|---' * (len(COLUMNS) + 1)}|\n"
    for method in dict.fromkeys(row["method"] for row in rows):
        of = [row for row in rows if row["method"] == method]
        text += f"| {method} | {' | '.join(said([row[name] for row in of]) for name in COLUMNS)} |\n"
    return text


def main() -> None:
    """Measure the networks of a study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", help="As its results are named: vision-digits-resnet8.")
    parser.add_argument("--data", default="digits", help="The study's.")
    parser.add_argument("--sparsity", type=float, default=0.99)
    parser.add_argument("--images", type=int, default=300, help="Training images of the Hessian's loss.")
    parser.add_argument("--tested", type=int, default=2000, help="Test images to corrupt.")
    parser.add_argument("--runs", type=Path, default=Path("runs/vision"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    images = vision.read_images(given.data)
    study: dict[str, Any] = json.loads((given.results / f"{given.study}.json").read_text("utf-8"))
    file = given.results / f"{given.study}-flatness.json"
    rows: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    for label, row in study.items():
        if label in rows or not (row["method"] in UNPRUNED or row["sparsity"] == given.sparsity):
            continue
        network, standard, *_ = vision.load_network(
            given.runs / given.study.removeprefix("vision-") / label / "model"
        )
        about = {name: row[name] for name in ("method", "sparsity", "seed")}
        rows[label] = about | measured(network, standard, images, given, drawn=row["seed"] == 0)
        file.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
        print(label, {name: round(rows[label][name], 2) for name in COLUMNS}, flush=True)
    text = f"{given.study}, {given.sparsity:.1%} zeros: mean over seeds, (largest - least)"
    file.with_suffix(".md").write_text(f"{text}\n\n{table(list(rows.values()))}", "utf-8")
    for name, axis in (("random", "distance, in lengths of a filter"), ("sharpest", "distance")):
        curves = {
            row["method"]: row["lines"][name]
            for row in rows.values()
            if "lines" in row and row["method"] in DRAWN
        }
        drawn = landscape_svg(curves, x=axis, log=True)
        file.with_name(f"{given.study}-{name}.svg").write_text(drawn, "utf-8")


if __name__ == "__main__":
    main()
