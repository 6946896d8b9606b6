"""What ``config.json`` says: every setting of a run as resolved, by which a stopped one is known again."""

import json
from pathlib import Path
from typing import Any

from tamis_torch import results
from tamis_torch.data import digest
from tamis_torch.errors import InputError
from tamis_torch.folders import prepare_folder
from tamis_torch.journal import write_json
from tamis_torch.report import write_report
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


def check_same(folder: Path, settings: dict[str, Any]) -> None:
    """Refuse to go on with an interrupted run under other settings."""
    if results.ended(folder) and (folder / "report.html").exists():
        raise InputError(f"the run in {folder} is complete, nothing is left to resume; --force makes it anew")
    before = json.loads((folder / "config.json").read_text("utf-8"))
    now = json.loads(json.dumps(settings))
    other = [f"{name} {before.get(name)}, got {now[name]}" for name in now if before.get(name) != now[name]]
    if other:
        raise InputError(f"the interrupted run in {folder} had other settings: {'; '.join(other)}")


def ended(folder: Path, settings: dict[str, Any], force: bool, resume: bool) -> bool:
    """Open the run's folder; return whether the run came to its end, but perhaps not to its page."""
    prepare_folder(folder, force=force, resume=resume)
    if resume:
        check_same(folder, settings)
        if results.ended(folder):
            write_report(folder)
            return True
    write_json(folder / "config.json", settings)
    return False
