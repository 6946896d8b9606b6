r"""Integers of 8 bits spaced by a power law, ours: fine near zero, coarse near the largest.

    s  =  max |x| / n^p        x'  =  s sign(code) |code|^p        n = 127 with a sign, 255 without

p = 2 with a sign for first moments and targets, p = 4 without for second moments: sqrt(x') is then
of the law p = 2 too, and m / sqrt(v) well-behaved.  The least number is max |x| / 127^2 = 6e-5 max |x|
with p = 2, and max x / 255^4 = 2.4e-10 max x with p = 4, whose root is 1.5e-5 of the largest root.

The step from code c to c + 1 is s ((c + 1)^p - c^p).  So for any C in 1 ... n, nearest rounding errs by

    at most  |x| ((1 + 1/C)^p - 1) / 2     where |x| >= s C^p
    at most  s (C^p - (C - 1)^p) / 2       below

With C = 16: 6.5% and 9.6e-4 max |x| (p = 2), 13.7% and 1.8e-6 max x (p = 4).  Stochastic rounding
chooses by the distances of the decoded neighbours, so that E x' = x, not the mean of the root.

Without a sign, what is not zero gets at least the code 1: a second moment that became zero would
make m / sqrt(v) explode.  That rounds up what is below s, also in
the mean, and the second bound is then s at least.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from tamis_torch.errors import InputError
from tamis_torch.state.codes import ARITHMETIC, TINY, Format, given, largest
from tamis_torch.state.rounding import goes_up

POWERS = (2, 4)
CORNER = 16  # C of the stated bounds


@dataclass(frozen=True, kw_only=True)
class Power(Format):
    """Integers of 8 bits spaced by a power law.

    Parameters
    ----------
    power
        p, 2 or 4.
    signed
        Whether there may be negative numbers.
    """

    power: int = 2
    signed: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.power not in POWERS:
            raise InputError(f"power must be 2 or 4, got {self.power}")

    @property
    def largest_code(self) -> int:
        """The number n of the formulas."""
        return 127 if self.signed else 255

    @property
    def steps(self) -> int:
        """The number n^p of the formulas."""
        return int(self.largest_code**self.power)

    @property
    def dtype(self) -> torch.dtype:
        """Of the codes."""
        return torch.int8 if self.signed else torch.uint8

    @property
    def bounds(self) -> tuple[float, float]:
        """The two above for C = 16."""
        return self.bounds_at(CORNER)

    def bounds_at(self, corner: int) -> tuple[float, float]:
        """Return the relative bound and the floor, in units of the scale, for any C."""
        relative = ((1 + 1 / corner) ** self.power - 1) / 2
        floor = (corner**self.power - (corner - 1) ** self.power) / 2
        return relative + ARITHMETIC, floor if self.signed else max(floor, 1.0)

    def scales(self, rows: Tensor) -> Tensor:
        """Return ``max |x| / n^p``."""
        return largest(rows).mul_(1 / self.steps).clamp_(min=TINY)

    def quantise(self, rows: Tensor, scale: Tensor | None, noise: Tensor | float) -> Tensor:
        """Return the code of one of the two neighbours."""
        sizes = rows.abs() if self.signed else rows
        inverse = 1 / given(scale)
        root = sizes.sqrt() * inverse.sqrt()
        low = root.floor_() if self.power == 2 else root.sqrt_().floor_()
        base, above = self._raise(low), self._raise(low + 1)
        codes = low.add_(goes_up(sizes * inverse, base, above, noise)).clamp_(max=self.largest_code)
        if self.signed:
            return codes.copysign_(rows).to(torch.int8)
        return codes.maximum(rows.sign()).to(torch.uint8)

    def dequantise(self, codes: Tensor, scale: Tensor | None) -> Tensor:
        """Return ``s sign(code) |code|^p``."""
        c = codes.float()
        raised = self._raise(c)
        return (raised.copysign_(c) if self.signed else raised).mul_(given(scale))

    def check(self, rows: Tensor) -> None:
        """Refuse NaN, infinities, and negative numbers where there is no sign."""
        super().check(rows)
        if not self.signed and (least := rows.min().item()) < 0:
            raise InputError(f"x must be 0 or more for a format without a sign, but one entry is {least:.4g}")

    def _raise(self, x: Tensor) -> Tensor:
        square = x * x
        return square if self.power == 2 else square.mul_(square)
