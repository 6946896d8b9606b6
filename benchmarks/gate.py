"""What must not become worse: the tracks that repeat bit for bit, at 90%, against a committed baseline.

    python benchmarks/gate.py            compare with benchmarks/baseline.json; exit status 1 if worse
    python benchmarks/gate.py --write    accept what is measured here as the new baseline

It takes about a minute in one process, without asv.  The perplexities hang on the text, which is the
standard library of the Python that runs it: with another text they are not compared.
"""

import argparse
import inspect
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from changes import Change, changes, table
from readings import Reading

BASELINE = Path(__file__).parent / "baseline.json"
GOAL = "90%"  # of the four that the suite asks for
TEXT = "perplexity."  # names of what hangs on the text


def measured() -> tuple[str, dict[str, Reading]]:
    """Return a hash of the text and the readings of all quality tracks."""
    from suite import perplexity, sizes, solver, vision

    from tamis_torch.data import digest

    texts = perplexity.setup_cache()
    found: dict[str, Reading] = {}
    for module in (perplexity, solver, sizes, vision):
        for name, function, own in tracks(module):
            first = (texts,) if module is perplexity else ()
            for place in places(function, own):
                found[label(module, name, place)] = _reading(function, own, (*first, *place))
    return digest(texts["train"]), found


def tracks(module: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, function and object of each quality track: the functions, and the methods of classes."""
    for name, part in list(vars(module).items()):
        if inspect.isclass(part) and part.__module__ == module.__name__:
            methods = [
                (f"{name}.{key}", getattr(part(), key)) for key in vars(part) if key.startswith("track_")
            ]
            yield from ((key, method, method.__self__) for key, method in methods if method.kind == "quality")
        elif name.startswith("track_") and getattr(part, "kind", "") == "quality":
            yield name, part, None


def places(function: Any, own: Any) -> list[tuple[Any, ...]]:
    """Return the parameters to run: all, but of the goals of pruning only one."""
    params = getattr(function, "params", None) or getattr(own, "params", [])
    wanted = [[GOAL] if GOAL in values else values for values in params]
    return list(itertools.product(*wanted))


def label(module: Any, name: str, place: tuple[Any, ...]) -> str:
    """Return the name by which asv knows a reading."""
    whole = f"{module.__name__.rpartition('.')[2]}.{name}"
    return f"{whole}({', '.join(map(repr, place))})" if place else whole


def _reading(function: Any, own: Any, arguments: tuple[Any, ...]) -> Reading:
    if hasattr(own, "setup"):
        own.setup(*arguments)
    return Reading(function(*arguments), function.kind, function.unit, function.tolerance, function.slack)


def against(baseline: dict[str, Any], text: str, found: dict[str, Reading]) -> list[Change]:
    """Return what has changed since the baseline; without the perplexities if the text is another."""
    before = {name: Reading(**reading) for name, reading in baseline["readings"].items()}
    kept = [{n: r for n, r in side.items() if baseline["text"] == text or not n.startswith(TEXT)}
            for side in (before, found)]  # fmt: skip
    return changes(*kept)


def main() -> int:
    """Compare, or write the baseline."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args().write
    text, found = measured()
    if write:
        rows = {name: reading._asdict() for name, reading in found.items()}
        BASELINE.write_text(json.dumps({"text": text, "readings": rows}, indent=1) + "\n", "utf-8")
        return 0
    changed = against(json.loads(BASELINE.read_text("utf-8")), text, found)
    sys.stdout.write(table(changed) + "\n")
    return int(any(change.refused for change in changed))


if __name__ == "__main__":
    raise SystemExit(main())
