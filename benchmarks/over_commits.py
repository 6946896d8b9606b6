"""Readings over the commits: where something became worse.

A commit is held against the measured commits that are nearest before it in the history, of which a merge has
several: what one of its branches had already is not the merge's doing.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from pathlib import Path

from changes import Change, change
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

    A commit at which it could not be measured is passed over.  A time swings: it became worse only if it is
    so at the next commit after, too, and of the last commit that is not known yet.
    """
    last: dict[str, dict[str, Reading]] = {}  # of each commit, as last measured there or before
    worse = []
    for place, (commit, _, now) in enumerate(found):
        parents = [last[parent] for parent in _nearest(list(last), before, commit)]
        later = [after for other, _, after in found[place + 1 :] if commit in before[other]]
        worse += [(commit, change) for change in _worse(parents, now) if _stays(change, parents, later)]
        last[commit] = {k: v for parent in parents for k, v in parent.items()}
        last[commit] |= {name: reading for name, reading in now.items() if reading.value is not None}
    return worse


def _nearest(measured: Sequence[str], before: Before, commit: str) -> list[str]:
    """Return the measured commits before this one that are not before another of them."""
    earlier = [other for other in measured if other in before[commit]]
    return [one for one in earlier if not any(one in before[other] for other in earlier)]


def _worse(parents: Sequence[Mapping[str, Reading]], now: Mapping[str, Reading]) -> list[Change]:
    """Return what is worse than at every parent that has it, held against the first of these."""
    worse = []
    for name in now:
        each = [change(name, parent[name], now[name]) for parent in parents if name in parent]
        if each and all(one.verdict == "worse" for one in each):
            worse.append(each[0])
    return worse


def _stays(
    found: Change, parents: Sequence[Mapping[str, Reading]], later: Sequence[Mapping[str, Reading]]
) -> bool:
    """Whether a change is of what repeats, or the next commit at which it was measured has it as well."""
    if not found.timed:
        return True
    readings = (after[found.name] for after in later if found.name in after)
    following = next((reading for reading in readings if reading.value is not None), None)
    return following is not None and bool(_worse(parents, {found.name: following}))


def series(found: History, name: str) -> list[tuple[str, float]]:
    """Return (commit, value) of a reading where it has one."""
    values = [(commit, now[name].value) for commit, _, now in found if name in now]
    return [(commit, value) for commit, value in values if value is not None]


def day(milliseconds: int) -> str:
    """Return the date of a moment."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).date().isoformat()
