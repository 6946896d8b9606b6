"""Every method on images at every sparsity, with the spread over seeds.

``nox -s study-vision`` runs this file.  A cell is (method, sparsity, seed); all cells of a study have the
same network, data, epochs, batch size, learning rate and schedule of it.  A run that was stopped goes on, one
that is complete is not made again.  The rows go to ``benchmarks/results/vision-STUDY.json`` with a table
(.md) and a figure (.svg), the runs themselves to ``runs/vision/STUDY``, where ``tamis compare`` finds them.

    python benchmarks/studies/vision.py                                                   digits, minutes
    python benchmarks/studies/vision.py --data fashion-mnist --images 10000 --epochs 10   hours on two cores
    python benchmarks/studies/vision.py --label-noise 0.5                                 wrong labels
    python benchmarks/studies/vision.py --methods safe gmp-sam sam --radius 0.8

Two rows are made by SAFE and ADMM in the paper's own form, ``tt.vision.Safe.paper``, with its penalty in
proportion to how many fewer steps there are here.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from vision_figures import UNPRUNED, draw, table

import tamis_torch as tt
from tamis_torch import vision

RESULTS = Path(__file__).parents[1] / "results"
SPARSITIES = (0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
PAPER_STEPS = 78_000  # of 200 epochs of CIFAR-10 in batches of 128


def papers(kind: Any) -> Callable[..., Any]:
    """Return what makes the paper's form of a method, at the study's epochs and schedule."""

    def make(steps: int, **settings: Any) -> Any:
        return kind.paper(**settings, penalty=1e-3 * PAPER_STEPS / steps)

    return make


METHODS: dict[str, Callable[..., Any]] = {
    "dense": lambda steps, **settings: vision.Dense(**settings),
    "sam": lambda steps, **settings: vision.Sam(**settings),
    "magnitude": lambda steps, **settings: vision.Magnitude(**settings),
    "gmp": lambda steps, **settings: vision.Gradual(**settings),
    "gmp-sam": lambda steps, **settings: vision.GradualSam(**settings),
    "imp": lambda steps, **settings: vision.Iterative(**settings),
    "admm": lambda steps, **settings: vision.Admm(**settings),
    "safe": lambda steps, **settings: vision.Safe(**settings),
    "admm, paper's form": papers(vision.Admm),
    "safe, paper's form": papers(vision.Safe),
}


class Cell(NamedTuple):
    """One run to make."""

    method: str
    sparsity: float
    seed: int

    @property
    def label(self) -> str:
        """Return the name of its folder."""
        method = self.method.replace(", paper's form", "-paper")
        return f"{method}-{self.sparsity:g}-{self.seed}"


def make(cell: Cell, given: argparse.Namespace, images: vision.Images, folder: Path) -> dict[str, Any]:
    """Make a cell's run, or go on with it, or take what is there; return what is kept of it."""
    out = folder / cell.label
    told = out / "run.json"
    done = told.exists() and json.loads(told.read_text("utf-8"))["status"] == "complete"
    count = given.images or len(images.train.labels)
    steps = given.epochs * (count // given.batch_size)
    zeros = {} if cell.method in UNPRUNED else {"sparsity": cell.sparsity}
    settings = {name: getattr(given, name) for name in ("epochs", "batch_size", "lr", "augment")}
    far = {} if given.radius is None else {"radius": given.radius, "radius_rise": "linear"}
    method = METHODS[cell.method](steps, seed=cell.seed, warmup=0.05, **settings, **zeros, **far)
    if not done:
        begun = (out / "config.json").exists()
        tt.train_sparse(
            given.arch, images, method, out=out, train_images=given.images, label_noise=given.label_noise,
            dtype=given.dtype, compile=given.compile, resume=begun, force=out.exists() and not begun,
        )  # fmt: skip
    results = json.loads(told.read_text("utf-8"))
    kept = ("accuracy", "steps", "seconds", "warnings", "versions", "machine")
    config = json.loads((out / "config.json").read_text("utf-8")) | {"data": images.name}
    found = {key: results[key] for key in kept} | {"zeros": results["sparsity"], "settings": config}
    return found | cell._asdict()


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="digits", help="digits, or a folder or .zip file of images.")
    parser.add_argument("--arch", default="resnet8")
    parser.add_argument("--images", type=int, help="A fixed sample of so many training images; all.")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--augment", help="none, crop (default), crop-flip")
    parser.add_argument("--label-noise", type=float, default=0.0)
    parser.add_argument(
        "--radius", type=float, help="To which that of sharpness-aware methods rises; each one's own."
    )
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--sparsities", nargs="*", type=float, default=list(SPARSITIES))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--compile", action="store_true", help="The network's passes, by torch.")
    parser.add_argument(
        "--threads", type=int, default=1, help="Of torch; a figure is repeated with the same."
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/vision"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--study", help="Its name in the results; from data, network, noise, radius.")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    images = vision.read_images(given.data)
    changed = f"-noise{given.label_noise:g}" if given.label_noise else ""
    changed += "" if given.radius is None else f"-radius{given.radius:g}"
    name = given.study or f"{images.name}-{given.arch}{changed}"
    file = given.results / f"vision-{name}.json"
    rows: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    cells = [
        Cell(method, 0.0 if method in UNPRUNED else sparsity, seed)
        for seed in given.seeds
        for sparsity in given.sparsities
        for method in given.methods
    ]
    for cell in dict.fromkeys(cells):
        if cell.label not in rows:
            rows[cell.label] = make(cell, given, images, given.runs / name)
            file.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    made = list(rows.values())
    title = f"{given.arch} on {images.name}, {given.epochs} epochs{changed.replace('-', ', ')}"
    words = "mean over seeds, (largest - least); `nox -s study-vision`."
    text = f"Test accuracy in per cent, {title}: {words}\n\n{table(made, list(METHODS))}\n"
    file.with_suffix(".md").write_text(text, "utf-8")
    draw(made, list(METHODS), file.with_suffix(".svg"), title)


if __name__ == "__main__":
    main()
