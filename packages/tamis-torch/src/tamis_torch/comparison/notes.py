"""What has to be said beside the figures of several runs, so that nobody takes them for more."""

from collections.abc import Sequence
from typing import Any

from tamis_torch.comparison.fairness import (
    Alike,
    data_of,
    identity_of,
    judged_alike,
    split,
    tested_alike,
    text_in_words,
)
from tamis_torch.comparison.row import Entry
from tamis_torch.comparison.rows import Run, read_runs
from tamis_torch.human import count, number
from tamis_torch.pages.run_folder import Record

DIFFERS = 0.01  # of the dense model's perplexity, between runs of one model on one text


def notes(runs: Sequence[Run]) -> list[str]:
    """Return what has to be said beside the figures of these runs, a sentence or two each."""
    entries = read_runs(runs)
    groups = judged_alike([entry for entry in entries if entry.row["after"] is not None])
    found = _texts(groups) + _models(groups) + _dense(groups)
    found += _tested(entries) + _training(entries) + _budgets(entries) + _beginnings(entries)
    return found + [_unfinished(entry.row) for entry in entries if entry.row["status"] != "complete"]


def _names(entries: Sequence[Entry], most: int = 3) -> str:
    names = [str(entry.row["run"]) for entry in entries]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _texts(groups: Sequence[Alike]) -> list[str]:
    parts = split([e for group in groups for e in group.entries], lambda row: row["judged"], identity_of)
    if len(parts) < 2:
        return []
    said = "; ".join(f"{_distinct(judged, parts)}: {_names(part)}" for judged, part in parts)
    return [
        "Not all were judged on the same text and windows, so perplexities must not be compared between: "
        f"{said}."
    ]


def _distinct(judged: Record | None, parts: Sequence[tuple[Any, Any]]) -> str:
    """Return the text in words, with its hash where two texts have the same words."""
    words = text_in_words(judged)
    twice = sum(text_in_words(other) == words for other, _ in parts) > 1
    return f"{words} (hash {judged['hash']})" if twice and judged else words


def _models(groups: Sequence[Alike]) -> list[str]:
    models = list(dict.fromkeys(group.model for group in groups if group.model))
    return (
        [f"The runs are of {len(models)} models: {', '.join(models)}. Each has its own chart."]
        if len(models) > 1
        else []
    )


def _dense(groups: Sequence[Alike]) -> list[str]:
    found = []
    for group in groups:
        known = [entry.row["dense"] for entry in group.entries if entry.row["dense"]]
        if known and max(known) > (1 + DIFFERS) * min(known):
            least, most = number(min(known)), number(max(known))
            found.append(
                f"The dense model's perplexity on {text_in_words(group.judged)} is not the same in all runs "
                f"({least} to {most}): they may not have begun with the same model."
            )
    return found


def _tested(entries: Sequence[Entry]) -> list[str]:
    parts = tested_alike(entries)
    if len(parts) < 2:
        return []
    return [
        f"Not all were tested on the same images, so accuracies must not be compared between: {_each(parts)}."
    ]


def _training(entries: Sequence[Entry]) -> list[str]:
    """Tell of different training data; a method without training uses its text for calibration."""
    used = [entry for entry in entries if entry.row["trained_on"]]
    parts = split(used, lambda row: row["trained_on"], data_of)
    if len(parts) < 2:
        return []
    data = "training images" if all(e.row["tested_on"] for e in used) else "training or calibration text"
    return [f"Not all were given the same {data}: {_each(parts)}."]


def _each(parts: Sequence[tuple[Any, Sequence[Entry]]]) -> str:
    """Return which runs had which text or images."""
    return "; ".join(f"{data['text']} ({data['hash']}): {_names(part)}" for data, part in parts)


def _budgets(entries: Sequence[Entry]) -> list[str]:
    trained = [entry for entry in entries if entry.row["train_tokens"]]
    parts = split(trained, lambda row: row["train_tokens"], int)
    if len(parts) < 2:
        return []
    ordered = sorted(parts, key=lambda part: part[0])
    said = "; ".join(f"{count(tokens)}: {_names(part)}" for tokens, part in ordered)
    return [f"Not all that trained had the same number of training tokens: {said}."]


def _beginnings(entries: Sequence[Entry]) -> list[str]:
    lost = [e for e in entries if e.row["method"] == "finetune" and e.row["label"] == "finetune"]
    return (
        [f"Which pruned model these began with is not known (its run folder was not found): {_names(lost)}."]
        if lost
        else []
    )


def _unfinished(row: Record) -> str:
    how = {"interrupted": "interrupted", "running": "still running, or killed,"}.get(row["status"], "failed")
    return f"{row['run']}: {how} after {number(row['steps'])} steps, so it is in the table but in no figure."
