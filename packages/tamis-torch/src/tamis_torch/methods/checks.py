"""Checks of the values that a user gives: each error names the value and what is allowed."""

import math
from collections.abc import Sequence

from tamis_torch.errors import InputError


def check_between(name: str, value: float, low: float, high: float, *, open_below: bool = False) -> None:
    """Refuse a value outside [low, high], or outside (low, high] if ``open_below``; NaN always."""
    inside = low < value <= high if open_below else low <= value <= high
    if not inside:
        raise InputError(f"{name} must be in {'(' if open_below else '['}{low:g}, {high:g}], got {value}")


def check_sparsity(value: float) -> None:
    """Refuse a sparsity outside [0, 1)."""
    if math.isnan(value) or not 0 <= value < 1:
        raise InputError(f"sparsity must be in [0, 1), the fraction of zeros, got {value}")


def check_count(name: str, value: int, least: int) -> None:
    """Refuse a count that is no integer or below ``least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name} must be an integer of at least {least}, got {value!r}")


def check_choice(name: str, value: str, allowed: Sequence[str]) -> None:
    """Refuse a word that is not among ``allowed``."""
    if value not in allowed:
        raise InputError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
