"""Checks of the values that a user gives: each error names the value and what is allowed."""

from collections.abc import Sequence
from numbers import Real

from tamis_torch.errors import InputError

MOST_SEED = 2**63


def check_between(name: str, value: float, low: float, high: float, *, open_below: bool = False) -> None:
    """Refuse a value outside [low, high], or outside (low, high] if ``open_below``; NaN, and no number."""
    inside = isinstance(value, Real) and (low < value if open_below else low <= value) and value <= high
    if not inside:
        raise InputError(f"{name} must be in {'(' if open_below else '['}{low:g}, {high:g}], got {value!r}")


def check_sparsity(value: float) -> None:
    """Refuse a sparsity outside [0, 1)."""
    if not (isinstance(value, Real) and 0 <= value < 1):
        raise InputError(f"sparsity must be in [0, 1), the fraction of zeros, got {value!r}")


def check_count(name: str, value: int, least: int) -> None:
    """Refuse a count that is no integer or below ``least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name} must be an integer of at least {least}, got {value!r}")


def check_seed(value: int) -> None:
    """Refuse a seed that torch does not take."""
    check_count("seed", value, 0)
    if value >= MOST_SEED:
        raise InputError(f"seed must be below 2**63, got {value}")


def check_choice(name: str, value: str, allowed: Sequence[str]) -> None:
    """Refuse a word that is not among ``allowed``."""
    if value not in allowed:
        raise InputError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
