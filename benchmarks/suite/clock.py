"""Times that may be compared on a busy machine: taken in turn in one process, the median of ratios."""

import math
from collections.abc import Callable, Sequence
from statistics import median
from time import process_time

__all__ = ["exponent", "least_seconds", "process_time", "ratio_of_times", "seconds"]


def seconds(work: Callable[[], object]) -> float:
    """Return the seconds of this process on the processor that one call takes.

    What others do on the machine does not count.  The suite runs on one thread, so it is the time that passes
    on an idle machine.
    """
    begun = process_time()
    work()
    return process_time() - begun


def ratio_of_times(ours: Callable[[], object], theirs: Callable[[], object], rounds: int = 7) -> float:
    """Return our time by theirs: the median over rounds, each of which times both, after one untimed."""
    ratios = [seconds(ours) / max(seconds(theirs), 1e-9) for _ in range(rounds + 1)]
    return median(ratios[1:])


def least_seconds(work: Callable[[], object], repeats: int = 5, least: float = 0.005) -> float:
    """Return the least time of a call, each timed over as many calls as take ``least`` seconds."""
    once = max(seconds(work), 1e-6)
    calls = max(1, math.ceil(least / once))
    return min(seconds(lambda: [work() for _ in range(calls)]) for _ in range(repeats)) / calls


def exponent(sizes: Sequence[int], times: Sequence[float]) -> float:
    """Return p of the least-squares fit  log time = p log size + c."""
    x, y = [math.log(size) for size in sizes], [math.log(time) for time in times]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / sum(
        (a - mean_x) ** 2 for a in x
    )
