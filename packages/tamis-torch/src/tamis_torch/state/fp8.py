r"""Floats of 8 bits with a scale: e4m3 and e5m2.

    s  =  1.05 max |x| / largest fp8 number         code  =  fp8(x / s)

as in Elsa-L (arXiv 2510.01650), which rounds to nearest with one scale a tensor.

========  =========  =========  ==========================  ====================
          mantissa   largest    relative (half a last bit)  floor, in units of s
========  =========  =========  ==========================  ====================
e4m3      3 bits     448        2^-4                        2^-10
e5m2      2 bits     57344      2^-3                        2^-17
========  =========  =========  ==========================  ====================

In units of max |x| the floor is 1.05 2^-10 / 448 = 2.3e-6, and 1.4e-10.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from tamis_torch.errors import InputError
from tamis_torch.state.codes import ARITHMETIC, TINY, Format, given, largest
from tamis_torch.state.rounding import to_integer

MARGIN = 1.05  # of the scale, as in the paper
DTYPES = {"e4m3": torch.float8_e4m3fn, "e5m2": torch.float8_e5m2}
MANTISSA = {"e4m3": 3, "e5m2": 2}  # bits
LEAST_EXPONENT = {"e4m3": -6, "e5m2": -14}  # of a normal number


@dataclass(frozen=True, kw_only=True)
class FP8(Format):
    """Floats of 8 bits.

    Parameters
    ----------
    kind
        "e4m3" or "e5m2".
    """

    kind: str = "e4m3"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind not in DTYPES:
            raise InputError(f"kind must be one of {', '.join(DTYPES)}, got {self.kind!r}")

    @property
    def dtype(self) -> torch.dtype:
        """Of the codes."""
        return DTYPES[self.kind]

    @property
    def bounds(self) -> tuple[float, float]:
        """See the table above."""
        bits = MANTISSA[self.kind]
        return 2.0 ** -(bits + 1) + ARITHMETIC, 2.0 ** (LEAST_EXPONENT[self.kind] - bits - 1)

    def scales(self, rows: Tensor) -> Tensor:
        """Return ``1.05 max |x| / largest``."""
        found = largest(rows) * (MARGIN / torch.finfo(self.dtype).max)
        return found.clamp_(min=TINY * 2.0 ** (MANTISSA[self.kind] - LEAST_EXPONENT[self.kind]))

    def quantise(self, rows: Tensor, scale: Tensor | None, noise: Tensor | float) -> Tensor:
        """Return ``x / s`` rounded to a multiple of the last bit that its exponent leaves."""
        x = rows * (1 / given(scale))
        exponent = x.view(torch.int32) & 0x7F800000
        exponent.clamp_(min=(LEAST_EXPONENT[self.kind] + 127) << 23).sub_(MANTISSA[self.kind] << 23)
        last = exponent.view(torch.float32)
        return to_integer(x.abs().div_(last), noise).mul_(last).copysign_(rows).to(self.dtype)

    def dequantise(self, codes: Tensor, scale: Tensor | None) -> Tensor:
        """Return ``s code``."""
        return codes.float().mul_(given(scale))
