"""Errors of a small network on scikit-learn's digits, trained sparse on a short budget: seconds each.

Every method on images that the package has and that takes a sparsity is here.
"""

import tempfile
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

from .found import vision_methods
from .stated import named, quality

GOALS = ["90%", "98%"]
NETWORK, EPOCHS, BATCH = "mlp", 30, 64
SLACK = 2.0  # of the 360 test images, in percent: seven images
VERSION = "1"


def errors(kind: Any, goal: str) -> float:
    """Return the share of the test images that a network trained to this sparsity gets wrong, in percent."""
    import torch

    import tamis_torch as tt

    torch.set_num_threads(1)
    config = kind(sparsity=float(goal[:-1]) / 100, epochs=EPOCHS, batch_size=BATCH)
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(StringIO()):  # progress
        run = tt.train_sparse(NETWORK, "digits", config, out=Path(folder, "run"), checkpoint_every=0)
    return 100 * (1 - float(run.results["accuracy"]["after"]))


def track(name: str, kind: Any) -> Any:
    """Return the benchmark of a method."""

    def measure(goal: str) -> float:
        return errors(kind, goal)

    stated = quality(
        "% wrong", slack=SLACK, params=[GOALS], param_names=["goal"], version=VERSION, timeout=300,
        pretty_name=f"digits, {name}",
    )  # fmt: skip
    return stated(named(measure, f"track_{name}"))


for _name, _kind in vision_methods().items():
    globals()[f"track_{_name.replace('-', '_')}"] = track(_name, _kind)
