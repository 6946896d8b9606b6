"""An example of any set, built from the names of its parameters, and a variable that it can project.

A set whose parameters have known names needs nothing here; one with a new name needs a line in ``VALUES``.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

# The value of a parameter for a variable of n entries; parameters with a default keep it.
VALUES: dict[str, Callable[[int], Any]] = {
    "k": lambda n: max(1, n // 10),
    "n": lambda n: 2,
    "m": lambda n: 4,
    "rank": lambda n: 4,
    "radius": lambda n: 1.0,
    "total": lambda n: 1.0,
    "values": lambda n: (-1.0, 0.0, 1.0),
    "a": np.ones,
    "beta": lambda n: 0.0,
    "A": lambda n: np.random.default_rng(1).standard_normal((8, n)),
    "b": lambda n: np.ones(8),
    "groups": lambda n: np.arange(n) // 4,
    "block": lambda n: (1, None),
    "sets": lambda n: _halves(n),
}
OTHER = {"Blocks": {"k": lambda n: max(1, math.isqrt(n) // 10)}, "Box": {"lower": -0.5, "upper": 0.5}}


def example(kind: Any, n: int) -> tuple[Any, Any]:
    """Return a set and a point for it: a vector of n entries, a square matrix, or a list of two vectors.

    Raises
    ------
    TypeError
        If a parameter has a name that ``VALUES`` does not know, or no variable suits the set.
    """
    made = kind(**_arguments(kind, n))
    draw = np.random.default_rng(0).standard_normal(n)
    side = math.isqrt(n)
    for variable in (draw, draw.reshape(side, side), [draw[: n // 2], draw[n // 2 :]]):
        if _suits(made, variable):
            return made, variable
    raise TypeError(f"{kind.__name__} projects neither a vector, a square matrix nor two vectors")


def _arguments(kind: Any, n: int) -> dict[str, Any]:
    own = OTHER.get(getattr(kind, "__name__", ""), {})
    given = {name: value(n) if callable(value) else value for name, value in own.items()}
    for name, parameter in inspect.signature(kind).parameters.items():
        if name in given or parameter.default is not parameter.empty:
            continue
        if name not in VALUES:
            raise TypeError(f"{kind.__name__} has a parameter {name!r}: say its value in suite/examples.py")
        given[name] = VALUES[name](n)
    return given


def _suits(made: Any, variable: Any) -> bool:
    try:
        made.project(variable)
    except (ValueError, TypeError, IndexError):
        return False
    return True


def _halves(n: int) -> Any:
    from tamis.sets import L2Ball, Sparse

    return (Sparse(max(1, n // 20)), L2Ball(1.0))
