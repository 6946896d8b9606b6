"""Numbers as a person reads them: 35.2, 5.0e7, 90%, 269 MB, 3 min 20 s; a dash for what is not known."""

import math

UNKNOWN = "-"
_LARGE, _SMALL = 1e6, 1e-3


def number(value: float | None) -> str:
    """Return three figures, with an exponent for what is very large or very small; an int whole.

    >>> [number(x) for x in (35.214, 5e7, 17353.2, 0.0312, 2e-4, 0, None)]
    ['35.2', '5.0e7', '17,353', '0.0312', '2.0e-4', '0', '-']
    """
    if value is None:
        return UNKNOWN
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    size = abs(value)
    if value and (size >= _LARGE or size < _SMALL):
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    if isinstance(value, int) or value == 0 or size >= 999.5:
        return f"{value:,.0f}"
    return f"{value:#.3g}" if size < 99.95 else f"{value:.0f}"


def count(value: float | None) -> str:
    """Return a count with its unit letter: ``106 M``, ``1.02 k``, ``576``."""
    return UNKNOWN if value is None else _scaled(value, ("", "k", "M", "G", "T"))


def size(value: float | None) -> str:
    """Return bytes in decimal units: ``269 MB``."""
    return UNKNOWN if value is None else _scaled(value, ("B", "kB", "MB", "GB", "TB"))


def percent(fraction: float | None) -> str:
    """Return a fraction in percent, to three decimals where it has them: ``90%``, ``89.998%``."""
    if fraction is None:
        return UNKNOWN
    if not math.isfinite(fraction):
        return number(fraction)
    return f"{100 * fraction:.3f}".rstrip("0").rstrip(".") + "%"


def tenths(fraction: float | None) -> str:
    """Return a fraction in percent to one decimal, for figures that stand in a column: ``90.0%``."""
    return UNKNOWN if fraction is None else f"{100 * fraction:.1f}%"


def duration(seconds: float | None) -> str:
    """Return a time span in its two largest units: ``8.2 s``, ``3 min 20 s``, ``2 h 5 min``, ``3 d 4 h``."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for large, small, unit, rest_unit in (
        (86400, 3600, "d", "h"),
        (3600, 60, "h", "min"),
        (60, 1, "min", "s"),
    ):
        if whole >= large:
            rest = whole % large // small
            return f"{whole // large} {unit}" + (f" {rest} {rest_unit}" if rest else "")
    return f"{whole} s"


def _scaled(value: float, units: tuple[str, ...]) -> str:
    """Return the value in the largest unit (steps of 1000) that keeps it at least 1."""
    power = 0
    while abs(value) >= 999.5 and power < len(units) - 1:
        value, power = value / 1000, power + 1
    text = number(value) if power else f"{value:.0f}"
    return f"{text} {units[power]}".rstrip()
