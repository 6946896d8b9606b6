"""Tasks of EleutherAI's lm-evaluation-harness, on a model in memory (the extra ``tamis-torch[tasks]``).

Every figure is the harness's own: its prompts, its metrics, the number of examples in the prompt
that the task asks for (none, mostly), no chat template.  A .gguf file works as well as a folder,
for the model is handed over as it was loaded.  The data of a task comes from where the task says:
from the hub for those that the harness brings along, from a file for one of your own.
"""

import copy
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tamis_torch.checkpoint import Loaded
from tamis_torch.errors import InputError, in_one_line
from tamis_torch.extras import borrow
from tamis_torch.modes import evaluating

USER = ("tasks", "the evaluation on tasks")  # the extra, and what needs it


@dataclass(frozen=True)
class Score:
    """One metric of one task, or of a group of tasks."""

    task: str
    metric: str  # "acc", "acc_norm", "perplexity", ...
    filter: str  # what was done to the answers first; "none" mostly
    value: float
    stderr: float | None  # standard error, where the harness gives one
    higher_is_better: bool | None
    samples: int | None  # questions asked; None for a group
    shots: int | None  # examples in the prompt
    version: str  # of the task: compare only the same


class Tasks(NamedTuple):
    """Tasks whose data has been read."""

    manager: Any  # of the harness
    chosen: list[Any]  # its tasks and groups


def find_tasks(names: Sequence[str], folder: str | Path | None = None) -> Tasks:
    """Find tasks by name and read their data.

    Parameters
    ----------
    names
        Of tasks, groups or tags: ``["hellaswag", "arc_easy"]``.
    folder
        With tasks of your own (.yaml files in the harness's format).  If it has all that are
        named, those that the harness brings along are not looked through, which takes a while.
        Such a file may name Python code beside it, which is then run.

    Raises
    ------
    InputError
        If the library ``lm_eval`` is missing, a task is unknown, or its data cannot be read.
    """
    if isinstance(names, str) or not names or not all(names):
        raise InputError(f"tasks must be names, such as hellaswag,arc_easy, got {names!r}")
    if folder is not None and not Path(folder).is_dir():
        raise InputError(f"task folder {folder} does not exist, or is no folder")
    with _errors_only():
        manager = _manager(names, folder)
        return Tasks(manager, [part for name in names for part in _load(manager, name)])


def evaluate_tasks(
    loaded: Loaded, tasks: Tasks, *, limit: int | None = None, batch_size: int = 8
) -> list[Score]:
    """Evaluate a model on tasks.

    Parameters
    ----------
    loaded
        What :func:`tamis_torch.load` returns; it is left as it was.
    tasks
        What :func:`find_tasks` returns.
    limit
        The first so many questions of each task only, for a quick look; figures of a part of a
        task are not to be compared with those of the whole.
    batch_size
        Sequences a forward pass.

    Returns
    -------
    list of Score
        In the order of the harness.

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    for name, value in (("batch_size", batch_size), ("limit", limit)):
        if value is not None and value < 1:
            raise InputError(f"{name} must be at least 1, got {value}")
    run = borrow("lm_eval", "simple_evaluate", *USER)
    wrap = borrow("lm_eval.models.huggingface", "HFLM", *USER)
    tokenizer = copy.deepcopy(loaded.tokenizer)  # the harness sets its padding token
    with _errors_only(), evaluating(loaded.model):
        network = wrap(pretrained=loaded.model, tokenizer=tokenizer, batch_size=batch_size)
        results = run(network, tasks=tasks.chosen, task_manager=tasks.manager, limit=limit, log_samples=False)
    return list(_scores(results))


def table(scores: Sequence[Score]) -> str:
    """Return the scores as lines of text, a metric a line."""
    rows = [("task", "metric", "value", "stderr", "samples", "shots")]
    rows += [
        (
            score.task,
            score.metric if score.filter == "none" else f"{score.metric} ({score.filter})",
            f"{score.value:.4f}",
            "" if score.stderr is None else f"{score.stderr:.4f}",
            "" if score.samples is None else str(score.samples),
            "" if score.shots is None else str(score.shots),
        )
        for score in scores
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    left, right = slice(0, 2), slice(2, None)  # words and figures
    words = [cell.ljust(width) for cell, width in zip(row[left], widths[left], strict=True)]
    figures = [cell.rjust(width) for cell, width in zip(row[right], widths[right], strict=True)]
    return "  ".join(words + figures).rstrip()


def _manager(names: Sequence[str], folder: str | Path | None) -> Any:
    """Return what knows the tasks by name: those of the folder, or of folder and harness."""
    manage = borrow("lm_eval.tasks", "TaskManager", *USER)
    if folder is not None:
        own = manage(include_path=str(folder), include_defaults=False)
        if set(names) <= set(own.all_tasks):
            return own
    manager = manage(include_path=None if folder is None else str(folder))
    unknown = sorted(set(names) - set(manager.all_tasks))
    if unknown:
        where = "lm-evaluation-harness" if folder is None else f"{folder} or lm-evaluation-harness"
        raise InputError(f"there is no task {unknown[0]!r} in {where}")
    return manager


def _load(manager: Any, name: str) -> list[Any]:
    """Return a group, a task, or the tasks that share a tag, with their data."""
    try:
        found = manager.load([name])
    except Exception as error:  # network, yaml, a template, the task's own code
        raise InputError(f"task {name} cannot be read: {in_one_line(error, 400)}") from error
    return [found["groups"][name]] if name in found["groups"] else list(found["tasks"].values())


def _scores(results: Any) -> Iterator[Score]:
    """Yield the figures of the harness's result, whose keys are "metric,filter"."""
    for task, figures in (results["results"] | results.get("groups", {})).items():
        about = {name: results.get(name, {}).get(task) for name in ("n-samples", "n-shot", "versions")}
        higher = results.get("higher_is_better", {}).get(task, {})
        for key, value in figures.items():
            metric, comma, kind = key.partition(",")
            if comma and not metric.endswith("_stderr") and isinstance(value, int | float):
                error = figures.get(f"{metric}_stderr,{kind}")
                yield Score(
                    task=task, metric=metric, filter=kind, value=float(value),
                    stderr=float(error) if isinstance(error, int | float) else None,
                    higher_is_better=higher.get(metric),
                    samples=(about["n-samples"] or {}).get("effective"),
                    shots=about["n-shot"], version=str(about["versions"]),
                )  # fmt: skip


@contextmanager
def _errors_only() -> Iterator[None]:
    """Silence the harness's log, which tells of each default that it takes."""
    log = logging.getLogger("lm_eval")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)
