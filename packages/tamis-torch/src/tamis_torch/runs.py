"""The folder of a run from its opening to its end, of whatever kind the run is.

config.json    every setting as resolved, by which a run that was stopped is known again
run.json       how it ended; ``report.html`` is made from both
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from tamis_torch.errors import InputError, RunError
from tamis_torch.folders import prepare_folder
from tamis_torch.interrupt import Interrupted
from tamis_torch.journal import write_json
from tamis_torch.report import write_report


@dataclass(frozen=True)
class Run:
    """A finished run: its folder and what ``run.json`` says."""

    folder: Path
    results: dict[str, Any]

    @property
    def model(self) -> Path:
        """The folder of the pruned model: of a language model as ``AutoModelForCausalLM`` loads it."""
        return self.folder / "model"


def open_folder(folder: Path, settings: dict[str, Any], force: bool, resume: bool) -> bool:
    """Open a run's folder; return whether the run has come to its end, but perhaps not to its page.

    Raises
    ------
    InputError
        As :func:`tamis_torch.folders.prepare_folder`, or if a run that goes on had other settings.
    RunError
        If the folder cannot be written.
    """
    prepare_folder(folder, force=force, resume=resume)
    if resume:
        _check_same(folder, settings)
        if _complete(folder):
            write_report(folder)
            return True
    write_json(folder / "config.json", settings)
    return False


def told(folder: Path) -> dict[str, Any]:
    """Return what a run's earlier parts wrote down; nothing if they were killed."""
    path = folder / "run.json"
    return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}


def spent(folder: Path) -> float:
    """Return the seconds of a run's earlier parts, as far as they were written down."""
    return float(told(folder).get("seconds") or 0.0)


def write(folder: Path, record: dict[str, Any]) -> None:
    """Write how a run ended; one without a page has not ended."""
    (folder / "report.html").unlink(missing_ok=True)
    write_json(folder / "run.json", record)
    write_report(folder)


def write_failure(folder: Path, record: dict[str, Any], error: RunError, started: float) -> None:
    """Write that a run ended with this error, if it can be written: the reason to tell is the first one.

    ``started`` is when it began, of :func:`time.monotonic`.
    """
    status = "interrupted" if isinstance(error, Interrupted) else "failed"
    with suppress(RunError):
        write(folder, record | {"status": status, "message": str(error), "seconds": monotonic() - started})


def _complete(folder: Path) -> bool:
    return told(folder).get("status") == "complete"


def _check_same(folder: Path, settings: dict[str, Any]) -> None:
    """Refuse to go on with an interrupted run under other settings."""
    if _complete(folder) and (folder / "report.html").exists():
        raise InputError(f"the run in {folder} is complete, nothing is left to resume; --force makes it anew")
    before = json.loads((folder / "config.json").read_text("utf-8"))
    now = json.loads(json.dumps(settings))
    other = [f"{name} {before.get(name)}, got {now[name]}" for name in now if before.get(name) != now[name]]
    if other:
        raise InputError(f"the interrupted run in {folder} had other settings: {'; '.join(other)}")
