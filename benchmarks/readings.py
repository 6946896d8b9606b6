"""What asv has measured at a commit, as one number a name, with what the benchmark states about itself."""

import itertools
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

KINDS = {"time": "time", "peakmemory": "memory"}  # of asv's types; a track states its own


class Reading(NamedTuple):
    """A number of which less is better; None if it was not to be had."""

    value: float | None
    kind: str  # "quality", "ratio", "time" or "memory"
    unit: str
    tolerance: float = 0.0
    slack: float = 0.0


def read(results: Path, commit: str) -> dict[str, Reading]:
    """Return the readings of a commit from a folder of asv's results, by name and parameters.

    Raises
    ------
    FileNotFoundError
        If there is no file of that commit.
    """
    files = [file for file in sorted(results.glob("*/*-*.json")) if _content(file)["commit_hash"] == commit]
    if not files:
        raise FileNotFoundError(f"asv wrote no results of {commit} into {results}")
    stated = json.loads((results / "benchmarks.json").read_text("utf-8"))
    found: dict[str, Reading] = {}
    for file in files:
        for name, row in _content(file)["results"].items():
            if name in stated and row[2] == stated[name]["version"]:
                found |= readings(name, row[0], row[1], stated[name])
    return found


def commits(results: Path) -> dict[str, int]:
    """Return the commits of which there are results, with their dates (milliseconds since 1970)."""
    contents = [_content(file) for file in results.glob("*/*-*.json")]
    return {content["commit_hash"]: content["date"] for content in sorted(contents, key=lambda c: c["date"])}


def readings(
    name: str, values: list[Any] | None, params: list[list[str]], stated: dict[str, Any]
) -> dict[str, Reading]:
    """Return the readings of one benchmark; what was skipped (NaN) is left out, what failed has no value."""
    places = [", ".join(place) for place in itertools.product(*params)] if params else [""]
    each = [None] * len(places) if values is None else values
    about = (
        stated.get("kind") or KINDS.get(stated["type"], "time"),
        stated["unit"],
        stated.get("tolerance", 0.0),
        stated.get("slack", 0.0),
    )
    return {
        f"{name}({place})" if place else name: Reading(value, *about)
        for place, value in zip(places, each, strict=True)
        if value is None or not math.isnan(value)
    }


def _content(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return content
