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
from tamis_torch.inner import KEYS, moment_key

DECAY = 0.95  # of the estimate: over the last 20 steps
FLOOR = 1e-6  # of the metric, relative to its mean: v may be zero, a metric must be positive


class Metric:
    """sqrt(M) of each weight.

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
        self.moments = {name: torch.zeros_like(weight) for name, weight in estimated.items()}
        self.key = None
        if kind in ("adam", "fisher"):
            self.key = moment_key(inner, next(iter(weights.values())))
            if self.key is None:
                raise InputError(
                    f"metric {kind!r} needs an optimiser that keeps a second moment of each weight "
                    f"({', '.join(KEYS)}), got {type(inner).__name__}; use metric='gradient', which "
                    "estimates one, or metric='none'"
                )

    def observe(self) -> None:
        """Take the gradients that the weights hold into the estimate, if one is kept."""
        for name, moment in self.moments.items():
            gradient = self.weights[name].grad
            if gradient is not None:
                moment.mul_(DECAY).addcmul_(gradient, gradient, value=1 - DECAY)

    def score(self, name: str, point: Tensor) -> Tensor:
        """Return ``sqrt(M) |y|`` of a point y like the weight: the projection keeps what is largest by it."""
        if self.kind == "none":
            size: Tensor = widen(point).abs()
            return size
        return root(self._moment(name), self.kind).mul_(point).abs_()

    def _moment(self, name: str) -> Tensor:
        if self.key is None:
            return self.moments[name]
        weight = self.weights[name]
        moment: Tensor | None = self.inner.state.get(weight, {}).get(self.key)
        return torch.zeros_like(weight) if moment is None else moment  # none: it never had a gradient


def root(moment: Tensor, metric: str) -> Tensor:
    """Return sqrt(M), positive, of the moment's shape, in single precision at least."""
    diagonal: Tensor = widen(moment).sqrt() if metric == "adam" else widen(moment).clone()
    return diagonal.add_(FLOOR * diagonal.mean() + torch.finfo(diagonal.dtype).tiny).sqrt_()
