"""The formats by their names, as settings and checkpoints hold them."""

from typing import Literal, get_args

from tamis_torch.errors import InputError
from tamis_torch.state.codes import BLOCK, Format
from tamis_torch.state.fp8 import FP8
from tamis_torch.state.full import BFloat16, Float32
from tamis_torch.state.integers import Int8
from tamis_torch.state.power import Power

Name = Literal["float32", "bfloat16", "fp8_e4m3", "fp8_e5m2", "int8", "power8"]
NAMES: tuple[str, ...] = get_args(Name)


def named(
    name: str, *, block: int | None = BLOCK, rounding: str = "nearest", second_moment: bool = False
) -> Format:
    """Return a format.

    Parameters
    ----------
    name
        One of :data:`NAMES`.
    block
        How many entries share a scale; None: all of a tensor.  float32 and bfloat16 have no scale.
    rounding
        "nearest" or "stochastic".
    second_moment
        Whether it is to keep numbers that are never negative, as the mean of squares: "power8" is
        then of power 4 and without a sign; the others are the same.

    Raises
    ------
    InputError
        If the name or a setting is not one of those allowed.
    """
    match name:
        case "float32":
            return Float32(block=block, rounding=rounding)
        case "bfloat16":
            return BFloat16(block=block, rounding=rounding)
        case "fp8_e4m3" | "fp8_e5m2":
            return FP8(kind=name.removeprefix("fp8_"), block=block, rounding=rounding)
        case "int8":
            return Int8(block=block, rounding=rounding)
        case "power8":
            power = 4 if second_moment else 2
            return Power(power=power, signed=not second_moment, block=block, rounding=rounding)
    raise InputError(f"name must be one of {', '.join(NAMES)}, got {name!r}")
