"""The runs of a chart as lines: gathered by what was done, with the mean over seeds.

One line is one label ("elsa", "alps + finetune").  Where runs of a label at one sparsity differ in
their budget, or at one budget in another setting than the seed, they are no repetitions of each
other, and that splits the label.  A budget that differs from sparsity to sparsity is said in the label.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from tamis_torch.comparison.fairness import Alike
from tamis_torch.comparison.row import Entry
from tamis_torch.human import UNKNOWN, count
from tamis_torch.pages.sparsity_lines import Line, Point, Reference
from tamis_torch.pages.words import METHODS

DENSE = 0.005  # a model with a smaller share of zeros was not pruned
SAME = 1e-3  # perplexities that are as near as this are of the same model
TOKENS = {"train_tokens": "tokens", "calibration_tokens": "calibration tokens"}
TEXT = "training text"
NOT_SETTINGS = frozenset(
    ["model", "train", "train_hash", "method", "sparsity", "pattern", "seed", "device", "eval", "eval_hash",
     "eval_seq_len", "eval_windows"]
)  # fmt: skip


def lines_of(group: Alike) -> list[Line]:
    """Return the lines of the pruned runs, in the order of the methods and of the budgets."""
    named = _gathered((entry for entry in group.entries if _drawn(entry) and not _is_dense(entry)), label)
    return [
        Line(words, _points(part, patterns=False), _points(part, patterns=True))
        for name in sorted(named, key=_rank)
        for words, part in _split(named[name])
    ]


def references_of(group: Alike) -> list[Reference]:
    """Return the horizontal lines: the dense model, and models that were trained on without pruning."""
    dense = group.dense
    found = [] if dense is None else [Reference("dense", dense)]
    for words, part in _split([entry for entry in group.entries if _drawn(entry) and _is_dense(entry)]):
        value = _mean([entry.row["after"] for entry in part])
        if dense is None or not math.isclose(value, dense, rel_tol=SAME):
            found.append(Reference(words.replace("dense", "dense, trained on", 1), value))
    return found


def goals(group: Alike) -> set[Hashable]:
    """Return the sparsities and patterns of the runs that are drawn."""
    return {_goal(entry) for entry in group.entries if _drawn(entry) and not _is_dense(entry)}


def label(entry: Entry) -> str:
    """Return what was done, or the run's name where that is not known."""
    return str(entry.row["label"] or entry.row["run"])


def _drawn(entry: Entry) -> bool:
    row = entry.row
    return row["status"] == "complete" and row["after"] is not None and row["sparsity"] is not None


def _is_dense(entry: Entry) -> bool:
    return bool(entry.row["sparsity"] < DENSE)


def _rank(name: str) -> tuple[int, str]:
    """Return where a label stands: in the order of ``METHODS``, what goes on from a method after it."""
    first, names = name.split(" + ")[0], list(METHODS)
    return names.index(first) if first in names else len(names), name


def _goal(entry: Entry) -> Hashable:
    """Return the pattern, or what is left of the weights to three figures."""
    return entry.row["pattern"] or float(f"{1 - entry.row['sparsity']:.2e}")


def _split(entries: Sequence[Entry]) -> list[tuple[str, list[Entry]]]:
    """Split runs of one label into lines: (label with what tells it apart, runs)."""
    goals = _gathered(entries, _goal).values()
    budgets = [name for name in TOKENS if any(_differ(cell, name) for cell in goals)]
    varied = budgets + _varied(entries)
    parts = _gathered(entries, lambda entry: tuple(_order(_setting(entry, name)) for name in varied))
    return [(_named(part, varied), part) for part in (parts[key] for key in sorted(parts))]


def _named(part: Sequence[Entry], varied: Sequence[str]) -> str:
    """Return the label of a line, with what tells it apart and the range of a budget that varies along it."""
    words = [_said(name, _setting(part[0], name)) for name in varied]
    for name in (name for name in TOKENS if name not in varied and _differ(part, name)):
        known = [entry.row[name] for entry in part if _says(entry, name)]
        words.append(f"{count(min(known))} to {count(max(known))} {TOKENS[name]}")
    return ", ".join([label(part[0]), *words])


def _varied(entries: Sequence[Entry]) -> list[str]:
    """Return the settings, but the seed, in which runs of one goal and budget differ."""
    cells = _gathered(entries, lambda entry: (_goal(entry), *(entry.row[name] for name in TOKENS))).values()
    names = dict.fromkeys(name for entry in entries for name in (*entry.settings, TEXT))
    settings = [name for name in names if name.rpartition("start ")[2] not in NOT_SETTINGS]
    found = [name for name in settings if any(_differ(cell, name) for cell in cells)]
    implied = {"steps"} if {"batch_size", "seq_len"} & set(found) else set()
    return [name for name in found if name not in implied]


def _differ(cell: Sequence[Entry], name: str) -> bool:
    return len({_order(_setting(entry, name)) for entry in cell if _says(entry, name)}) > 1


def _says(entry: Entry, name: str) -> bool:
    """Tell whether a run has a setting: older runs lack newer ones, and that makes no difference."""
    if name in TOKENS:
        return entry.row[name] is not None
    return entry.row["trained_on"] is not None if name == TEXT else name in entry.settings


def _setting(entry: Entry, name: str) -> Any:
    if name == TEXT:
        text = entry.row["trained_on"]
        return f"{text['text']} ({text['hash']})" if text else None
    return entry.row[name] if name in TOKENS else entry.settings.get(name)


def _order(value: Any) -> tuple[bool, float, str]:
    """Return a key that puts numbers by size and anything else behind them by its text."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return not number, float(value) if number else 0.0, repr(value)


def _said(name: str, value: Any) -> str:
    if name in TOKENS:
        return f"{count(value) if value else 'no'} {TOKENS[name]}" if value is not None else UNKNOWN
    return f"{name.replace('_', ' ')} {'none' if value is None else value}"


def _points(entries: Sequence[Entry], patterns: bool) -> list[Point]:
    """Return a point for each sparsity (or pattern), from left to right."""
    cells = _gathered((e for e in entries if bool(e.row["pattern"]) == patterns), _goal).values()
    points = [_point(cell) for cell in cells]
    return sorted(points, key=lambda point: point.sparsity)


def _point(cell: Sequence[Entry]) -> Point:
    values = [entry.row["after"] for entry in cell]
    sparsity = sum(entry.row["sparsity"] for entry in cell) / len(cell)
    return Point(sparsity, _mean(values), min(values), max(values), len(values), cell[0].row["pattern"])


def _mean(perplexities: Sequence[float]) -> float:
    """Return exp of the mean loss, which is the geometric mean."""
    return math.exp(sum(map(math.log, perplexities)) / len(perplexities))


def _gathered(entries: Iterable[Entry], key: Callable[[Entry], Any]) -> dict[Any, list[Entry]]:
    found: dict[Any, list[Entry]] = {}
    for entry in entries:
        found.setdefault(key(entry), []).append(entry)
    return found
