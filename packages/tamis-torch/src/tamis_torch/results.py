"""What ``run.json`` says: what a run is known by, how its model was judged, and the zeros counted."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tamis_torch import environment
from tamis_torch.blockwise.windows import draw
from tamis_torch.evaluate import perplexity
from tamis_torch.journal import write_json
from tamis_torch.methods import magnitude
from tamis_torch.methods.elsa import Elsa
from tamis_torch.methods.magnitude import Magnitude
from tamis_torch.methods.schedule import Training
from tamis_torch.opening import calibration
from tamis_torch.report import write_report
from tamis_torch.task import Task
from tamis_torch.weights import nonzeros


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


def told(folder: Path) -> dict[str, Any]:
    """Return what a run's earlier parts wrote down; nothing if they were killed."""
    path = folder / "run.json"
    return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}


def ended(folder: Path) -> bool:
    """Return whether a run came to its end, but perhaps not to its page."""
    return told(folder).get("status") == "complete"


def spent(folder: Path) -> float:
    """Return the seconds of a run's earlier parts, as far as they were written down."""
    return float(told(folder).get("seconds") or 0.0)


def write(folder: Path, record: dict[str, Any]) -> None:
    """Write how a run ended; one without a page has not ended."""
    (folder / "report.html").unlink(missing_ok=True)
    write_json(folder / "run.json", record)
    write_report(folder)


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


def counted(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the zeros of each pruned weight and of all together."""
    counts = nonzeros(weights)
    layers = [_layer(name, w, n) for (name, w), n in zip(weights.items(), counts, strict=True)]
    entries = sum(weight.numel() for weight in weights.values())
    return {"layers": layers, "sparsity": 1 - sum(layer["nonzeros"] for layer in layers) / entries}


def _layer(name: str, weight: Tensor, count: int) -> dict[str, Any]:
    return {
        "name": name,
        "shape": list(weight.shape),
        "nonzeros": count,
        "sparsity": 1 - count / weight.numel(),
    }
