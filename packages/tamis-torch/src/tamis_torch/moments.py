r"""The metric of the projection: a diagonal Fisher matrix, from the optimiser or estimated beside it.

    v  =  the second moment that the optimiser keeps          metric "adam": M = sqrt(v), "fisher": M = v
    v  <-  decay v + (1 - decay) g^2                          metric "gradient": M = v

g is the clipped gradient of the loss of each step, before the pull is added.  A common factor of
M changes no projection, so v needs no correction for its start at zero.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from tamis.arrays import widen
from tamis_torch.errors import InputError
from tamis_torch.few_bits import FewBitsAdam
from tamis_torch.inner import KEYS, moment_key
from tamis_torch.ranks import local, ranks_of

DECAY = 0.95  # of the estimate: over the last 20 steps
LEAST = 1e-20  # of the metric: without any gradient the largest weights are kept, M y^2 not underflowing
FLOOR = 1e-6  # of the metric, relative to its mean: v may be zero, a metric must be positive


class Metric:
    """The diagonal M of each weight, and the scores by it.

    Parameters
    ----------
    kind : str
        "adam", "fisher", "gradient" or "none", see above.
    inner : torch.optim.Optimizer
    weights : mapping of str to nn.Parameter

    Raises
    ------
    InputError
        If the metric needs a second moment that the optimiser does not keep.

    Attributes
    ----------
    moments : dict of str to Tensor
        The estimated v of the metric "gradient"; else empty.
    """

    def __init__(self, kind: str, inner: torch.optim.Optimizer, weights: Mapping[str, nn.Parameter]) -> None:
        self.kind, self.inner, self.weights = kind, inner, weights
        estimated = weights if kind == "gradient" else {}
        self.moments = {n: torch.zeros_like(local(weight.detach())) for n, weight in estimated.items()}
        self.ranks = ranks_of(weights.values())
        self._means: dict[str, Tensor] = {}  # of the metric, until the moments change
        self.key = None
        if kind in ("adam", "fisher") and not isinstance(inner, FewBitsAdam):
            self.key = moment_key(inner, next(iter(weights.values())))
            if self.key is None:
                raise InputError(
                    f"metric {kind!r} needs an optimiser that keeps a second moment of each weight "
                    f"({', '.join(KEYS)}), got {type(inner).__name__}; use metric='gradient', which "
                    "estimates one, or metric='none'"
                )

    def observe(self) -> None:
        """Take the gradients that the weights hold into the estimate, if one is kept."""
        self._means.clear()
        for name, moment in self.moments.items():
            gradient = self.weights[name].grad
            if gradient is not None:
                gradient = local(gradient)
                moment.mul_(DECAY).addcmul_(gradient, gradient, value=1 - DECAY)

    def score(self, name: str, point: Tensor) -> Tensor:
        """Return ``M y^2`` of a point y like the weight: the projection keeps what is largest by it.

        Of the rows that are here; all ranks must ask for the same in the same order.

        With M the identity |y|, of the same order.  A root less than for sqrt(M) |y|; what becomes zero
        by it, below 1e-45, is never near a threshold of weights that matter.
        """
        if self.kind == "none":
            size: Tensor = widen(point).abs()
            return size
        metric = bare(self._moment(name), self.kind)
        if name not in self._means:
            self._means[name] = self.ranks.mean(metric, self.weights[name].numel())
        return metric.add_(FLOOR * self._means[name] + LEAST).mul_(point).mul_(point)

    def forget(self) -> None:
        """Say that the moments were replaced."""
        self._means.clear()

    def _moment(self, name: str) -> Tensor:
        if self.kind == "gradient":
            return self.moments[name]
        weight = self.weights[name]
        if isinstance(self.inner, FewBitsAdam):
            return self.inner.second_moment(weight)
        assert self.key is not None, "refused at construction"
        moment: Tensor | None = self.inner.state.get(weight, {}).get(self.key)
        if moment is None:  # it never had a gradient
            return torch.zeros_like(local(weight.detach()))
        return local(moment)


def bare(moment: Tensor, metric: str) -> Tensor:
    """Return M without its floor, new, of the moment's shape, in single precision at least."""
    found: Tensor = widen(moment).sqrt() if metric == "adam" else widen(moment).clone()
    return found
