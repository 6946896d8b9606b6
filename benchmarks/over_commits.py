"""Readings over the commits: where something became worse.

A commit is held against the measured commits that are nearest before it in the history, of which a merge has
several: what one of its branches had already is not the merge's doing.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from pathlib import Path

from changes import Change, changes
from readings import Reading, commits, read

History = Sequence[tuple[str, str, Mapping[str, Reading]]]  # hash, date, readings; oldest first
Before = Mapping[str, AbstractSet[str]]  # of a commit all that come before it


def history(results: Path, order: Sequence[str]) -> History:
    """Return the readings of all commits that were measured, in the order given (unknown ones last)."""
    dates = commits(results) if results.exists() else {}
    places = {commit: place for place, commit in enumerate(order)}
    known = sorted(dates, key=lambda commit: places.get(commit, len(places)))
    return [(commit, day(dates[commit]), read(results, commit)) for commit in known]


def worsened(found: History, before: Before) -> list[tuple[str, Change]]:
    """Return (commit, change) wherever a reading became worse than at every measured commit next before.

    A commit at which it could not be measured is passed over.
    """
    last: dict[str, dict[str, Reading]] = {}  # of each commit, as last measured there or before
    worse = []
    for commit, _, now in found:
        parents = [last[parent] for parent in _nearest(list(last), before, commit)]
        each = [_worse(parent, now) for parent in parents]
        for name in now:
            told = [own.get(name) for own, parent in zip(each, parents, strict=True) if name in parent]
            if told and all(told):
                worse += [(commit, change) for change in told[:1] if change]
        last[commit] = {k: v for parent in parents for k, v in parent.items()}
        last[commit] |= {name: reading for name, reading in now.items() if reading.value is not None}
    return worse


def _nearest(measured: Sequence[str], before: Before, commit: str) -> list[str]:
    """Return the measured commits before this one that are not before another of them."""
    earlier = [other for other in measured if other in before[commit]]
    return [one for one in earlier if not any(one in before[other] for other in earlier)]


def _worse(before: Mapping[str, Reading], now: Mapping[str, Reading]) -> dict[str, Change]:
    known = {name: before[name] for name in now if name in before}
    return {change.name: change for change in changes(known, now) if change.verdict == "worse"}


def series(found: History, name: str) -> list[tuple[str, float]]:
    """Return (commit, value) of a reading where it has one."""
    values = [(commit, now[name].value) for commit, _, now in found if name in now]
    return [(commit, value) for commit, value in values if value is not None]


def day(milliseconds: int) -> str:
    """Return the date of a moment."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).date().isoformat()
