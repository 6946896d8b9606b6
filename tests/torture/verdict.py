"""Whether anything was lost: the counts of an outcome, and the names of what went wrong."""

from collections.abc import Mapping
from typing import Any

Case = Mapping[str, Any]


def summary(outcomes: Mapping[str, Mapping[str, list[Case]]]) -> dict[str, Any]:
    """Count what was done to the runs of each method; what went wrong is named under ``"lost"``."""
    counts = {"runs_killed": 0, "kills": 0, "identical": 0, "damaged": 0, "disks_filled": 0}
    lost: list[str] = []
    for method, parts in outcomes.items():
        for case in parts.get("killed", []):
            counts["runs_killed"] += bool(case["kills"])
            counts["kills"] += len(case["kills"])
            counts["identical"] += not case["differs"]
            lost += [f"{method}: {case['where']}: {case['differs']}"] if case["differs"] else []
        for case in parts.get("damaged", []):
            counts["damaged"] += 1
            lost += [] if _met(case) else [f"{method}: {case['file']} {case['damage']}"]
        for case in parts.get("disk_full", []):
            counts["disks_filled"] += "skipped" not in case
            lost += [] if _survived(case) else [f"{method}: disk of {case['percent']}%"]
    return counts | {"lost": lost}


def _met(case: Case) -> bool:
    """Tell whether a damage was refused, or said on terminal and in the results and without effect."""
    if "reason" in case:
        return bool(case["exit"] == 2 and case["reason"] and case["untouched"])
    told = case["shown"] or "in the header" in case["damage"]  # where a letter may be one that nobody reads
    return bool(case["exit"] == 0 and not case["differs"] and not case["other_warnings"] and told)


def _survived(case: Case) -> bool:
    """Tell whether a full disk ended the run with a reason, and a larger one let it go on to the same end."""
    if "skipped" in case:
        return True
    return bool(case["exit"] == 1 and "No space left" in case["reason"] and not case["differs"])
