"""Perplexity of the package's small model after pruning, on short budgets: a few seconds each.

Every method that the package has and that takes a sparsity is here, asked for 50, 90, 95% and 2:4.  The
numbers are far above what a longer training reaches; they are for telling commits apart.
"""

import math
import tempfile
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

from .found import fields, methods
from .stated import named, quality

GOALS = ["50%", "90%", "95%", "2:4"]
BUDGET = {  # what a method has of these is set; the rest are its defaults
    "steps": 40, "batch_size": 4, "seq_len": 128, "samples": 32, "epochs": 4,
}  # fmt: skip
TRAIN, TEST = 1_000_000, 200_000  # characters
WINDOWS, WINDOW = 24, 128
LARGEST = 1e6  # a model that has forgotten everything
TOLERANCE = 0.03
VERSION = "1"  # of what is done here: another one starts the history anew


def setup_cache() -> dict[str, Any]:
    """Return the tokens of the demo's texts."""
    from tamis_torch.data import tokenize
    from tamis_torch.demo.corpus import stdlib_text
    from tamis_torch.demo.run import demo_model

    tokenizer = demo_model().tokenizer
    texts = {"train": stdlib_text("train")[:TRAIN], "test": stdlib_text("test")[:TEST]}
    return {name: tokenize(tokenizer, text, 2048) for name, text in texts.items()}


setup_cache.timeout = 300  # type: ignore[attr-defined]


def perplexity(kind: Any, goal: str, texts: dict[str, Any]) -> float:
    """Return the perplexity of the test text after pruning the demo's model to the goal."""
    import torch

    import tamis_torch as tt
    from tamis_torch.demo.run import demo_model

    torch.set_num_threads(1)
    known = fields(kind)
    wanted = {"pattern": goal} if ":" in goal else {"sparsity": float(goal[:-1]) / 100}
    config = kind(**wanted, **{key: value for key, value in BUDGET.items() if key in known})
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(StringIO()):  # progress
        run = tt.prune(
            demo_model(), texts["train"], config, out=Path(folder, "run"), evaluation=texts["test"],
            eval_seq_len=WINDOW, eval_windows=WINDOWS, checkpoint_every=0,
        )  # fmt: skip
    after = float(run.results["perplexity"]["after"])
    return min(after, LARGEST) if math.isfinite(after) else LARGEST


def track(name: str, kind: Any) -> Any:
    """Return the benchmark of a method."""

    def measure(texts: dict[str, Any], goal: str) -> float:
        return perplexity(kind, goal, texts)

    stated = quality(
        "perplexity", TOLERANCE, params=[GOALS], param_names=["goal"], version=VERSION, timeout=600,
        pretty_name=f"perplexity, {name}",
    )  # fmt: skip
    return stated(named(measure, f"track_{name}"))


for _name, _kind in methods().items():
    globals()[f"track_{_name.replace('-', '_')}"] = track(_name, _kind)
