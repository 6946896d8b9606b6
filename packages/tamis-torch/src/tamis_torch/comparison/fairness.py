"""Which runs may stand in one chart, and which must not.

Perplexities are of one scale only where model, text, tokens a window and windows are the same.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tamis_torch.comparison.row import Entry
from tamis_torch.human import number
from tamis_torch.pages.run_folder import Record


class Alike(NamedTuple):
    """Runs of one model that were judged on the same windows of the same text."""

    model: str | None
    judged: Record | None
    entries: list[Entry]

    @property
    def dense(self) -> float | None:
        """The dense model's perplexity: the median over the runs that know it."""
        known = sorted(entry.row["dense"] for entry in self.entries if entry.row["dense"])
        return known[len(known) // 2] if known else None

    @property
    def names(self) -> list[str]:
        """Model and text in words, as far as they are known."""
        return ([self.model] if self.model else []) + ([text_in_words(self.judged)] if self.judged else [])


def judged_alike(entries: Sequence[Entry]) -> list[Alike]:
    """Sort runs into those that may be compared, in the order in which they come.

    A run that does not say its text (or its model) joins the others if they have only one.
    """
    groups = []
    for judged, together in split(entries, lambda row: row["judged"], identity_of):
        for model, alike in split(together, lambda row: row["model"], str):
            groups.append(Alike(model, judged, alike))
    return groups


def tested_alike(entries: Sequence[Entry]) -> list[tuple[Record, list[Entry]]]:
    """Sort the runs on images by the images that they were tested on."""
    tested = [entry for entry in entries if entry.row["tested_on"]]
    return split(tested, lambda row: row["tested_on"], data_of)


def data_of(named: Record) -> Any:
    """Return what has to be equal for a text or images to be the same."""
    return named.get("hash") or named.get("text")


def text_in_words(judged: Record | None) -> str:
    """Return on what a run was judged."""
    if not judged:
        return "a text that was not recorded"
    windows, length = number(judged.get("windows")), number(judged.get("seq_len"))
    return f"{judged.get('text')}, {windows} windows of {length} tokens"


def split(
    entries: Sequence[Entry], key: Callable[[Record], Any], identity: Callable[[Any], Any]
) -> list[tuple[Any, list[Entry]]]:
    """Return (value, entries) by what ``key`` gives; None joins the others if they are of one value."""
    parts: dict[Any, tuple[Any, list[Entry]]] = {}
    values = [key(entry.row) for entry in entries]
    known = {identity(value): value for value in values if value is not None}
    lone = next(iter(known.values())) if len(known) == 1 else None
    for entry, value in zip(entries, values, strict=True):
        value = lone if value is None else value
        parts.setdefault(None if value is None else identity(value), (value, []))[1].append(entry)
    return list(parts.values())


def identity_of(judged: Record) -> tuple[Any, ...]:
    """Return what has to be equal for perplexities to be comparable."""
    return data_of(judged), judged.get("seq_len"), judged.get("windows")
