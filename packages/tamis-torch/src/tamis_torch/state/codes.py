r"""What a format of few bits is: float32 numbers to codes and scales, and back.

A tensor is cut into rows: one row of all its entries, or rows of ``block`` entries in their order
(the last padded with zeros).  Each row has a scale s, made from its largest entry, and

    encode:  code  =  Q(x / s)          decode:  x'  =  s Q^-1(code)

Zero becomes zero, and no decoded number is denormal, as a scale has a least value.  The error is

    |x' - x|  <=  relative |x| + floor s           nearest rounding
    |x' - x|  <=  2 (relative |x| + floor s)       stochastic rounding, with E x' = x

with the two numbers of :attr:`Format.bounds` (``tests/torch/test_state_formats.py``).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from tamis_torch.errors import InputError

ROUNDINGS = ("nearest", "stochastic")
BLOCK = 2048  # entries that share a scale of 4 bytes: 1/512 byte an entry
ARITHMETIC = 2.0**-21  # relative error of a few operations in float32
TINY = torch.finfo(torch.float32).tiny  # the smallest normal number


class Codes(NamedTuple):
    """A tensor in few bits."""

    codes: Tensor  # of the tensor's shape
    scale: Tensor | None  # float32, (rows,)


@dataclass(frozen=True, kw_only=True)
class Format(ABC):
    """How a float32 tensor is kept in few bits.

    Parameters
    ----------
    block
        How many entries share a scale; None: all of the tensor.
    rounding
        "nearest" or "stochastic", which :meth:`encode` uses.

    Raises
    ------
    InputError
        If a setting is out of its range.
    """

    block: int | None = None
    rounding: str = "nearest"

    def __post_init__(self) -> None:
        if self.block is not None and self.block < 1:
            raise InputError(f"block must be 1 or more, or None, got {self.block}")
        if self.rounding not in ROUNDINGS:
            raise InputError(f"rounding must be one of {', '.join(ROUNDINGS)}, got {self.rounding!r}")

    @property
    @abstractmethod
    def dtype(self) -> torch.dtype:
        """Of the codes."""

    @property
    @abstractmethod
    def bounds(self) -> tuple[float, float]:
        """The error of nearest rounding: relative to ``|x|``, and in units of the scale, or 1."""

    @abstractmethod
    def scales(self, rows: Tensor) -> Tensor | None:
        """Return the scale of each row of a float32 (rows, entries), of shape (rows, 1)."""

    @abstractmethod
    def quantise(self, rows: Tensor, scale: Tensor | None, noise: Tensor | float) -> Tensor:
        """Return the codes, of the rows' shape; nothing is checked.

        Parameters
        ----------
        rows
            float32, (rows, entries).
        scale
            (rows, 1) or None, as :meth:`scales` returns it; of ranks that share a row, the largest.
        noise
            Uniform in [0, 1), of the rows' shape, for stochastic rounding; 0.5 for nearest.
        """

    @abstractmethod
    def dequantise(self, codes: Tensor, scale: Tensor | None) -> Tensor:
        """Return float32 numbers of codes of shape (rows, entries), with scales of shape (rows, 1)."""

    @property
    def scaled(self) -> bool:
        """Whether there are scales."""
        return True

    @property
    def limit(self) -> float:
        """The largest |x| that can be encoded."""
        return torch.inf

    @property
    def bytes_per_entry(self) -> float:
        """The codes' and the scales' bytes (those of a whole tensor's single scale are left out)."""
        return self.dtype.itemsize + (4 / self.block if self.scaled and self.block else 0)

    @torch.no_grad()
    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> Codes:
        """Return a tensor in this format.

        Parameters
        ----------
        x
            Of any shape and floating dtype, finite.
        generator
            Of the noise of stochastic rounding, on the tensor's device.

        Raises
        ------
        InputError
            If x is not finite, or too large for the format, or negative where that is not allowed,
            or a generator is missing.
        """
        if self.rounding == "stochastic" and generator is None:
            raise InputError("generator must be a torch.Generator for stochastic rounding, got None")
        rows = to_rows(x.float(), self.block)
        self.check(rows)
        noise: Tensor | float = 0.5
        if self.rounding == "stochastic":
            noise = torch.rand(rows.shape, generator=generator, device=x.device)
        scale = self.scales(rows)
        codes = self.quantise(rows, scale, noise)
        return Codes(from_rows(codes, x.shape), None if scale is None else scale.view(-1))

    @torch.no_grad()
    def decode(self, codes: Codes) -> Tensor:
        """Return a new float32 tensor of the codes' shape."""
        rows = to_rows(codes.codes, self.block)
        scale = None if codes.scale is None else codes.scale.view(-1, 1)
        return from_rows(self.dequantise(rows, scale), codes.codes.shape)

    def check(self, rows: Tensor) -> None:
        """Refuse what cannot be encoded, by one pass over the entries."""
        found = torch.linalg.vector_norm(rows, torch.inf).item()
        if not found < torch.inf:
            raise InputError(f"x must be finite to be kept in few bits, but its largest entry is {found}")
        if found > self.limit:
            kind = str(self.dtype).removeprefix("torch.")
            raise InputError(f"x must be at most {self.limit:.4g} for {kind}, got {found:.6g}")


def given(scale: Tensor | None) -> Tensor:
    """Return the scale that a format with scales needs."""
    if scale is None:
        raise InputError("codes must have a scale in this format, got None")
    return scale


def largest(rows: Tensor) -> Tensor:
    """Return max |x| of each row, (rows, 1); NaN and infinity pass through."""
    found: Tensor = torch.linalg.vector_norm(rows, torch.inf, dim=1, keepdim=True)
    return found


def to_rows(x: Tensor, block: int | None) -> Tensor:
    """Return the entries as (rows, block), padded with zeros: a view where nothing is to pad."""
    flat = x.reshape(-1)
    width = block or max(1, len(flat))
    missing = -len(flat) % width if len(flat) else width
    if missing:
        raw = flat.view(torch.uint8) if flat.element_size() == 1 else flat  # float8 cannot be padded
        flat = pad(raw, (0, missing)).view(flat.dtype)
    return flat.view(-1, width)


def from_rows(rows: Tensor, shape: torch.Size) -> Tensor:
    """Return the first entries in a shape: what :func:`to_rows` was given."""
    count = shape.numel()
    flat = rows.view(-1)
    return (flat if len(flat) == count else flat[:count].clone()).view(shape)
