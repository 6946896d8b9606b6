r"""Adam's step on part of a parameter whose moments are kept in few bits.

    m  <-  beta1 m + (1 - beta1) g                       decoded before, encoded after
    v  <-  beta2 v + (1 - beta2) g^2
    d  =   m / (sqrt(v / (1 - beta2^t)) + eps),  clipped to  |d| <= C_t sqrt(1 - beta2^t)
    w  <-  w - lr / (1 - beta1^t) d
    w  <-  w + pull (target - w)                         if there is a target
    w  ->  rounded to what is kept of it

The clip changes nothing where m and v are exact: by the inequality of Cauchy and Schwarz

    |m|  <=  C_t sqrt(v),     C_t^2  =  (1 - beta1)^2 / (1 - beta2)  sum_{k < t} (beta1^2 / beta2)^k

for any gradients (2.35 for betas .9 and .99 and large t).  Rounded moments may break it, where v is
small against its neighbours, and could make a step of any size.
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from tamis_torch.state.codes import Codes, Format
from tamis_torch.state.compensated import cut, join
from tamis_torch.state.noise import Key, bit_pair, uniform
from tamis_torch.state.rounding import add_and_cut

Rounding = Literal["stochastic", "compensated", "nearest"]  # of bfloat16 weights
ROUNDINGS: tuple[str, ...] = get_args(Rounding)


@dataclass(frozen=True)
class Kept:
    """How the two moments are kept, and the weights."""

    first: Format
    second: Format
    rounding: str


class Rows(NamedTuple):
    """Part of a parameter and its state, each (rows, entries): what a step reads and replaces."""

    weight: Tensor  # bfloat16 or float32
    gradient: Tensor
    first: Codes
    second: Codes
    remainder: Tensor | None  # int8, of weights that are compensated


class Numbers(NamedTuple):
    """The numbers of a step, float32 of no dimension, so that a new value needs no new compilation."""

    rate: Tensor  # lr / (1 - beta1^t)
    new_first: Tensor  # 1 - beta1
    new_second: Tensor  # 1 - beta2
    root: Tensor  # 1 / sqrt(1 - beta2^t)
    eps: Tensor
    largest: Tensor  # C_t sqrt(1 - beta2^t)


def numbers(device: torch.device, lr: float, betas: tuple[float, float], eps: float, step: int) -> Numbers:
    """Return the numbers of step ``step``, counted from 1, in one copy to the device."""
    first, second = betas
    root = math.sqrt(1 - second**step)
    largest = largest_ratio(betas, step) * root
    values = lr / (1 - first**step), 1 - first, 1 - second, 1 / root, eps, largest
    return Numbers(*torch.tensor(values).to(device, non_blocking=True).unbind())


def largest_ratio(betas: tuple[float, float], step: int) -> float:
    """Return C_t, the largest |m| / sqrt(v) that exact moments can have after ``step`` steps."""
    first, second = betas
    if second == 0:
        return math.inf
    ratio = first**2 / second
    total = step if ratio == 1 else (1 - ratio**step) / (1 - ratio)
    return (1 - first) * math.sqrt(total / (1 - second))


def step_rows(
    kept: Kept,
    rows: Rows,
    now: Numbers,
    noise: Key,
    start: Tensor,
    order: Tensor,
    scale: Tensor | None = None,
    target: Tensor | None = None,
    pull: Tensor | None = None,
) -> None:
    """Make one step of these rows, in place.

    Parameters
    ----------
    kept, rows, now
    noise
        The key of this step's rounding.
    start, order
        Where the first entry stands in its parameter, modulo 2^32, and each from there on, int32.
    scale
        Factor of the gradient, of no dimension; 0 or NaN: take it as zero, whatever it holds.
    target, pull
        float32, where the weights are drawn to and what share of the way.
    """
    gradient = rows.gradient.float()
    if scale is not None:
        gradient = torch.where(scale > 0, gradient * scale, 0.0)
    m = kept.first.dequantise(*rows.first).lerp_(gradient, now.new_first)
    v = kept.second.dequantise(*rows.second).lerp_(gradient * gradient, now.new_second)
    weight = adam(_weight(rows), m, v, now)
    if target is not None and pull is not None:
        weight = weight.lerp_(target, pull)
    for_weight, for_moments = bit_pair(noise, start, order)
    shared = uniform(for_moments)  # one noise for both: v is rounded up where m mostly is too
    _keep(kept.first, m, rows.first, shared)
    _keep(kept.second, v, rows.second, shared)
    _keep_weight(kept.rounding, weight, rows, for_weight)


def adam(weight: Tensor, m: Tensor, v: Tensor, now: Numbers) -> Tensor:
    """Return the weight after Adam's step with these moments."""
    update = m / v.sqrt().mul_(now.root).add_(now.eps)
    update.clamp_(-now.largest, now.largest)
    return weight - update.mul_(now.rate)


def _weight(rows: Rows) -> Tensor:
    return rows.weight.float() if rows.remainder is None else join(rows.weight, rows.remainder)


def _keep(kept: Format, x: Tensor, into: Codes, noise: Tensor) -> None:
    scale = kept.scales(x)
    into.codes.copy_(kept.quantise(x, scale, noise if kept.rounding == "stochastic" else 0.5))
    if into.scale is not None and scale is not None:
        into.scale.copy_(scale)


def _keep_weight(rounding: str, weight: Tensor, rows: Rows, bits: Tensor) -> None:
    if rows.remainder is not None:
        half, remainder = cut(weight)
        rows.weight.copy_(half)
        rows.remainder.copy_(remainder)
    elif rows.weight.dtype == torch.bfloat16 and rounding == "stochastic":
        rows.weight.copy_(add_and_cut(weight, bits))
    else:
        rows.weight.copy_(weight)
