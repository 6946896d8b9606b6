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
and u are kept and updated is that of :mod:`tamis_torch.splitting`.

Of weights that FSDP2 cut over ranks each rank has its rows of w, z and u (:mod:`tamis_torch.ranks`).  Counts
and norms are added up over all, so that masks and numbers are those of one process.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from tamis_torch.advice import Watch, arrived, emptied
from tamis_torch.errors import InputError
from tamis_torch.few_bits import FewBitsAdam
from tamis_torch.inner import check_inner, innermost
from tamis_torch.methods.finetune import restrict
from tamis_torch.methods.iteration import Iteration, penalty_at, retrains
from tamis_torch.moments import Metric
from tamis_torch.ranks import local
from tamis_torch.sharpness_aware import SharpnessAware
from tamis_torch.splitting import Splitting
from tamis_torch.state.held import encoded, put_back, tensors_of

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
    splitting : Splitting
        Holds these, and updates them.
    count : int
        Steps made.
    """

    def __init__(
        self,
        inner: torch.optim.Optimizer,
        weights: Mapping[str, nn.Parameter],
        config: Iteration,
        axes: Mapping[str, int] | None = None,
    ) -> None:
        check_inner(inner, weights)
        if not isinstance(config, Iteration):
            raise InputError(
                "config must be the settings of an iteration, such as Elsa(...) or "
                f"vision.Safe(...).iteration(steps), got {type(config).__name__}"
            )
        super().__init__(inner.param_groups, inner.defaults)
        self.inner, self.weights, self.config = inner, dict(weights), config
        self.state, self.count, self.final = inner.state, 0, False
        self._stepper = innermost(inner)
        self._metric = Metric(config.metric, self._stepper, self.weights)
        self.axes = {name: 1 for name in weights} | dict(axes or {})
        self.splitting = Splitting(self.weights, self.axes, config, self._metric)
        self.targets, self.kept = self.splitting.targets, self.splitting.kept
        self.moments, self.ranks = self._metric.moments, self.splitting.ranks
        self._hand_pulls()

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Make one step of the inner optimiser with the pull, and every ``interval`` steps update z and u."""
        if self.final:
            raise RuntimeError("step() after finalize() would undo the sparsity; make a new ADMM to go on")
        loss = None if closure is None else self._evaluate(closure)
        if self.retrains:
            self.inner.step()
            restrict(self.weights, self.kept)
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
            self.splitting.update(self.count)
        if self.retrains:
            restrict(self.weights, self.kept)
        if self.config.penalty_rise != "none" or self.retrains:
            self._hand_pulls()
        return loss

    @torch.no_grad()
    def finalize(self) -> None:
        """Project the weights onto the set: from here on they are sparse.

        Warns if the numbers of the last update say that this hurts, or if a matrix is left empty.
        """
        self.final = True
        self.splitting.project(self.count)
        for text in arrived(self.watch, self.retrains) + emptied(self.weights):
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
        self.count, self.splitting.begun = own["count"], own["begun"]
        self.splitting.watch = Watch(*own["watch"]) if own["watch"] else None
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

    @property
    def watch(self) -> Watch | None:
        """What the last update of z and u tells."""
        return self.splitting.watch

    @property
    def begun(self) -> float:
        """Fraction of zeros at the beginning, from which the sparsity grows."""
        return self.splitting.begun

    def _hand_pulls(self) -> None:
        """Give the pull of the next step to an optimiser that makes it before it rounds its weights."""
        if not isinstance(self._stepper, FewBitsAdam):
            return
        if self.retrains:
            self._stepper.pulls.clear()
        elif self.config.pull == "direct":
            self._stepper.pulls |= {
                w: (*encoded(self.targets, name), self.penalty) for name, w in self.weights.items()
            }

    def _pull_weights(self) -> None:
        here = {name: self.splitting.here(name) for name in self.weights}
        if isinstance(self.targets, dict) and all(here[n].dtype == t.dtype for n, t in self.targets.items()):
            torch._foreach_lerp_(tuple(here.values()), tuple(self.targets.values()), self.penalty)
            return
        for name, weight in here.items():
            weight.lerp_(self.targets[name].to(weight.dtype), self.penalty)

    def _pull_gradients(self) -> None:
        for name, weight in self.weights.items():
            if weight.grad is not None:
                away = self.splitting.here(name) - self.targets[name]
                local(weight.grad).add_(away, alpha=self.penalty)
