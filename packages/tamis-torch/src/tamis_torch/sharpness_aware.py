r"""Sharpness-aware steps round any torch optimiser (Foret et al. 2021, arXiv 2010.01412, algorithm 1).

    minimise  max_{|e| <= radius} f(w + e)
    g  =  grad f(w + radius grad f(w) / |grad f(w)|)        one norm over all the optimiser's parameters
    w  <-  the inner optimiser's step on g, from w

Two passes of the same batch a step, in one of two forms::

    def closure():                              # as torch's optimisers that evaluate the loss again take it
        optimizer.zero_grad()
        loss = loss_of(model, batch)
        loss.backward()
        return loss

    optimizer.step(closure)

    loss_of(model, batch).backward()            # or the two passes written out
    with optimizer.perturbed():
        loss_of(model, batch).backward()
    optimizer.step()

Inside :class:`tamis_torch.ADMM` both forms work, and the penalty is taken at w, as SAFE has it
(arXiv 2506.06866, algorithm 1).

What goes with it:

* parts of a batch: several ``backward()`` in each pass, which add up as ever;
* autocast: in the closure.  A ``GradScaler`` takes the second form: the move does not depend on the
  scale, and a step that the scaler skips leaves the weights as they were;
* several devices: gradients of ``DistributedDataParallel`` are the same everywhere; of weights that FSDP2
  cut, the squares of the norm are added up over the ranks;
* batch norm: running statistics are updated in both passes unless the second is told not to, see
  :func:`tamis_torch.vision.batch_norm.frozen_statistics`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from tamis_torch.errors import InputError
from tamis_torch.few_bits import FewBitsAdam
from tamis_torch.inner import check_one_step
from tamis_torch.methods.checks import check_between
from tamis_torch.sharpness import perturbed


class SharpnessAware(torch.optim.Optimizer):
    """A torch optimiser that steps by the gradient at the worst point nearby.

    Parameters
    ----------
    inner : torch.optim.Optimizer
        Makes the step; its groups, state and learning rates are this optimiser's too, so learning-rate
        schedulers take either.  Any that steps once a call: not LBFGS.
    radius : float
        Length of the move in the units of the norm of all parameters; 0: one pass, the plain step.

    Raises
    ------
    InputError
        If the radius is negative or not finite, or the inner optimiser evaluates the loss itself, or
        rounds bfloat16 weights, whose rounding is larger than the move.
    """

    def __init__(self, inner: torch.optim.Optimizer, radius: float = 0.05) -> None:
        check_between("radius", radius, 0, 1e6)
        check_one_step(inner)
        if isinstance(inner, FewBitsAdam) and _in_bfloat16(inner):
            raise InputError(
                "inner must not step bfloat16 weights, whose rounding is larger than the move; use weights "
                "in float32"
            )
        super().__init__(inner.param_groups, inner.defaults)
        self.inner, self.radius, self.state = inner, radius, inner.state
        self._moved = False

    @property
    def parameters(self) -> list[Tensor]:
        """All that the inner optimiser steps, in its order."""
        return [parameter for group in self.param_groups for parameter in group["params"]]

    @contextmanager
    def perturbed(self) -> Iterator[None]:
        """Clear the gradients, and move the parameters along them while inside; then put them back."""
        self._moved = True
        with perturbed(self.parameters, self.radius):
            yield

    def evaluate(self, closure: Callable[[], Any]) -> Any:
        """Leave the sharpness-aware gradient in the parameters; return what the closure gives at w.

        Parameters
        ----------
        closure
            Clears the gradients, computes the loss and its gradient (``backward``), and returns the
            loss.  It is called once, with a radius twice.
        """
        with torch.enable_grad():
            loss = closure()
            if self.radius > 0:
                with self.perturbed():
                    closure()
        self._moved = True
        return loss

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make one step of the inner optimiser; return what the closure gives at w, if there is one.

        Raises
        ------
        RuntimeError
            Without a closure, if the gradients were not computed inside :meth:`perturbed`.
        """
        loss = None if closure is None else self.evaluate(closure)
        if self.radius > 0 and not self._moved:
            raise RuntimeError(
                "step() without a closure needs the gradient of the second pass: compute it inside "
                "`with optimizer.perturbed():`, or give step(closure)"
            )
        self._moved = False
        self.inner.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Return the inner optimiser's state; there is no other."""
        return self.inner.state_dict()

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` returned."""
        self.inner.load_state_dict(state_dict)
        self.state, self.param_groups = self.inner.state, self.inner.param_groups


def _in_bfloat16(inner: torch.optim.Optimizer) -> bool:
    weights = (weight for group in inner.param_groups for weight in group["params"])
    return any(weight.dtype == torch.bfloat16 for weight in weights)
