"""The time of a projection onto every set that the solver exports, and how it grows with the entries."""

from typing import Any

from .clock import exponent, least_seconds, process_time
from .examples import example
from .found import sets
from .stated import named, ratio

ENTRIES = 2**16  # a square, so that it is a matrix too
GROWING = (2**12, 2**14, 2**16, 2**18)


def timed(name: str, kind: Any) -> Any:
    """Return the benchmark of the time of a projection."""
    held: dict[str, Any] = {}

    def setup() -> None:
        held["set"], held["point"] = example(kind, ENTRIES)

    def project() -> None:
        held["set"].project(held["point"])

    attributes = {
        "setup": setup, "timer": process_time, "rounds": 1, "repeat": (3, 10, 1.0), "warmup_time": 0,
        "timeout": 60,
    }  # fmt: skip
    for key, value in attributes.items():
        setattr(project, key, value)
    project.pretty_name = f"projection onto {name}"  # type: ignore[attr-defined]
    return named(project, f"time_{name}")


def grown(name: str, kind: Any) -> Any:
    """Return the benchmark of the fitted exponent p of  time ~ entries^p."""

    def growth() -> float:
        cases = [example(kind, n) for n in GROWING]
        return exponent(GROWING, [least_seconds(lambda c=c: c[0].project(c[1]), 3) for c in cases])

    stated = ratio("power of the entries", pretty_name=f"growth of the projection onto {name}", timeout=120)
    return stated(named(growth, f"track_growth_{name}"))


for _name, _kind in sets().items():
    globals()[f"time_{_name}"] = timed(_name, _kind)
    globals()[f"track_growth_{_name}"] = grown(_name, _kind)
