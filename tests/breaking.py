"""Break a run off inside a call, as Ctrl-C twice would, without a word to its folder."""

from collections.abc import Callable
from itertools import count
from typing import Any


def breaking(honest: Callable[..., Any], call: int) -> Callable[..., Any]:
    """Return a function that does as another does, but for one call, counted from 1."""
    calls = count(1)

    def breaks(*arguments: Any) -> Any:
        if next(calls) == call:
            raise KeyboardInterrupt
        return honest(*arguments)

    return breaks
