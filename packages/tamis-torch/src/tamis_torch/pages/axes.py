"""An axis: from values to a position, linear or logarithmic, with ticks at round numbers."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tamis_torch.human import number

DECADES = 30  # of a logarithmic axis, at most
LEAST = 1e-200  # what is smaller is drawn as zero


@dataclass(frozen=True)
class Axis:
    """Values in [low, high] on positions [start, end]; low < high, and low > 0 if ``log``."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return the position of a value; one outside the axis stands at its end."""
        value = min(max(value, self.low), self.high)
        low, high, value = (math.log10(x) if self.log else x for x in (self.low, self.high, value))
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self, about: int = 4) -> list[float]:
        """Return round values inside the axis, some ``about`` of them."""
        return (
            _log_ticks(self.low, self.high, about) if self.log else _linear_ticks(self.low, self.high, about)
        )


def fit(values: Iterable[float], start: float, end: float, *, log: bool = False, zero: bool = False) -> Axis:
    """Return the axis that holds the values with a small margin (and zero, if asked).

    A logarithmic axis holds the positive values, down to ``DECADES`` below the largest, and falls
    back to a linear one if there are none; a single value gets room on both sides.
    """
    finite = list(values)
    positive = [value for value in finite if value > LEAST]
    if log and positive:
        high = max(positive)
        low = max(min(positive), high / 10**DECADES, LEAST)
        margin = max((high / low) ** 0.05, 1.05)
        return Axis(low / margin, high * margin, start, end, log=True)
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    margin = _margin(low, high)
    return Axis(low if zero and low == 0 else low - margin, high + margin, start, end)


def _margin(low: float, high: float) -> float:
    """Return the room beyond the values: a part of their spread, or of their size if they are all alike."""
    spread, size = high - low, max(abs(low), abs(high))
    if spread > 1e-9 * size and size > LEAST:
        return 0.06 * spread
    return 0.1 * size if size > LEAST else 1.0


def labels(ticks: list[float], show: Callable[[float | None], str]) -> list[str]:
    """Return the ticks in words: as ``show`` has them, but plain numbers with just the decimals they need.

    On a linear axis all have the same number of decimals, on a logarithmic one powers become 1e4.
    """
    if show is number and max(map(abs, ticks), default=0) >= 1e5:
        return [_power(tick) if abs(tick) >= 1e4 else f"{tick:,.0f}" for tick in ticks]
    if show is not number or any(tick and not 1e-3 <= abs(tick) < 1e6 for tick in ticks):
        return [show(tick) for tick in ticks]
    needed = [len(f"{tick:.6f}".rstrip("0").partition(".")[2]) for tick in ticks]
    alike = len(ticks) > 2 and ticks[2] - ticks[1] <= 1.01 * (ticks[1] - ticks[0])  # not logarithmic
    return [f"{tick:,.{max(needed) if alike else own}f}" for tick, own in zip(ticks, needed, strict=True)]


def _power(tick: float) -> str:
    mantissa, exponent = f"{tick:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def _linear_ticks(low: float, high: float, about: int) -> list[float]:
    raw = (high - low) / about
    scale = 10.0 ** math.floor(math.log10(raw))
    step = min((factor * scale for factor in (1, 2, 5, 10)), key=lambda step: abs(math.log(step / raw)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = max(0, 1 - math.floor(math.log10(step)))
    return [round(i * step, digits) for i in range(first, last + 1)]


def _log_ticks(low: float, high: float, about: int) -> list[float]:
    """Return powers of ten, thinned if there are many; 1, 2 and 5 times those over less than two decades."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1, 2, 5) if last - first <= 2 else (1,)
    every = max(1, (last - first) // (about + 1)) if factors == (1,) else 1
    values = [factor * 10.0**power for power in range(first, last + 1, every) for factor in factors]
    inside = [value for value in values if low <= value <= high]
    return inside if len(inside) > 1 else _linear_ticks(low, high, about)
