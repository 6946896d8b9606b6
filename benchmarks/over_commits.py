"""Readings over the commits: where something became worse."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from changes import Change, changes
from readings import Reading, commits, read

History = Sequence[tuple[str, str, Mapping[str, Reading]]]  # hash, date, readings; oldest first


def history(results: Path, order: Sequence[str]) -> History:
    """Return the readings of all commits that were measured, in the order given (unknown ones last)."""
    dates = commits(results) if results.exists() else {}
    places = {commit: place for place, commit in enumerate(order)}
    known = sorted(dates, key=lambda commit: places.get(commit, len(places)))
    return [(commit, day(dates[commit]), read(results, commit)) for commit in known]


def worsened(found: History) -> list[tuple[str, Change]]:
    """Return (commit, change) wherever a reading became worse from one measured commit to the next.

    A commit at which it could not be measured is passed over.
    """
    last: dict[str, Reading] = {}
    worse = []
    for commit, _, now in found:
        known = {name: last[name] for name in now if name in last}
        worse += [(commit, change) for change in changes(known, now) if change.verdict == "worse"]
        last |= {name: reading for name, reading in now.items() if reading.value is not None}
    return worse


def series(found: History, name: str) -> list[tuple[str, float]]:
    """Return (commit, value) of a reading where it has one."""
    values = [(commit, now[name].value) for commit, _, now in found if name in now]
    return [(commit, value) for commit, value in values if value is not None]


def day(milliseconds: int) -> str:
    """Return the date of a moment."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).date().isoformat()
