"""What ``config.json`` says of the pruning of a language model: every setting as resolved."""

from typing import Any

from tamis_torch.data import digest
from tamis_torch.task import Task, Text


def settings_of(
    task: Task, name: str, method: dict[str, Any], device: str, dtype: str, given: bool
) -> dict[str, Any]:
    """Return every setting of a run as resolved.

    Parameters
    ----------
    task, name, method, device, dtype
        What is run, by the method of this name with these settings.
    given
        Whether a text to judge by was given, rather than held out.
    """
    train = task.train.label if task.train else None
    names = {"model": task.name, "train": train, "train_hash": _hash(task.train), "method": name}
    return names | method | {"device": device, "dtype": dtype} | _judged(task, given)


def _judged(task: Task, given: bool) -> dict[str, Any]:
    """Return the settings of the evaluation; "eval" names no text that was held out."""
    if task.evaluation is None:
        return {"eval": None, "eval_hash": None, "eval_seq_len": None, "eval_windows": None}
    text, seq_len, limit = task.evaluation
    label = text.label if given else None
    return {"eval": label, "eval_hash": _hash(text), "eval_seq_len": seq_len, "eval_windows": limit}


def _hash(text: Text | None) -> str | None:
    return None if text is None else digest(text.tokens)
