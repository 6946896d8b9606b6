"""What a training of Elsa begins from: a model pruned block by block, in a folder of its own.

    DIR/start/metrics.jsonl    a line a block        DIR/start/checkpoints/    the finished blocks

A layer-wise method prunes at once, and does little harm up to some sparsity: the training takes it
from there, and spends its tokens on the zeros that are hard to find.
"""

from dataclasses import replace
from pathlib import Path

from tamis_torch import blockwise
from tamis_torch.blockwise.windows import draw
from tamis_torch.checkpoint import can_resume
from tamis_torch.intervals import Intervals
from tamis_torch.methods.calibrated import Calibrated
from tamis_torch.methods.elsa import Elsa
from tamis_torch.methods.goal import constraint
from tamis_torch.task import Task
from tamis_torch.zeros import as_sparse


def calibration(task: Task, method: object) -> Calibrated | None:
    """Return the settings of what a method does block by block; None if nothing.

    Elsa does nothing block by block on a model that has as many zeros already.
    """
    if isinstance(method, Calibrated):
        return method
    settings = method.opening() if isinstance(method, Elsa) else None
    if settings is None or as_sparse(task.weights, task.axes, constraint(settings, axis=1)):
        return None
    return settings


def prepare_start(
    task: Task, method: Elsa, folder: Path, dtype: str, intervals: Intervals, resume: bool
) -> list[str]:
    """Prune the task's model to where the training begins, unless that has begun; return warnings.

    Each block is kept, whatever the steps between two checkpoints of the training.

    Raises
    ------
    Interrupted, RunError
        As :func:`tamis_torch.blockwise.prune`.
    """
    settings, start = calibration(task, method), folder / "start"
    if settings is None:
        return []
    if resume and can_resume(folder):
        assert task.train is not None, "prepare() refuses a training method without a text"
        return blockwise.said_of(start, settings, len(draw(task.train.tokens, settings)))
    by_block = replace(intervals, every=None)
    return blockwise.prune(task, settings, start, dtype, by_block, resume and can_resume(start), more=True)
