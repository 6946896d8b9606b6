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

The iteration is :mod:`tamis.admm`, the equations and settings are those of
:mod:`tamis_torch.methods.elsa`.  This file only walks over the parameters.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tamis import admm
from tamis.arrays import norm
from tamis_torch.advice import Watch, arrived
from tamis_torch.errors import InputError
from tamis_torch.methods.elsa import Elsa, constraint

FLOOR = 1e-6  # of the metric, relative to its mean: v may be zero, a metric must be positive


class ADMM(torch.optim.Optimizer):
    """A torch optimiser whose steps also draw ``weights`` to a sparse set.

    Parameters
    ----------
    inner : torch.optim.Optimizer
        Does the step; its groups and learning rates are this optimiser's too, so learning-rate
        schedulers take either.
    weights : mapping of str to nn.Parameter
        What is pruned, as :func:`tamis_torch.prunable` returns it; each must be in ``inner``.
    config : Elsa
    axes : mapping of str to int, optional
        The axis of each weight that runs over its layer's inputs, along which N:M groups lie;
        1, that of ``nn.Linear``, where left out.

    Raises
    ------
    InputError
        If a weight is not among the inner optimiser's parameters.

    Attributes
    ----------
    watch : Watch or None
    count : int
        Steps made.
    """

    def __init__(
        self,
        inner: torch.optim.Optimizer,
        weights: Mapping[str, nn.Parameter],
        config: Elsa,
        axes: Mapping[str, int] | None = None,
    ) -> None:
        _check_weights(inner, weights)
        super().__init__(inner.param_groups, inner.defaults)
        self.inner, self.weights, self.config = inner, dict(weights), config
        self.axes = {name: 1 for name in weights} | dict(axes or {})
        self.state = inner.state
        self.count, self.final = 0, False
        self.watch: Watch | None = None
        with torch.no_grad():
            self.states = {
                name: admm.init(weight.detach(), constraint(config, 0, self.axes[name]))
                for name, weight in weights.items()
            }

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Make one step of the inner optimiser with the pull, and every ``interval`` steps update z and u."""
        if self.final:
            raise RuntimeError("step() after finalize() would undo the sparsity; make a new ADMM to go on")
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if self.config.pull == "gradient":
            self._pull_gradients()
        self.inner.step()
        if self.config.pull == "direct":
            self._pull_weights()
        self.count += 1
        if self.count % self.config.interval == 0 or self.count == self.config.steps:
            self._update()
        return loss

    @torch.no_grad()
    def finalize(self) -> None:
        """Project the weights onto the set: from here on they are sparse.

        Warns if the numbers of the last update say that this hurts.
        """
        self.final = True
        for text in arrived(self.watch):
            warnings.warn(text, stacklevel=3)
        for name, weight in self.weights.items():
            target = constraint(self.config, self.config.steps, self.axes[name])
            weight.copy_(target.project(weight, self._metric(weight)))

    def state_dict(self) -> dict[str, Any]:
        """Return the inner optimiser's state, and z, u, count and watch under ``"admm"``."""
        states = {name: state._asdict() for name, state in self.states.items()}
        return {
            **self.inner.state_dict(),
            "admm": {"states": states, "count": self.count, "watch": self.watch},
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` returned."""
        own = state_dict["admm"]
        self.inner.load_state_dict({k: v for k, v in state_dict.items() if k != "admm"})
        self.state, self.param_groups = self.inner.state, self.inner.param_groups
        self.states = {name: admm.State(**state) for name, state in own["states"].items()}
        self.count = own["count"]
        self.watch = Watch(*own["watch"]) if own["watch"] else None

    def _pull_gradients(self) -> None:
        for name, weight in self.weights.items():
            if weight.grad is not None:
                weight.grad += admm.penalty_gradient(weight, self.states[name], self.config.penalty)

    def _pull_weights(self) -> None:
        for name, weight in self.weights.items():
            weight.lerp_(admm.target(self.states[name]), self.config.penalty)

    def _update(self) -> None:
        watched = [self._update_one(name, weight) for name, weight in self.weights.items()]
        gap, size, flips = (sum(values) for values in zip(*watched, strict=True))
        entries = sum(weight.numel() for weight in self.weights.values())
        self.watch = Watch((gap / size) ** 0.5 if size else 0.0, flips / entries)

    def _update_one(self, name: str, weight: nn.Parameter) -> tuple[float, float, int]:
        """Update z and u of one matrix; return |w - z|^2, |w|^2 and how many mask entries flipped."""
        before, target = self.states[name], constraint(self.config, self.count, self.axes[name])
        after = admm.dual_update(weight.detach(), before, target, self._metric(weight))
        self.states[name] = after
        return norm(weight - after.z) ** 2, norm(weight) ** 2, _flips(before.z, after.z)

    def _metric(self, weight: Tensor) -> Tensor | None:
        """Return the projection's diagonal metric M, or None for the identity."""
        if self.config.metric == "none" or self.count == 0:
            return None
        moment = self.inner.state.get(weight, {}).get("exp_avg_sq")
        if moment is None:
            raise InputError(
                f"metric {self.config.metric!r} needs an optimiser that keeps Adam's second moment "
                f"(exp_avg_sq), got {type(self.inner).__name__}; use metric='none'"
            )
        metric: Tensor = moment.sqrt() if self.config.metric == "adam" else moment.clone()
        return metric.add_(FLOOR * metric.mean() + torch.finfo(metric.dtype).tiny)


def _flips(before: Tensor, after: Tensor) -> int:
    """Return how many entries are zero in one of the two only."""
    both = torch.count_nonzero(before.sign() * after.sign())
    return int(torch.count_nonzero(before) + torch.count_nonzero(after) - 2 * both)


def _check_weights(inner: torch.optim.Optimizer, weights: Mapping[str, nn.Parameter]) -> None:
    if not isinstance(weights, Mapping):
        kind = type(weights).__name__
        raise InputError(f"weights must be named, as tt.prunable(model) returns them, got {kind}")
    known = {id(p) for group in inner.param_groups for p in group["params"]}
    for name, weight in weights.items():
        if id(weight) not in known:
            raise InputError(f"weights must be parameters of the inner optimiser, but {name} is not")
