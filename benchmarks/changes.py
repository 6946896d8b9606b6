"""What has changed between two sets of readings, and whether it is for the worse.

    quality         worse if  after > before + tolerance |before| + slack, as the benchmark states
    ratio, time     worse if  after > 1.3 before, each time that it is measured
    memory          shown, never refused

A quality that could be measured before and cannot be now is worse too.  All readings are such that less
is better.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from readings import Reading

LIMIT = 1.3  # of one time by another
SHOWN = 1.1  # a time that has changed by less is not worth a line
REFUSED = ("worse", "gone")
NEGLIGIBLE = 1e-9


class Change(NamedTuple):
    """A reading before and after."""

    name: str
    before: Reading | None
    after: Reading | None
    verdict: str  # "same", "better", "worse", "gone" or "new"

    @property
    def refused(self) -> bool:
        """Whether it is a reason to stop."""
        return self.verdict in REFUSED

    @property
    def timed(self) -> bool:
        """Whether it hangs on how busy the machine was."""
        return any(reading and reading.kind in ("time", "ratio") for reading in (self.before, self.after))


def changes(before: Mapping[str, Reading], after: Mapping[str, Reading]) -> list[Change]:
    """Return a change for every name of either, by name."""
    names = sorted(before.keys() | after.keys())
    return [change(name, before.get(name), after.get(name)) for name in names]


def change(name: str, before: Reading | None, after: Reading | None) -> Change:
    """Return what became of one reading."""
    if before is None or before.value is None:
        return Change(name, before, after, "new" if after and after.value is not None else "same")
    if after is None or after.value is None:
        return Change(name, before, after, "gone" if before.kind == "quality" else "same")
    return Change(name, before, after, _verdict(before.value, after.value, after))


def _verdict(before: float, after: float, stated: Reading) -> str:
    if stated.kind == "quality":
        allowed = stated.tolerance * abs(before) + stated.slack
        if after > before + allowed + NEGLIGIBLE:
            return "worse"
        return "better" if after < before - allowed - NEGLIGIBLE else "same"
    if stated.kind == "memory":
        return "same" if 1 / SHOWN < after / before < SHOWN else "more" if after > before else "better"
    if after > LIMIT * before:
        return "worse"
    return "better" if after < before / LIMIT else "same"


def suspects(found: Iterable[Change]) -> list[str]:
    """Return the names of the times that look worse, to be measured again."""
    return [change.name for change in found if change.refused and change.timed]


def confirmed(first: Iterable[Change], *again: Iterable[Change]) -> list[Change]:
    """Return the first changes; a time is worse only if every later measurement says so too.

    A name that was not measured again stands as it was.
    """
    later = [{change.name: change for change in found} for found in again]
    return [
        _confirmed(change, [found[change.name] for found in later if change.name in found])
        for change in first
    ]


def _confirmed(found: Change, again: list[Change]) -> Change:
    if found.refused and found.timed and not all(change.refused for change in again):
        return found._replace(verdict="same")
    return found


def table(found: Iterable[Change]) -> str:
    """Return the changes that are worth a line as a table in Markdown, and a sentence about the rest."""
    every = list(found)
    shown = [change for change in every if change.verdict != "same"]
    rest = f"{len(every) - len(shown)} of {len(every)} readings are as they were."
    if not shown:
        return rest
    head = "| benchmark | before | after | after / before | unit | |\n| --- | --: | --: | --: | --- | --- |"
    order = {verdict: place for place, verdict in enumerate(("worse", "gone", "more", "new", "better"))}
    lines = [_line(change) for change in sorted(shown, key=lambda c: (order[c.verdict], c.name))]
    return "\n".join([head, *lines, "", rest])


def _line(found: Change) -> str:
    before, after = (reading and reading.value for reading in (found.before, found.after))
    comparable = before is not None and after is not None and abs(before) > NEGLIGIBLE
    times = f"{after / before:.3f}" if comparable else ""
    unit = (found.after or found.before or Reading(None, "", "")).unit
    name = found.name.replace("|", "\\|")
    return f"| {name} | {_number(before)} | {_number(after)} | {times} | {unit} | {found.verdict} |"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
