"""N:M patterns as text: at most N nonzeros in every M consecutive inputs of a layer."""

import re

from tamis_torch.errors import InputError
from tamis_torch.methods.checks import check_sparsity


def parse_pattern(pattern: str | None) -> tuple[int, int] | None:
    """Return (N, M) of ``"N:M"``, None for None.

    Raises
    ------
    InputError
        If the text has another form or not 1 <= N < M.
    """
    if pattern is None:
        return None
    match = re.fullmatch(r"(\d+):(\d+)", pattern)
    if not match or not 1 <= int(match[1]) < int(match[2]):
        raise InputError(f"pattern must be N:M with 1 <= N < M, such as 2:4, got {pattern!r}")
    return int(match[1]), int(match[2])


def resolve_sparsity(sparsity: float | None, pattern: str | None, default: float = 0.9) -> float:
    """Return the fraction of zeros asked for: given, or the pattern's, or the default.

    Raises
    ------
    InputError
        If it is outside [0, 1), or both are given and say different things.
    """
    parsed = parse_pattern(pattern)
    own = default if parsed is None else 1 - parsed[0] / parsed[1]
    if sparsity is None:
        return own
    check_sparsity(sparsity)
    if parsed is not None and sparsity != own:
        raise InputError(f"sparsity must be left out or {own:g} with the pattern {pattern}, got {sparsity}")
    return sparsity


def check_divides(pattern: str | None, widths: dict[str, int]) -> None:
    """Refuse a pattern whose M does not divide a layer's inputs (name -> their number)."""
    parsed = parse_pattern(pattern)
    if parsed is None:
        return
    for name, width in widths.items():
        if width % parsed[1]:
            raise InputError(
                f"pattern {pattern} needs layers whose inputs are a multiple of {parsed[1]}, "
                f"but {name} has {width}"
            )
