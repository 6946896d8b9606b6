"""The main job once, on the model and text that come with the package.

Four rows on text that no training saw: the dense model, the dense model trained on for the same
tokens (a model that still learns makes pruning look free), magnitude pruning, and Elsa.
"""

from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from tamis_torch.checkpoint import Loaded, load, write_atomically
from tamis_torch.demo.corpus import stdlib_text
from tamis_torch.methods.dense import Dense
from tamis_torch.methods.elsa import Elsa
from tamis_torch.methods.magnitude import Magnitude
from tamis_torch.pruning import Method, Run, prune
from tamis_torch.report import compare_table, write_comparison

STEPS = 350
EVAL_WINDOWS = 64
SEQ_LEN = 256


def demo_model() -> Loaded:
    """Return the small model that comes with the package, a fresh copy at each call."""
    with as_file(files("tamis_torch.demo") / "model") as folder:
        return load(str(folder))


def run_demo(
    out: Path, *, sparsity: float = 0.9, steps: int | None = None
) -> tuple[list[dict[str, Any]], Path]:
    """Run the demo into ``out`` and return the table's rows and the page's path.

    Raises
    ------
    InputError
        If the sparsity or the steps are out of range.
    """
    budget: dict[str, Any] = {"steps": steps or STEPS, "batch_size": 4, "seq_len": SEQ_LEN}
    methods: dict[str, Method] = {
        "trained-on": Dense(**budget),
        "magnitude": Magnitude(sparsity=sparsity),
        "elsa": Elsa(sparsity=sparsity, **budget),
    }
    out.mkdir(parents=True, exist_ok=True)
    texts = {split: out / f"{split}.txt" for split in ("train", "test")}
    for split, path in texts.items():
        write_atomically(path, stdlib_text(split))
    runs = {name: _run(method, out / name, texts) for name, method in methods.items()}
    return _tell(runs, out / "comparison.html")


def _run(method: Method, out: Path, texts: dict[str, Path]) -> Run:
    return prune(
        demo_model(), texts["train"], method, out=out, evaluation=texts["test"],
        eval_seq_len=SEQ_LEN, eval_windows=EVAL_WINDOWS, checkpoint_every=0, force=out.exists(),
    )  # fmt: skip


def _tell(runs: dict[str, Run], page: Path) -> tuple[list[dict[str, Any]], Path]:
    before = runs["elsa"].results["perplexity"]["before"]
    dense = {"run": "dense", "method": "none", "sparsity": 0.0, "steps": 0, "before": before, "after": before}
    shown: list[Path | dict[str, Any]] = [dense, *(run.folder for run in runs.values())]
    write_comparison(shown, page)
    return compare_table(shown), page
