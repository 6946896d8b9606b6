r"""Whole floats: float32, exact, and bfloat16.

bfloat16 has 7 bits after the first, and float32's exponents.  Error, with no scale:
|x' - x| <= 2^-8 |x| + 2^-134 to nearest, twice that stochastically.  Bytes an entry: 4 and 2.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from tamis_torch.state.codes import Format
from tamis_torch.state.rounding import LARGEST_BFLOAT16, to_bfloat16


@dataclass(frozen=True, kw_only=True)
class Float32(Format):
    """Float32, as it is: lossless."""

    @property
    def dtype(self) -> torch.dtype:
        """Of the codes."""
        return torch.float32

    @property
    def scaled(self) -> bool:
        """No, whatever the block."""
        return False

    @property
    def bounds(self) -> tuple[float, float]:
        """No error."""
        return 0.0, 0.0

    def scales(self, rows: Tensor) -> None:
        """Return None: there is none."""

    def quantise(self, rows: Tensor, scale: Tensor | None, noise: Tensor | float) -> Tensor:
        """Return a copy."""
        return rows.clone()

    def dequantise(self, codes: Tensor, scale: Tensor | None) -> Tensor:
        """Return a copy."""
        return codes.clone()


@dataclass(frozen=True, kw_only=True)
class BFloat16(Format):
    """bfloat16, without a scale; what is larger than the largest one, 3.39e38, is refused."""

    @property
    def dtype(self) -> torch.dtype:
        """Of the codes."""
        return torch.bfloat16

    @property
    def scaled(self) -> bool:
        """No, whatever the block."""
        return False

    @property
    def bounds(self) -> tuple[float, float]:
        """Half a last bit, and half of the smallest denormal number."""
        return 2.0**-8, 2.0**-134

    def scales(self, rows: Tensor) -> None:
        """Return None: there is none."""

    def quantise(self, rows: Tensor, scale: Tensor | None, noise: Tensor | float) -> Tensor:
        """Return the numbers as bfloat16."""
        return to_bfloat16(rows, noise)

    def dequantise(self, codes: Tensor, scale: Tensor | None) -> Tensor:
        """Return the numbers as float32, exactly."""
        return codes.float()

    @property
    def limit(self) -> float:
        """What is larger would become infinite."""
        return LARGEST_BFLOAT16
