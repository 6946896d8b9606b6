"""What ``run.json`` says: what a run is known by, and how its model was judged."""

from typing import Any

import torch

from tamis_torch import environment
from tamis_torch.blockwise.windows import draw
from tamis_torch.evaluate import perplexity
from tamis_torch.methods import magnitude
from tamis_torch.methods.elsa import Elsa
from tamis_torch.methods.magnitude import Magnitude
from tamis_torch.methods.schedule import Training
from tamis_torch.opening import calibration
from tamis_torch.task import Task


def begun(task: Task, name: str, method: object, device: str) -> dict[str, Any]:
    """Return what is known before the work: versions, data, budget."""
    trained = method if isinstance(method, Training) else None
    steps = trained.steps if trained else 0
    train_tokens = steps * trained.batch_size * trained.seq_len if trained else 0
    calibrated = calibration(task, method)
    calibration_tokens = draw(task.train.tokens, calibrated).numel() if calibrated and task.train else 0
    evaluation = task.evaluation.text.describe() if task.evaluation else None
    return {
        "status": "running", "message": "", "method": name, "model": task.name,
        "versions": environment.versions(), "machine": environment.machine(device),
        "data": {"train": task.train.describe() if task.train else None, "eval": evaluation},
        "steps": steps, "train_tokens": train_tokens, "calibration_tokens": calibration_tokens,
        "perplexity": None, "warnings": [],
    }  # fmt: skip


def judge(task: Task) -> float | None:
    """Return the perplexity of the model as it is, None without a text."""
    if task.evaluation is None:
        return None
    text, seq_len, limit = task.evaluation
    return perplexity(task.model, text.tokens, seq_len, limit).perplexity


@torch.no_grad()
def judge_start(task: Task, method: object) -> dict[str, Any] | None:
    """Evaluate the model as it is and, if it will be pruned, as magnitude pruning would leave it."""
    if task.evaluation is None:
        return None
    text, seq_len, limit = task.evaluation
    result: dict[str, Any] = {
        "text": text.label, "seq_len": seq_len, "windows": min(len(text.tokens) // seq_len, limit or 2**62),
        "before": judge(task), "projected_at_start": None, "after": None,
    }  # fmt: skip
    if isinstance(method, Elsa):
        kept = {name: weight.detach().clone() for name, weight in task.weights.items()}
        projected = Magnitude(sparsity=method.sparsity, pattern=method.pattern, budget=method.budget)
        magnitude.apply(projected, task.weights, task.axes)
        result["projected_at_start"] = judge(task)
        for name, weight in task.weights.items():
            weight.copy_(kept[name])
    return result
