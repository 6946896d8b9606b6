"""A method's training inside a run folder: metrics, checkpoints, resuming, interruption."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from tamis_torch import advice, snapshot
from tamis_torch.adam import adam_of
from tamis_torch.data import Batches
from tamis_torch.in_backward import InBackward
from tamis_torch.intervals import Intervals
from tamis_torch.journal import Journal, Silent
from tamis_torch.layout import layout
from tamis_torch.masters import Masters, to_bfloat16
from tamis_torch.methods.elsa import Elsa
from tamis_torch.methods.finetune import Finetune, masks, restrict
from tamis_torch.methods.schedule import Training
from tamis_torch.optimizer import ADMM
from tamis_torch.ranks import Ranks, ranks_of
from tamis_torch.recording import Line, State, recording
from tamis_torch.shards import load_shards
from tamis_torch.task import Task
from tamis_torch.telling import finalized, watched
from tamis_torch.training import check_model, peak_lr, train


def fit(
    task: Task, config: Training, folder: Path, dtype: str, intervals: Intervals, resume: bool
) -> list[str]:
    """Train the task's model by the method, in place; return warnings about the run and its result.

    A checkpoint is kept by default every tenth of the steps, and by time.

    Raises
    ------
    InputError
        If the model cannot be trained as the settings say.
    Interrupted, RunError
        As :func:`tamis_torch.recording.recording`.
    """
    check_model(config, task.model)
    ranks = ranks_of(task.weights.values())
    if config.rounds_weights and ranks.count == 1:  # else they were before the model was cut
        to_bfloat16(task.model)
    if not config.has_masters or ranks.count > 1:
        return _fit(task, None, config, folder, dtype, intervals, resume)
    masters = Masters(task.model)
    try:
        moved = task._replace(weights=masters.of(task.weights))
        return _fit(moved, masters, config, folder, dtype, intervals, resume)
    finally:
        masters.restore()


def _fit(
    task: Task,
    masters: Masters | None,
    config: Training,
    folder: Path,
    dtype: str,
    intervals: Intervals,
    resume: bool,
) -> list[str]:
    """Train; the task's weights are those that the optimiser moves, the masters if there are any."""
    assert task.train is not None, "prepare() refuses a training method without a text"
    batches = Batches(task.train.tokens, config.seq_len, config.batch_size, config.seed)
    lr = peak_lr(config, task.weights, task.axes)
    moved = masters or task.model
    inner, inside = adam_of(moved, config, lr)
    optimizer = _optimizer(inner, task, config)
    kept = masks(task.weights) if isinstance(config, Finetune) else None
    warnings = advice.before(config, task.weights, lr) if isinstance(config, Elsa) else []
    ranks = ranks_of(task.weights.values())
    start, warnings = _resumed(moved, optimizer, inside, folder, ranks) if resume else (0, warnings)
    journal = _journal(folder, config, start, ranks)

    def state(step: int) -> State:
        meta = snapshot.describe(optimizer, inside, step) | {"warnings": warnings}
        return snapshot.take(moved, optimizer), meta

    with recording(journal, config.steps, intervals, state, ranks) as tell:
        journal.say(warnings)

        def after_step(step: int, line: Line) -> None:
            if kept is not None:
                restrict(task.weights, kept)
            tell(step, line | watched(optimizer, step, sparsity=0.0))

        try:
            train(
                task.model, optimizer, config, batches, start=start, dtype=dtype, masters=masters,
                inside=inside, radius=config.radius if isinstance(config, Elsa) else 0.0,
                after_step=after_step,
            )  # fmt: skip
        finally:
            if inside is not None:
                inside.remove()
    return warnings + (finalized(optimizer) if isinstance(optimizer, ADMM) else [])


def _journal(folder: Path, config: Training, start: int, ranks: Ranks) -> Journal | Silent:
    tokens = config.batch_size * config.seq_len
    return Silent(folder) if ranks.rank else Journal(folder, config.steps, tokens, start)


def _optimizer(inner: torch.optim.Optimizer, task: Task, config: Training) -> torch.optim.Optimizer:
    return ADMM(inner, task.weights, config, task.axes) if isinstance(config, Elsa) else inner


def _resumed(
    moved: nn.Module | Masters, optimizer: Any, inside: InBackward | None, folder: Path, ranks: Ranks
) -> tuple[int, list[str]]:
    """Put the newest state back; return its step, and what was and is to be warned of."""
    tensors, meta, damaged = load_shards(folder / "checkpoints", ranks, layout(moved, optimizer))
    snapshot.put_back(tensors, meta, moved, optimizer, inside)
    return int(meta["step"]), [*meta["warnings"], *damaged]
