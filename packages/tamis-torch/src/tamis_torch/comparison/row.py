"""The row of one run: from its folder and what it started from, or given directly."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tamis_torch.errors import InputError
from tamis_torch.pages import words
from tamis_torch.pages.image_words import is_on_images
from tamis_torch.pages.run_folder import Record, RunFolder, is_by_block

KEYS = (
    "run", "method", "label", "sparsity", "pattern", "train_tokens", "calibration_tokens", "steps", "before",
    "after", "dense", "ratio", "accuracy", "images_read", "seconds", "memory", "bytes", "status", "model",
    "judged", "trained_on", "tested_on",
)  # fmt: skip


class Entry(NamedTuple):
    """A run that is compared: its row, its settings, its records a step, and its folder if it has one."""

    row: Record
    settings: Record
    metrics: list[Record]
    path: Path | None = None


def from_mapping(given: Mapping[str, Any]) -> Entry:
    """Return the entry of a row given directly; what it does not say is None.

    Raises
    ------
    InputError
        If it has no name, or a key that rows do not have.
    """
    allowed = [*KEYS, "losses"]
    if unknown := sorted(set(given) - set(allowed)):
        raise InputError(f"a row to compare has the keys {', '.join(allowed)}; got {', '.join(unknown)}")
    if not given.get("run"):
        raise InputError(f"a row to compare needs a name under 'run', got {dict(given)!r:.120}")
    row = {key: given.get(key) for key in KEYS}
    row["status"] = given.get("status", "complete")
    row["label"] = row["label"] or row["method"]
    row["dense"] = row["before"] if row["dense"] is None else row["dense"]
    if row["ratio"] is None:
        row["ratio"] = words.ratio(row["dense"], row["after"])
    losses = given.get("losses")
    metrics = [{"step": i, "loss": loss} for i, loss in enumerate([] if losses is None else losses, 1)]
    return Entry(row, {}, metrics)


def from_folder(run: RunFolder, start: Entry | None) -> Entry:
    """Return the entry of a run folder; ``start`` is that of the run whose model it began with, if any."""
    method = run.config.get("method") or run.run.get("method")
    judged, perplexity = _judged(run.run), run.run.get("perplexity") or {}
    steps = _steps(run.metrics)
    earlier = start.row if start else dict.fromkeys(KEYS)
    row: Record = {
        "run": run.path.resolve().name,
        "method": method,
        "label": f"{earlier['label']} + {method}" if earlier["label"] else method,
        "sparsity": run.run.get("sparsity"),
        "pattern": run.config.get("pattern", earlier["pattern"]),
        "train_tokens": _sum(earlier["train_tokens"], _train_tokens(run, steps)),
        "calibration_tokens": _sum(earlier["calibration_tokens"], _calibration_tokens(run)),
        "steps": steps,
        "before": perplexity.get("before"),
        "after": _after(run, perplexity),
        "dense": _dense(start, judged, perplexity.get("before")),
        "accuracy": (run.run.get("accuracy") or {}).get("after"),
        "images_read": run.run.get("images_read"),
        "seconds": run.run.get("seconds"),
        "memory": run.run.get("peak_memory_bytes"),
        "bytes": (run.run.get("size") or {}).get("model_bytes"),
        "status": words.status(run),
        "model": earlier["model"] if start else words.model_name(run),
        "judged": judged,
        "trained_on": _text(run.run, "train"),
        "tested_on": _text(run.run, "eval") if is_on_images(run) else None,
    }
    row["ratio"] = words.ratio(row["dense"], row["after"])
    before = {f"start {name}": value for name, value in (start.settings if start else {}).items()}
    return Entry({key: row[key] for key in KEYS}, run.config | before, run.metrics, run.path)


def _sum(before: int | None, now: int | None) -> int | None:
    """Return the tokens of a run and of those it began with, None where neither is known."""
    return now if before is None else before + (now or 0)


def _judged(run: Record) -> Record | None:
    perplexity = run.get("perplexity")
    if not perplexity:
        return None
    text = _text(run, "eval") or {"text": Path(str(perplexity.get("text"))).name, "hash": None}
    return text | {"seq_len": perplexity.get("seq_len"), "windows": perplexity.get("windows")}


def _text(run: Record, role: str) -> Record | None:
    text = (run.get("data") or {}).get(role)
    return {"text": Path(str(text.get("path"))).name, "hash": text.get("hash")} if text else None


def _after(run: RunFolder, perplexity: Record) -> float | None:
    """Return the perplexity at the end; JSON has no infinity, so a whole run has null there instead."""
    after = perplexity.get("after")
    ended = words.status(run) == "complete" and "after" in perplexity
    return math.inf if ended and (after is None or not math.isfinite(after)) else after


def _dense(start: Entry | None, judged: Record | None, before: float | None) -> float | None:
    """Return the perplexity of the model before any pruning, if it was judged in the same way."""
    if start is None:
        return before
    return start.row["dense"] if judged and start.row["judged"] == judged else None


def _steps(metrics: list[Record]) -> int:
    """Return how many training steps were made; the lines of a run block by block are none."""
    return metrics[-1]["step"] if metrics and not is_by_block(metrics) else 0


def _train_tokens(run: RunFolder, steps: int) -> int | None:
    planned, last = run.run.get("train_tokens"), run.run.get("steps")
    return round(planned * min(1.0, steps / last)) if planned and last else planned


def _calibration_tokens(run: RunFolder) -> int | None:
    samples, length = run.config.get("samples"), run.config.get("seq_len")
    known = run.run.get("calibration_tokens")
    return int(samples * length) if known is None and samples and length else known
