"""What a benchmark states about itself: the attributes that asv copies and that the comparisons read."""

from collections.abc import Callable
from typing import Any

QUALITY, RATIO = "quality", "ratio"
RATIO_LIMIT = 0.3  # a time ratio may be so much worse, relative, before it is measured again


def quality(unit: str, tolerance: float = 0.0, slack: float = 0.0, **more: Any) -> Callable[[Any], Any]:
    """State a track that repeats bit for bit: it may worsen by ``tolerance`` of its value plus ``slack``."""
    return _stated(kind=QUALITY, unit=unit, tolerance=tolerance, slack=slack, **more)


def ratio(unit: str, **more: Any) -> Callable[[Any], Any]:
    """State a track that is one time over another."""
    return _stated(kind=RATIO, unit=unit, tolerance=RATIO_LIMIT, slack=0.0, **more)


def _stated(**attributes: Any) -> Callable[[Any], Any]:
    def state(function: Any) -> Any:
        for name, value in attributes.items():
            setattr(function, name, value)
        return function

    return state


def named(function: Any, name: str) -> Any:
    """Give a factory's function the name by which asv runs it."""
    function.__name__ = function.__qualname__ = name.replace("-", "_")
    return function
