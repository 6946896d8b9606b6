"""Read a run folder: config.json, metrics.jsonl and run.json, with errors that name file and line.

Only run.json must be there: a run that failed early has written no metrics.  A last line of
metrics.jsonl that was cut short, as a killed process leaves it, is passed over.
"""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from tamis_torch.errors import InputError

Record = dict[str, Any]
GIVEN = "given in Python: "  # before the name of what no command line can name


class RunFolder(NamedTuple):
    """What a run wrote: settings, one record a step, and the results."""

    path: Path
    config: Record
    metrics: list[Record]
    run: Record


def read_run(folder: str | Path) -> RunFolder:
    """Return the records of a run folder.

    Raises
    ------
    InputError
        If run.json is missing, or a file is not the JSON that it should be.
    """
    folder = Path(folder)
    if not (folder / "run.json").is_file():
        raise InputError(
            f"{folder} is not a run folder: it has no run.json ({folder / 'run.json'} is missing)"
        )
    config = folder / "config.json"
    return RunFolder(
        folder,
        _read_object(config) if config.is_file() else {},
        _read_lines(folder / "metrics.jsonl"),
        _read_object(folder / "run.json"),
    )


def column(metrics: list[Record], name: str) -> list[tuple[float, float | None]]:
    """Return (step, value) of each record; what is missing or not finite is None."""
    return [(record["step"], _finite(record.get(name))) for record in metrics]


def is_by_block(metrics: list[Record]) -> bool:
    """Return whether the lines are those of blocks rather than of training steps."""
    return bool(metrics) and "block" in metrics[0]


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _read_object(path: Path) -> Record:
    return _parse(_text(path), str(path))


def _read_lines(path: Path) -> list[Record]:
    lines = (
        [line for line in enumerate(_text(path).splitlines(), 1) if line[1].strip()] if path.is_file() else []
    )
    records = []
    for number, line in lines:
        try:
            record = _parse(line, f"{path} line {number}")
        except InputError:
            if number == lines[-1][0]:
                break
            raise
        if not isinstance(record.get("step"), int):
            raise InputError(f"{path} line {number} has no whole number under 'step': {line[:80]}")
        records.append(record)
    return records


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def _parse(text: str, where: str) -> Record:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{where} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{where} must hold a JSON object, got {type(value).__name__}")
    return value
