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

The iteration is that of :mod:`tamis.admm`, its settings are those of
:mod:`tamis_torch.methods.iteration`, of which Elsa's are one choice and SAFE's on images another; how z
and u are kept is that of :mod:`tamis_torch.packed`.  This file only walks over the parameters.

Of weights that FSDP2 cut over ranks each rank has its rows of w, z and u (:mod:`tamis_torch.ranks`).  Counts
and norms are added up over all, so that masks and numbers are those of one process.
"""

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tamis.arrays import restrict, widen
from tamis_torch.advice import Watch, arrived, emptied
from tamis_torch.errors import InputError, RunError
from tamis_torch.few_bits import FewBitsAdam
from tamis_torch.inner import check_inner, innermost
from tamis_torch.methods.budget import groups, keep
from tamis_torch.methods.iteration import Iteration, begun_with, constraint, penalty_at, retrains
from tamis_torch.moments import Metric
from tamis_torch.packed import add_dual, split
from tamis_torch.ranks import entries_before, local, ranks_of
from tamis_torch.sharpness_aware import SharpnessAware
from tamis_torch.state.held import encoded, held, put_back, tensors_of, tick

PARTS = ("targets", "kept", "moments")  # of the state, tensors by name


class ADMM(torch.optim.Optimizer):
    """A torch optimiser whose steps also draw ``weights`` to a sparse set.

    Parameters
    ----------
    inner : torch.optim.Optimizer
        Does the step; its groups and learning rates are this optimiser's too, so learning-rate
        schedulers take either.  Any that steps once a call: not LBFGS.  With
        :class:`tamis_torch.SharpnessAware` round it the pull is taken at w, not at the point nearby.
    weights : mapping of str to nn.Parameter
        What is pruned, as :func:`tamis_torch.prunable` returns it; each must be in ``inner``.  Whole, or
        cut over ranks by ``fully_shard``, which must have been called before ``inner`` was made.
    config : Iteration
        :class:`tamis_torch.Elsa` is one.
    axes : mapping of str to int, optional
        The axis of each weight that runs over its layer's inputs, along which N:M groups and the
        rows of a budget lie; 1, that of ``nn.Linear``, where left out.

    Raises
    ------
    InputError
        If a weight is not among the inner optimiser's parameters, or that optimiser evaluates the
        loss itself, or keeps no second moment and the metric needs one; or if a pattern or the rows of a
        budget would be cut over ranks.

    Attributes
    ----------
    targets : dict of str to Tensor
        z - u, where each weight is drawn to: of the rows that are here, as all that follows.
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
        config: Iteration,
        axes: Mapping[str, int] | None = None,
    ) -> None:
        check_inner(inner, weights)
        super().__init__(inner.param_groups, inner.defaults)
        self.inner, self.weights, self.config = inner, dict(weights), config
        self.axes = {name: 1 for name in weights} | dict(axes or {})
        self.state, self.ranks = inner.state, ranks_of(weights.values())
        self._check_whole()
        self.count, self.final, self.begun = 0, False, begun_with(config, weights, self.axes)
        self.watch: Watch | None = None
        self._stepper = innermost(inner)
        self._metric = Metric(config.metric, self._stepper, self.weights)
        self._groups = groups(config.budget, weights)
        self.moments = self._metric.moments
        self.targets, self.kept = held(
            config.state, config.seed, {name: entries_before(weight) for name, weight in weights.items()}
        )
        with torch.no_grad():
            here = {name: self._here(name) for name in weights}
            for names in self._groups:
                for name, kept in self._select(names, here):
                    self.kept[name] = kept
                    self.targets[name] = restrict(widen(here[name]), kept)
        self._hand_pulls()

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Make one step of the inner optimiser with the pull, and every ``interval`` steps update z and u."""
        if self.final:
            raise RuntimeError("step() after finalize() would undo the sparsity; make a new ADMM to go on")
        loss = None if closure is None else self._evaluate(closure)
        if self.retrains:
            self.inner.step()
            self._restrict()
            self.count += 1
            return loss
        self._metric.observe()
        if self.config.pull == "gradient":
            self._pull_gradients()
        self.inner.step()
        if self.config.pull == "direct" and not isinstance(self._stepper, FewBitsAdam):
            self._pull_weights()
        self.count += 1
        if self.count % self.config.interval == 0 or self.count == self.config.steps or self.retrains:
            self._update()
        if self.retrains:
            self._restrict()
        if self.config.penalty_rise != "none" or self.retrains:
            self._hand_pulls()
        return loss

    @torch.no_grad()
    def finalize(self) -> None:
        """Project the weights onto the set: from here on they are sparse.

        Warns if the numbers of the last update say that this hurts, or if a matrix is left empty.
        """
        self.final = True
        for names in self._groups:
            here = {name: self._here(name) for name in names}
            for name, kept in self._select(names, here, self.config.steps):
                here[name].copy_(restrict(here[name], kept))
        for text in arrived(self.watch) + emptied(self.weights):
            warnings.warn(text, stacklevel=3)

    def state_dict(self) -> dict[str, Any]:
        """Return the inner optimiser's state, and that of the iteration under ``"admm"``."""
        own = {
            **{part: tensors_of(getattr(self, part)) for part in PARTS},
            "count": self.count, "begun": self.begun, "watch": list(self.watch) if self.watch else None,
        }  # fmt: skip
        return {**self.inner.state_dict(), "admm": own}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` returned."""
        own = state_dict["admm"]
        self.inner.load_state_dict({k: v for k, v in state_dict.items() if k != "admm"})
        self.state, self.param_groups = self.inner.state, self.inner.param_groups
        for part in PARTS:
            put_back(getattr(self, part), own[part])
        self.count, self.begun = own["count"], own["begun"]
        self.watch = Watch(*own["watch"]) if own["watch"] else None
        self._metric.forget()
        self._hand_pulls()

    def _evaluate(self, closure: Callable[[], Any]) -> Any:
        """Leave the gradient of the loss in the weights, sharpness-aware if the inner optimiser is."""
        if isinstance(self.inner, SharpnessAware):
            return self.inner.evaluate(closure)
        with torch.enable_grad():
            return closure()

    @property
    def penalty(self) -> float:
        """The penalty of the next step."""
        return penalty_at(self.config, self.count)

    @property
    def retrains(self) -> bool:
        """Whether the support stays as it is from here on, and only what is in it is trained."""
        return retrains(self.config, self.count)

    def _restrict(self) -> None:
        """Make w zero off the support of z: the two are one then."""
        for name in self.weights:
            self._here(name).mul_(self.kept[name])
        self.watch = Watch(0.0, 0.0)

    def _hand_pulls(self) -> None:
        """Give the pull of the next step to an optimiser that makes it before it rounds its weights."""
        if self.retrains and isinstance(self._stepper, FewBitsAdam):
            self._stepper.pulls.clear()
        elif isinstance(self._stepper, FewBitsAdam) and self.config.pull == "direct":
            self._stepper.pulls |= {
                w: (*encoded(self.targets, name), self.penalty) for name, w in self.weights.items()
            }

    def _here(self, name: str) -> Tensor:
        """Return the rows of a weight that are here."""
        return local(self.weights[name].detach())

    def _check_whole(self) -> None:
        """Refuse to cut what must be looked at together."""
        cut = [name for name in self.weights if self.axes[name] == 0]
        if self.ranks.count > 1 and cut and (self.config.pattern or self.config.budget == "row"):
            what = f"pattern {self.config.pattern!r}" if self.config.pattern else "budget 'row'"
            raise InputError(
                f"{what} is not possible over {self.ranks.count} ranks, which cut {cut[0]} along its inputs; "
                "use budget 'tensor', 'block' or 'global', or one process"
            )

    def _pull_weights(self) -> None:
        here = {name: self._here(name) for name in self.weights}
        if isinstance(self.targets, dict) and all(here[n].dtype == t.dtype for n, t in self.targets.items()):
            torch._foreach_lerp_(tuple(here.values()), tuple(self.targets.values()), self.penalty)
            return
        for name, weight in here.items():
            weight.lerp_(self.targets[name].to(weight.dtype), self.penalty)

    def _pull_gradients(self) -> None:
        for name, weight in self.weights.items():
            if weight.grad is not None:
                away = self._here(name) - self.targets[name]
                local(weight.grad).add_(away, alpha=self.penalty)

    def _update(self) -> None:
        """Update z and u of all matrices; for a moment their targets hold w + u."""
        sizes = self._sizes()
        tick(self.targets, 2 * self.count)
        for name in self.weights:
            target = self.targets[name]
            add_dual(self.config.order, self._here(name), target, self.kept[name])
            self.targets[name] = target
        tick(self.targets, 2 * self.count + 1)
        watched = [
            self._take(name, kept)
            for names in self._groups
            for name, kept in self._select(names, self.targets)
        ]
        gap, flips = self.ranks.sum(torch.stack(watched).sum(0)).tolist()
        size, entries = math.hypot(*sizes), sum(weight.numel() for weight in self.weights.values())
        self.watch = Watch(gap**0.5 / size if size else 0.0, flips / entries)

    def _sizes(self) -> list[float]:
        """Return |w| of each matrix; all must be finite."""
        norms = torch.stack([torch.linalg.vector_norm(self._here(name)) for name in self.weights])
        sizes: list[float] = self.ranks.sum(norms.double() ** 2).sqrt().tolist()
        for name, size in zip(self.weights, sizes, strict=True):
            if not math.isfinite(size):
                raise RunError(f"{name} is not finite after {self.count} steps; lower the learning rate")
        return sizes

    def _take(self, name: str, kept: Tensor) -> Tensor:
        """Make a matrix's w + u its target with this support; return |w - z|^2 and the mask's flips."""
        target = self.targets[name]
        gap = split(self.config.order, self._here(name), target, kept)
        flips = torch.count_nonzero(self.kept[name] ^ kept)
        self.targets[name], self.kept[name] = target, kept
        return torch.stack([gap.double() ** 2, flips.double()])

    def _select(
        self, names: list[str], points: Mapping[str, Tensor], count: int | None = None
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield the support of the projection of ``points`` onto the set of these matrices."""
        step = self.count if count is None else count
        allowed = constraint(self.config, step, self.axes[names[0]], self.begun)
        group = {name: self.weights[name] for name in names}
        return keep(
            allowed, self.config.budget, group, self.axes,
            lambda name: self._score(name, points[name]), frugal=not isinstance(self.targets, dict),
            ranks=self.ranks,
        )  # fmt: skip

    def _score(self, name: str, point: Tensor) -> Tensor:
        """Return by what the projection selects; before the first step there is no moment yet."""
        return widen(point).abs() if self.count == 0 else self._metric.score(name, point)
