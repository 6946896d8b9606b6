"""Words of warning: what a run's own numbers say about its result.

A run can fail without an error: when w and z have not met, the last projection cuts away what
the model still uses.  Before the start the budget is compared with the way to go; at the end
the primal residual, the mask and the perplexities are.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

from tamis_torch.methods.budget import groups
from tamis_torch.methods.elsa import Elsa
from tamis_torch.methods.goal import Goal
from tamis_torch.ranks import local, ranks_of
from tamis_torch.select import threshold
from tamis_torch.zeros import nonzeros

RESIDUAL = 0.05  # |w - z|/|w| at the end beyond which the last projection costs more than noise
FIXED = 0.2  # the same where the support is fixed and retrained: good runs have at most half of it
MASK_CHANGE = 0.01  # of the mask at the last update: still choosing ...
APART = 0.01  # ... if w and z are this far apart; below it only weights near zero come and go
TRAVEL = 1.0  # the learning rate's travel in units of the largest weight that has to go
MORE_ZEROS = 0.01  # than asked for, beyond what rounding does
DECAY = 3.0  # e-foldings that the pull needs after the last weights were asked to go


class Watch(NamedTuple):
    """What tells whether the iteration arrives; known after each update of z and u."""

    residual: float  # |w - z| / |w| over all pruned weights
    mask_change: float  # fraction of the mask that differs from the update before


def before(config: Elsa, weights: Mapping[str, nn.Parameter], lr: float) -> list[str]:
    """Return why a run may not arrive, from its settings and the size of the weights alone.

    With the gradient pull Adam moves a weight at most ``sum_t lr_t = lr steps / 2``, so that
    the ``sparsity``-quantile of |w| has to be within it, taken over what shares a budget (for rows over
    the matrix).  With the direct pull a weight shrinks by ``(1 - penalty)`` a step once it is asked to go.
    """
    if config.sparsity == 0:
        return []
    if config.pull == "gradient":
        return _travel(config, weights, lr)
    left = (1 - config.growth) * config.steps
    folds = math.inf if config.penalty == 1 else -left * math.log1p(-config.penalty)
    if folds >= DECAY:
        return []
    return [
        f"the run is too short for its pull: after the sparsity stops growing, {left:.0f} steps shrink what "
        f"must go to {math.exp(-folds):.0%} only; raise --steps or --penalty"
    ]


def _travel(config: Elsa, weights: Mapping[str, nn.Parameter], lr: float) -> list[str]:
    travel = lr * config.steps / 2
    shared = groups(config.budget, weights)
    largest = max(_quantile([weights[name] for name in names], config.sparsity) for names in shared)
    if travel >= TRAVEL * largest:
        return []
    return [
        f"the run cannot arrive: Adam moves a weight at most {travel:.2g} in {config.steps} steps at "
        f"learning rate {lr:.2g}, but weights up to {largest:.2g} have to go to zero; raise --steps or "
        "--lr, or use the direct pull"
    ]


def _quantile(weights: list[nn.Parameter], share: float) -> float:
    entries = sum(weight.numel() for weight in weights)
    index = min(entries, max(1, math.ceil(share * entries)))

    def sizes() -> Iterator[Tensor]:
        return (local(weight.detach()).abs() for weight in weights)

    return threshold(sizes, entries - index + 1, ranks_of(weights).sum).value


def arrived(watch: Watch | None, retrained: bool = False) -> list[str]:
    """Return what the last update of z and u says against the result: before the projection or retraining."""
    if watch is None:
        return []
    found = []
    far = watch.residual > (FIXED if retrained else RESIDUAL)
    if far and retrained:
        found.append(
            f"w and z were still {watch.residual:.1%} apart when the support was fixed (|w - z|/|w|; up to "
            f"{FIXED:.0%} retraining mends it); raise the penalty or the steps"
        )
    elif far:
        found.append(
            f"the last projection hurts: w and z are still {watch.residual:.1%} apart at the end "
            f"(|w - z|/|w|; below {RESIDUAL:.0%} it costs next to nothing); raise the penalty or the steps"
        )
    if watch.mask_change > MASK_CHANGE and watch.residual > APART:
        found.append(
            f"the mask had not settled: {watch.mask_change:.1%} of it changed at the last update; "
            "lower the learning rate or raise the steps"
        )
    return found


def emptied(weights: Mapping[str, Tensor]) -> list[str]:
    """Return which pruned matrices have nothing left, as a shared budget may leave them."""
    empty = [name for name, count in zip(weights, nonzeros(weights), strict=True) if not count]
    if not empty:
        return []
    return [
        f"{len(empty)} of {len(weights)} matrices have no weight left, the first is {empty[0]}; lower the "
        "sparsity or give each matrix its own budget"
    ]


def sparser(method: object, found: float) -> list[str]:
    """Return a warning if there are more zeros than were asked for: the model had them before."""
    if not isinstance(method, Goal) or found <= method.sparsity + MORE_ZEROS:
        return []
    return [
        f"the model has {found:.1%} zeros, {method.sparsity:.1%} were asked for: it had more before; "
        "begin with the dense model"
    ]


def worse(perplexities: Mapping[str, Any]) -> list[str]:
    """Return a warning if training left less than magnitude pruning without it."""
    end, start = perplexities.get("after"), perplexities.get("projected_at_start")
    if end is None or start is None or end <= start:
        return []
    return [
        f"the result is worse than magnitude pruning without training (perplexity {end:.4g} against "
        f"{start:.4g}): lower the learning rate; settings for high sparsity do harm at low sparsity"
    ]
