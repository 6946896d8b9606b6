r"""What ADMM round an optimiser is told: the set, the penalty, and when z and u move.

    minimise f(w)  subject to  w in S_T        S_t the sparse weights, of a sparsity that may grow with t

    step t            w  <-  inner step on the gradient of f, and the pull to z - u with penalty_t
    every K steps     z  <-  argmin_{z in S_t} |z - (w + u)|_M^2,   u  <-  u + w - z
    the last steps    w  <-  inner step on the gradient of f, then zero off the support of z      (retrain)
    at the end        w  <-  the projection of w onto S_T

    penalty_t  =  penalty                              constant, or
                  penalty (1 - cos(pi t / T)) / 2      a cosine's rise from 0 (SAFE, arXiv 2506.06866)

u is scaled by the penalty and, as in SAFE's own code, stays as it is while the penalty rises.  Methods
choose among these settings: Elsa in :mod:`tamis_torch.methods.elsa`, SAFE on images in
:mod:`tamis_torch.vision.methods.safe`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from tamis.sets import NofM, Sparse
from tamis_torch.errors import InputError
from tamis_torch.methods.budget import Budgeted
from tamis_torch.methods.checks import check_between, check_choice, check_count, check_seed
from tamis_torch.methods.pattern import parse_pattern
from tamis_torch.state import NAMES, Name
from tamis_torch.zeros import as_sparse, zeros


@dataclass(frozen=True, kw_only=True)
class Iteration(Budgeted):
    """Settings of :class:`tamis_torch.ADMM`.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    steps: int = 400
    """Optimiser steps, by which the sparsity grows, the penalty rises and the last update is placed."""
    penalty: float = 0.1
    """Direct pull: the share of the distance to z - u that a step closes, in (0, 1].  Gradient pull:
    the penalty of the augmented Lagrangian in the units of the gradient."""
    penalty_rise: Literal["none", "cosine"] = "none"
    """How the penalty comes to its value: it has it from the start, or rises from 0 over all steps."""
    interval: int = 4
    """K, the steps between two updates of z and u."""
    pull: Literal["direct", "gradient"] = "direct"
    """How the penalty acts on w: after the inner step, or through the gradient."""
    metric: Literal["adam", "fisher", "gradient", "none"] = "adam"
    """Diagonal M of the projection: sqrt(v), v the optimiser's second moment; the paper's v; for any
    optimiser "gradient", a v estimated beside it (4 bytes a pruned weight more); or the identity."""
    growth: float = 0.0
    """Share of the steps over which the sparsity grows to its target; 0: the target from the start."""
    retrain: float = 0.0
    """Share of the steps, the last ones, in which the support of z stays as it is and only the weights in
    it are trained, with no pull: masked retraining (Zhang et al. 2018, arXiv 1804.03294)."""
    order: Literal["wzu", "zwu"] = "wzu"
    """Of the updates, see :mod:`tamis_torch.methods.elsa`."""
    state: Name = "float32"
    """How z - u is kept, see :mod:`tamis_torch.state`; in fewer bits than float32 it is rounded
    stochastically, and the support of z takes a bit an entry instead of a byte."""
    seed: int = 0
    """Of the rounding of z - u."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("steps", self.steps, 1)
        check_count("interval", self.interval, 1)
        check_seed(self.seed)
        check_choice("penalty_rise", self.penalty_rise, ("none", "cosine"))
        check_choice("pull", self.pull, ("direct", "gradient"))
        check_choice("metric", self.metric, ("adam", "fisher", "gradient", "none"))
        check_choice("order", self.order, ("wzu", "zwu"))
        check_choice("state", self.state, NAMES)
        check_between("retrain", self.retrain, 0, 1)
        check_between("growth", self.growth, 0, 1)
        if self.growth + self.retrain > 1:
            raise InputError(
                f"growth and retrain must add up to at most 1, got {self.growth:g} and {self.retrain:g}"
            )
        check_between("penalty", self.penalty, 0, 1 if self.pull == "direct" else 1e6, open_below=True)


def growth_at(config: Iteration, step: int) -> float:
    """Return the share of the target reached after ``step`` steps: a cubic rise (Zhu & Gupta 2017)."""
    if config.growth == 0:
        return 1.0
    done = min(1.0, step / (config.growth * config.steps))
    return 1 - (1 - done) ** 3


def retrains(config: Iteration, step: int) -> bool:
    """Return whether the support stays as it is from ``step`` steps on."""
    return config.retrain > 0 and step >= config.steps - round(config.retrain * config.steps)


def penalty_at(config: Iteration, step: int) -> float:
    """Return the penalty of the step that follows ``step`` steps."""
    if config.penalty_rise == "none":
        return config.penalty
    return config.penalty * (1 - math.cos(math.pi * min(1.0, step / config.steps))) / 2


def sparsity_at(config: Iteration, step: int, begun: float = 0.0) -> float:
    """Return the fraction of zeros asked after ``step`` steps of a training that begins with ``begun``."""
    return begun + (config.sparsity - begun) * growth_at(config, step)


def constraint(config: Iteration, step: int, axis: int, begun: float = 0.0) -> Sparse | NofM:
    """Return the set of the matrices that share a budget after ``step`` steps.

    Parameters
    ----------
    config, step
    axis
        Runs over the inputs of a layer, for N:M, whose matrices share nothing.
    begun
        Fraction of zeros at the beginning of the training.  A pattern N:M grows by its M - N, from M:M
        down to N:M, unless it is there from the beginning.
    """
    pattern = parse_pattern(config.pattern)
    if pattern is None:
        return Sparse(1.0 - sparsity_at(config, step, begun))
    n, m = pattern
    grown = 1.0 if begun >= config.sparsity else growth_at(config, step)
    return NofM(m - round((m - n) * grown), m, axis=axis)


def begun_with(config: Iteration, weights: Mapping[str, Tensor], axes: Mapping[str, int]) -> float:
    """Return the fraction of zeros that a training begins with; a pattern is there whole or not at all."""
    if config.pattern is None:
        return zeros(weights)
    return config.sparsity if as_sparse(weights, axes, constraint(config, config.steps, axis=1)) else 0.0
