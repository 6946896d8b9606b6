r"""ADMM around any torch optimiser: Elsa in anyone's own training loop.

Two lines change::

    optimizer = Adam(model.parameters(), lr)
    optimizer = ADMM(optimizer, prunable(model), Elsa(sparsity=0.9, steps=1000))    # new
    for batch in data:
        loss(model, batch).backward()
        clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
        optimizer.zero_grad()
    optimizer.finalize()                                                            # new

The iteration is that of :mod:`tamis.admm`, the equations and settings are those of
:mod:`tamis_torch.methods.elsa`, how z and u are kept that of :mod:`tamis_torch.packed`.  This file
only walks over the parameters.
"""

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tamis.arrays import restrict, widen
from tamis_torch.advice import Watch, arrived, emptied
from tamis_torch.errors import RunError
from tamis_torch.inner import check_inner
from tamis_torch.methods.budget import groups, keep
from tamis_torch.methods.elsa import Elsa, begun_with, constraint
from tamis_torch.moments import Metric
from tamis_torch.packed import add_dual, split


class ADMM(torch.optim.Optimizer):
    """A torch optimiser whose steps also draw ``weights`` to a sparse set.

    Parameters
    ----------
    inner : torch.optim.Optimizer
        Does the step; its groups and learning rates are this optimiser's too, so learning-rate
        schedulers take either.  Any that steps once a call: not LBFGS.
    weights : mapping of str to nn.Parameter
        What is pruned, as :func:`tamis_torch.prunable` returns it; each must be in ``inner``.
    config : Elsa
    axes : mapping of str to int, optional
        The axis of each weight that runs over its layer's inputs, along which N:M groups and the
        rows of a budget lie; 1, that of ``nn.Linear``, where left out.

    Raises
    ------
    InputError
        If a weight is not among the inner optimiser's parameters, or that optimiser evaluates the
        loss itself, or keeps no second moment and the metric needs one.

    Attributes
    ----------
    targets : dict of str to Tensor
        z - u, where each weight is drawn to.
    kept : dict of str to Tensor
        The support of z, of bool.
    moments : dict of str to Tensor
        With the metric "gradient", the running mean of the squared gradient; else empty.
    watch : Watch or None
    count : int
        Steps made.
    begun : float
        Fraction of zeros at the beginning, from which the sparsity grows.
    """

    def __init__(
        self,
        inner: torch.optim.Optimizer,
        weights: Mapping[str, nn.Parameter],
        config: Elsa,
        axes: Mapping[str, int] | None = None,
    ) -> None:
        check_inner(inner, weights)
        super().__init__(inner.param_groups, inner.defaults)
        self.inner, self.weights, self.config = inner, dict(weights), config
        self.axes = {name: 1 for name in weights} | dict(axes or {})
        self.state = inner.state
        self.count, self.final, self.begun = 0, False, begun_with(config, weights, self.axes)
        self.watch: Watch | None = None
        self._metric = Metric(config.metric, inner, self.weights)
        self._groups = groups(config.budget, weights)
        self.moments = self._metric.moments
        with torch.no_grad():
            self.kept = {
                k: mask for names in self._groups for k, mask in self._select(names, weights).items()
            }
            self.targets = {name: restrict(weights[name].detach(), self.kept[name]) for name in weights}

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Make one step of the inner optimiser with the pull, and every ``interval`` steps update z and u."""
        if self.final:
            raise RuntimeError("step() after finalize() would undo the sparsity; make a new ADMM to go on")
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._metric.observe()
        if self.config.pull == "gradient":
            self._pull_gradients()
        self.inner.step()
        if self.config.pull == "direct":
            weights = tuple(self.weights.values())  # in the order of the targets
            torch._foreach_lerp_(weights, tuple(self.targets.values()), self.config.penalty)
        self.count += 1
        if self.count % self.config.interval == 0 or self.count == self.config.steps:
            self._update()
        return loss

    @torch.no_grad()
    def finalize(self) -> None:
        """Project the weights onto the set: from here on they are sparse.

        Warns if the numbers of the last update say that this hurts, or if a matrix is left empty.
        """
        self.final = True
        for names in self._groups:
            for name, kept in self._select(names, self.weights, self.config.steps).items():
                self.weights[name].copy_(restrict(self.weights[name], kept))
        for text in arrived(self.watch) + emptied(self.weights):
            warnings.warn(text, stacklevel=3)

    def state_dict(self) -> dict[str, Any]:
        """Return the inner optimiser's state, and that of the iteration under ``"admm"``."""
        own = {
            "targets": dict(self.targets), "kept": dict(self.kept), "moments": dict(self.moments),
            "count": self.count, "begun": self.begun, "watch": list(self.watch) if self.watch else None,
        }  # fmt: skip
        return {**self.inner.state_dict(), "admm": own}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` returned."""
        own = state_dict["admm"]
        self.inner.load_state_dict({k: v for k, v in state_dict.items() if k != "admm"})
        self.state, self.param_groups = self.inner.state, self.inner.param_groups
        for part in ("targets", "kept", "moments"):
            for name, tensor in getattr(self, part).items():
                tensor.copy_(own[part][name])
        self.count, self.begun = own["count"], own["begun"]
        self.watch = Watch(*own["watch"]) if own["watch"] else None

    def _pull_gradients(self) -> None:
        for name, weight in self.weights.items():
            if weight.grad is not None:
                weight.grad.add_(weight - self.targets[name], alpha=self.config.penalty)

    def _update(self) -> None:
        """Update z and u of all matrices; for a moment their targets hold w + u."""
        sizes = self._sizes()
        for name, weight in self.weights.items():
            add_dual(self.config.order, weight, self.targets[name], self.kept[name])
        watched = []
        for names in self._groups:
            for name, kept in self._select(names, self.targets).items():
                watched.append(self._take(name, kept))
        gap, flips = torch.stack(watched).sum(0).tolist()
        size, entries = math.hypot(*sizes), sum(weight.numel() for weight in self.weights.values())
        self.watch = Watch(gap**0.5 / size if size else 0.0, flips / entries)

    def _sizes(self) -> list[float]:
        """Return |w| of each matrix; all must be finite."""
        norms = torch.stack([torch.linalg.vector_norm(weight.detach()) for weight in self.weights.values()])
        sizes: list[float] = norms.tolist()
        for name, size in zip(self.weights, sizes, strict=True):
            if not math.isfinite(size):
                raise RunError(f"{name} is not finite after {self.count} steps; lower the learning rate")
        return sizes

    def _take(self, name: str, kept: Tensor) -> Tensor:
        """Make a matrix's w + u its target with this support; return |w - z|^2 and the mask's flips."""
        gap = split(self.config.order, self.weights[name], self.targets[name], kept)
        flips = torch.count_nonzero(self.kept[name] ^ kept)
        self.kept[name] = kept
        return torch.stack([gap.double() ** 2, flips.double()])

    def _select(
        self, names: list[str], points: Mapping[str, Tensor], count: int | None = None
    ) -> dict[str, Tensor]:
        """Return the support of the projection of ``points`` onto the set of these matrices."""
        step = self.count if count is None else count
        allowed = constraint(self.config, step, self.axes[names[0]], self.begun)
        group = {name: points[name] for name in names}
        return keep(
            allowed, self.config.budget, group, self.axes, lambda name: self._score(name, points[name])
        )

    def _score(self, name: str, point: Tensor) -> Tensor:
        """Return by what the projection selects; before the first step there is no moment yet."""
        return widen(point).abs() if self.count == 0 else self._metric.score(name, point)
