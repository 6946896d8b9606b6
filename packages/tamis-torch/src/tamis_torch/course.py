"""The course of one run, from what was asked to what is written down.

    check everything  ->  evaluate  ->  prune or train  ->  save the model  ->  evaluate  ->  report

Nothing long starts before every input has been checked, and the model appears under its name
only when it is whole.
"""

from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tamis_torch import advice, blockwise, environment, fit, launch, resolved, results, runs, sharding
from tamis_torch.checkpoint import Loaded, can_resume, folder_bytes, save
from tamis_torch.errors import InputError, RunError
from tamis_torch.intervals import Intervals
from tamis_torch.methods import magnitude
from tamis_torch.methods.calibrated import Calibrated
from tamis_torch.methods.elsa import Elsa
from tamis_torch.methods.finetune import Finetune
from tamis_torch.methods.goal import Goal
from tamis_torch.methods.magnitude import Magnitude
from tamis_torch.methods.names import name_of
from tamis_torch.methods.schedule import Training
from tamis_torch.opening import calibration, prepare_start
from tamis_torch.ranks import Ranks
from tamis_torch.runs import Run
from tamis_torch.sharding import check_shares
from tamis_torch.task import Task, prepare
from tamis_torch.training import check_model, peak_lr
from tamis_torch.zeros import counted, zeros

Method = Goal | Training  # any method's settings


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a run was asked for, as :func:`tamis_torch.pruning.prune` takes it."""

    model: str | Path | Loaded | PreTrainedModel
    tokens: str | Path | Tensor | None
    method: Method
    folder: Path
    tokenizer: PreTrainedTokenizerBase | None
    evaluation: str | Path | Tensor | None
    eval_seq_len: int | None
    eval_windows: int | None
    device: str
    """That of this rank."""
    dtype: str
    intervals: Intervals
    force: bool
    resume: bool


def run(asked: Asked, ranks: Ranks) -> Run:
    """Prune on all ranks; what only one may do, such as writing, the first one does."""
    check_shares(asked.method, ranks)
    task = _prepared(asked)
    asked = replace(asked, method=_settled(asked.method, task))
    settings = _settings(asked, task, ranks)
    if launch.first(ranks, lambda: runs.open_folder(asked.folder, settings, asked.force, asked.resume)):
        return Run(asked.folder, runs.told(asked.folder))
    started = monotonic() - (runs.spent(asked.folder) if asked.resume else 0.0)
    record = results.begun(task, settings["method"], asked.method, asked.device)
    try:
        with launch.noticing():
            task = _work(asked, task, record, ranks)
            return _finish(asked, task, record, ranks, started)
    except RunError as error:
        if ranks.rank == 0:
            runs.write_failure(asked.folder, record, error, started)
        raise


def _prepared(asked: Asked) -> Task:
    """Load and check what the run works on."""
    method = asked.method
    task = prepare(
        asked.model, asked.tokens, asked.evaluation,
        tokenizer=asked.tokenizer, goal=method if isinstance(method, Goal | Finetune) else None,
        seq_len=method.seq_len if isinstance(method, Training | Calibrated) else None,
        eval_seq_len=asked.eval_seq_len, eval_windows=asked.eval_windows, device=asked.device,
        dtype=torch.bfloat16 if isinstance(method, Training) and method.rounds_weights else torch.float32,
    )  # fmt: skip
    if calibration(task, method) is not None:
        blockwise.find(task.model, task.weights, task.axes)
    if isinstance(method, Finetune) and zeros(task.weights) == 0:
        raise InputError(
            f"finetune keeps the zeros of a pruned model, but {task.name} has none; prune it first"
        )
    return task


def _settled(method: Method, task: Task) -> Method:
    """Return the settings with what depends on the model."""
    if not isinstance(method, Training):
        return method
    check_model(method, task.model)
    return replace(method, lr=peak_lr(method, task.weights, task.axes))


def _settings(asked: Asked, task: Task, ranks: Ranks) -> dict[str, Any]:
    """Return what config.json says."""
    name = name_of(asked.method)
    assert name is not None, "prune() refuses what is no method"
    device = asked.device if ranks.count == 1 else asked.device.partition(":")[0]  # cuda: another a rank
    given = asked.evaluation is not None
    return resolved.settings_of(task, name, asdict(asked.method), device, asked.dtype, given=given)


def _work(asked: Asked, task: Task, record: dict[str, Any], ranks: Ranks) -> Task:
    """Prune or train; return the task with the model that came out, which may be cut over ranks."""
    method, folder, dtype, intervals = asked.method, asked.folder, asked.dtype, asked.intervals
    record["perplexity"] = launch.first(ranks, lambda: results.judge_start(task, method))
    if isinstance(method, Elsa):
        begin = partial(prepare_start, task, method, folder, dtype, intervals, asked.resume)
        record["warnings"] += launch.first(ranks, begin)
        launch.spread(ranks, task.model)
    begun = launch.first(ranks, lambda: asked.resume and can_resume(folder))
    if isinstance(method, Training):
        task = sharding.cut(task, method, ranks)
        record["warnings"] += fit.fit(task, method, folder, dtype, intervals, begun)
    elif isinstance(method, Calibrated):
        record["warnings"] += blockwise.prune(task, method, folder, dtype, intervals, begun)
    elif isinstance(method, Magnitude):
        magnitude.apply(method, task.weights, task.axes)
    return task


def _finish(asked: Asked, task: Task, record: dict[str, Any], ranks: Ranks, started: float) -> Run:
    """Save the model, judge it, and write down how the run went."""
    folder, weights = asked.folder, sharding.whole(task.model, ranks)
    launch.first(ranks, lambda: save(task.model, task.tokenizer, folder / "model", weights=weights))
    if record["perplexity"]:
        record["perplexity"]["after"] = results.judge(task)
        record["warnings"] += advice.worse(record["perplexity"])
    record |= counted(task.weights)
    record["warnings"] += advice.sparser(asked.method, record["sparsity"])
    record |= {
        "status": "complete",
        "seconds": round(monotonic() - started, 2),
        "peak_memory_bytes": environment.peak_memory(asked.device),
        "size": {"model_bytes": folder_bytes(folder / "model")},
    }
    launch.first(ranks, lambda: runs.write(folder, record))
    return Run(folder, record)
