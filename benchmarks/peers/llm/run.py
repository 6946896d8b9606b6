"""Compare Wanda and SparseGPT of tamis with those of llmcompressor; the exit code says if they agree.

    nox -s peers -- llm
    python benchmarks/peers/llm/run.py --out benchmarks/results/llm-peers.json     (in its environment)

Both sides start from the same folder and the same windows of tokens: tamis through ``tamis_torch.prune``,
llmcompressor through ``oneshot``.  Agreement, at 50%, 90% and 2:4 and for each seed: Wanda's weights
equal everywhere; SparseGPT's masks equal and weights within 1e-5.  Then SparseGPT of both on single
matrices of SmolLM2's shapes: processor time, and squared error of the layer's output.  One thread, half
a minute.
"""

import argparse
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}

# isort: split
import inputs
import report
import theirs
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

import tamis_torch
from tamis_torch.methods import sparsegpt
from tamis_torch.methods.reconstruction import relative_error
from tamis_torch.methods.sparsegpt import SparseGPT
from tamis_torch.methods.wanda import Wanda

METHODS = {"wanda": Wanda, "sparsegpt": SparseGPT}
GOALS = [(0.5, None), (0.9, None), (0.5, "2:4")]
LARGEST_DIFFERENCE = {"wanda": 0.0, "sparsegpt": 1e-5}  # of two weights
SHAPES = [(576, 576), (1536, 576), (576, 1536)]  # of SmolLM2-135M


def main() -> int:
    """Run the command line; 1 if the two sides differ."""
    options = arguments()
    torch.set_num_threads(1)
    for name in ("llmcompressor", "transformers"):
        logging.getLogger(name).setLevel(logging.ERROR)
    theirs.quiet()
    runs = [run for seed in options.seeds for run in compare_models(seed)]
    record = report.machine() | {"runs": runs, "matrices": compare_matrices()}
    record["agreed"] = all(run["agrees"] for run in runs)
    report.write(options.out, record)
    print(report.markdown(record))
    return 0 if record["agreed"] else 1


def compare_models(seed: int) -> list[dict]:
    """Return a record for each method and goal, of one model."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokens, judge = inputs.write(folder / "model", seed)
        return [
            {"seed": seed, "method": method} | compare(folder, tokens, judge, method, *goal)
            for method in METHODS
            for goal in GOALS
        ]


def compare(
    folder: Path, tokens: Tensor, judge: Tensor, method: str, sparsity: float, pattern: str | None
) -> dict:
    """Prune on both sides and count where they differ."""
    asked = {"pattern": pattern} if pattern else {"sparsity": sparsity}
    config = METHODS[method](samples=inputs.WINDOWS, seq_len=inputs.SEQ_LEN, **asked)
    start = time.process_time()
    run = tamis_torch.prune(
        folder / "model", tokens, config, out=folder / "run", evaluation=judge, force=True
    )
    seconds = time.process_time() - start
    windows = tokens.view(inputs.WINDOWS, inputs.SEQ_LEN)
    other, their_seconds = theirs.prune(folder / "model", windows, method, sparsity, pattern)
    names = tamis_torch.prunable(tamis_torch.load(str(run.model)).model)
    found = {name: weight.detach() for name, weight in names.items()}
    counts = differences(found, other)
    agrees = not counts["masks"] and counts["largest"] <= LARGEST_DIFFERENCE[method]
    return {
        "goal": pattern or f"{sparsity:.0%}", **counts, "agrees": agrees,
        "from_magnitude": from_magnitude(folder / "model", other, counts["zeros"]),
        "seconds": {"tamis": round(seconds, 2), "llmcompressor": round(their_seconds, 2)},
    }  # fmt: skip


def differences(found: dict[str, Tensor], other: dict[str, Tensor]) -> dict:
    """Return how the weights of two models differ."""
    pairs = [(weight, other[name]) for name, weight in found.items()]
    return {
        "entries": sum(a.numel() for a, _ in pairs),
        "zeros": sum(int((a == 0).sum()) for a, _ in pairs),
        "zeros_llmcompressor": sum(int((b == 0).sum()) for _, b in pairs),
        "masks": sum(int(((a == 0) != (b == 0)).sum()) for a, b in pairs),
        "largest": max(float((a - b).abs().max()) for a, b in pairs),
        "largest_weight": max(float(a.abs().max()) for a, _ in pairs),
    }


def from_magnitude(folder: Path, pruned: dict[str, Tensor], zeros: int) -> float:
    """Return the share of the pruned entries that magnitude, a matrix at a time, would have kept."""
    dense = tamis_torch.prunable(AutoModelForCausalLM.from_pretrained(folder))
    kept = 0
    for name, weight in dense.items():
        removed = pruned[name] == 0
        largest = weight.abs().flatten().kthvalue(int(removed.sum())).values
        kept += int((removed & (weight.abs() > largest)).sum())
    return kept / zeros


def compare_matrices() -> list[dict]:
    """Return SparseGPT's time and error on both sides, for matrices of SmolLM2's shapes."""
    torch.manual_seed(0)
    grams = {width: _gram(width) for _, width in SHAPES}
    return [
        {"shape": shape, "goal": pattern or f"{sparsity:.0%}"}
        | compare_matrix(torch.randn(shape), grams[shape[1]], sparsity, pattern)
        for shape in SHAPES
        for sparsity, pattern in GOALS[1:]
    ]


def compare_matrix(weight: Tensor, gram: Tensor, sparsity: float, pattern: str | None) -> dict:
    """Return the seconds and errors of both sides on one matrix, and how far both are off float64."""
    config = SparseGPT(pattern=pattern) if pattern else SparseGPT(sparsity=sparsity)
    ours, seconds = _timed(lambda: sparsegpt.prune_matrix(config, weight, gram, sparsity), 3)
    other, their_seconds = _timed(lambda: theirs.sparsegpt_matrix(weight, gram, sparsity, pattern), 1)
    exact = sparsegpt.prune_matrix(config, weight.double(), gram.double(), sparsity)
    return {
        "seconds": {"tamis": seconds, "llmcompressor": their_seconds},
        "error": {
            "tamis": relative_error(ours, weight, gram),
            "llmcompressor": relative_error(other, weight, gram),
        },
        "masks_off_float64": {
            "tamis": int(((ours == 0) != (exact == 0)).sum()),
            "llmcompressor": int(((other == 0) != (exact == 0)).sum()),
        },
    }


def _timed(function, times: int) -> tuple[Tensor, float]:
    """Return the answer and the least seconds of processor time of so many calls."""
    taken = []
    for _ in range(times):
        start = time.process_time()
        answer = function()
        taken.append(time.process_time() - start)
    return answer, round(min(taken), 4)


def _gram(width: int) -> Tensor:
    """Return (2/n) X^T X of 4096 correlated inputs."""
    x = torch.randn(4096, width) @ (torch.randn(width, width) / width**0.5) + 0.3 * torch.randn(4096, width)
    return 2 / 4096 * x.T @ x


def arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="json file that is written, a .md beside it")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="of the models")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
