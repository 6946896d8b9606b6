r"""The optimiser's step inside the backward pass: gradients never all live at once.

A parameter is stepped as soon as its gradient is complete, and the gradient freed::

    handle = step_in_backward(optimizer, model.parameters(), max_norm=1.0)
    for batch in data:
        loss(model, batch).backward()       # every parameter is stepped in here
        norm = handle.finish()              # of this step's gradient, before clipping
    handle.remove()

Clipping to a global norm would need all gradients first.  So each is scaled by what is known then:

    scale  =  min(1, max_norm / max(N, n))      N: the norm of the step before, 0 at first
                                                n: the norm so far in this step, with this gradient

Where N stands still this is the usual clipping.  A sudden large gradient is clipped by the second:
the clipped gradient has a norm of at most max_norm sqrt(1 + 2 log(n / n_1)), n the whole norm and
n_1 that of the first parameter, and each parameter's one of at most max_norm.

**Not finite.**  By the time that a NaN is met other parameters have been stepped.  A gradient whose
squared norm is not finite is taken as zero, and those after it too, so that no weight becomes NaN; and
:meth:`InBackward.finish` raises with the names.  The state is then mixed, of two steps: go back to
the last checkpoint.

**Micro-batches** need their gradients summed before the step, so these do live: make all backward
passes but the last inside :meth:`InBackward.accumulate`.  Tied parameters are stepped once.

**Over ranks** FSDP2 calls with the rows of a gradient that are here, once they are averaged.  Each squared
norm is added up over the ranks, 4 bytes a parameter, so that all of them scale alike, and all of them raise.
FSDP2 takes the parameters of a block in another order than one process does, which changes n.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from tamis_torch.errors import InputError, RunError
from tamis_torch.few_bits import CHUNK, FewBitsAdam
from tamis_torch.ranks import local, ranks_of


def step_in_backward(
    optimizer: FewBitsAdam,
    parameters: Iterable[nn.Parameter] | Iterable[tuple[str, nn.Parameter]],
    max_norm: float = 1.0,
) -> "InBackward":
    """Make every backward pass step these parameters, until the handle is removed.

    Parameters
    ----------
    optimizer
        Makes the steps; its own ``step`` then finds no gradient and does nothing.
    parameters
        Those of the optimiser, or with their names, as ``model.named_parameters()`` gives them, which
        then stand in errors.  One that needs no gradient is left out.
    max_norm
        To which the gradient is clipped, above 0; ``math.inf``: not at all.

    Returns
    -------
    InBackward
        Its ``finish`` comes after each backward pass, before :meth:`tamis_torch.ADMM.step` if that is
        round the optimiser.

    Raises
    ------
    InputError
        If max_norm is not above 0, or a parameter is not one of the optimiser's.
    """
    return InBackward(optimizer, parameters, max_norm)


class InBackward:
    """The handle of :func:`step_in_backward`.

    Attributes
    ----------
    last : Tensor or None
        N, the norm of the last finished step, of no dimension, float32.  It belongs into a checkpoint:
        set it to go on bit for bit.
    holding : bool
        Whether gradients are only summed up now.
    """

    def __init__(
        self,
        optimizer: FewBitsAdam,
        parameters: Iterable[nn.Parameter] | Iterable[tuple[str, nn.Parameter]],
        max_norm: float = 1.0,
    ) -> None:
        if not max_norm > 0:
            raise InputError(f"max_norm must be above 0, got {max_norm}")
        self.optimizer, self.max_norm = optimizer, max_norm
        self.last: Tensor | None = None
        self._total: Tensor | None = None  # of the squared norms so far
        self._finite: dict[str, Tensor] = {}  # of each parameter stepped since finish()
        self.holding = False
        self._late: set[nn.Parameter] = set()
        named = _named(parameters)
        known = {id(p) for group in optimizer.param_groups for p in group["params"]}
        for name, parameter in named.items():
            if id(parameter) not in known:
                raise InputError(f"parameters must be those of the optimiser, but {name} is not")
        self._names = {parameter: name for name, parameter in named.items()}
        self._ranks = ranks_of(named.values())
        self._hooks = [
            parameter.register_post_accumulate_grad_hook(self._hook(name, parameter))  # type: ignore[no-untyped-call]
            for name, parameter in named.items()
            if parameter.requires_grad
        ]

    def finish(self) -> float:
        """Close the step after its backward pass; return the norm of its gradient before clipping.

        Raises
        ------
        RunError
            If a gradient was not finite.
        """
        total, finite = self._total, self._finite
        self._total, self._finite = None, {}
        if total is None:
            return 0.0
        spoiled = [
            name
            for name, good in zip(finite, torch.stack([*finite.values()]).tolist(), strict=True)
            if not good
        ]
        if spoiled:
            raise RunError(
                f"the gradient is not finite in {_few(spoiled)}, and other parameters have been stepped; "
                "go back to the last checkpoint, and on with a smaller learning rate"
            )
        self.last = total.sqrt()
        return self.last.item()

    @contextmanager
    def accumulate(self) -> Iterator[None]:
        """Only sum up gradients while inside."""
        self.holding = True
        try:
            yield
        finally:
            self.holding = False

    def defer(self, parameter: nn.Parameter) -> Callable[[], None]:
        """Let a parameter wait with its step when its gradient is there; return what makes the step.

        Until :meth:`remove`.  For gradients that come from elsewhere, see
        :mod:`tamis_torch.embedding`.
        """
        self._late.add(parameter)
        return lambda: self._step(self._names[parameter], parameter)

    def remove(self) -> None:
        """Leave backward passes as they were."""
        for hook in self._hooks:
            hook.remove()

    def _hook(self, name: str, parameter: nn.Parameter) -> Callable[[Tensor], None]:
        def hook(_: Tensor) -> None:
            if not self.holding and parameter not in self._late:
                self._step(name, parameter)

        return hook

    @torch.no_grad()
    def _step(self, name: str, parameter: nn.Parameter) -> None:
        if name in self._finite:
            raise RuntimeError(f"{name} has been stepped already; call finish() after each backward pass")
        if parameter.grad is None:
            return
        squared = self._ranks.sum(_norm(local(parameter.grad)).square())
        self._finite[name] = squared.isfinite()
        self._total = squared if self._total is None else self._total.to(squared.device) + squared
        self.optimizer.step_parameter(parameter, self._scale(self._total))
        parameter.grad = None

    def _scale(self, total: Tensor) -> Tensor:
        """Return the factor of a gradient; 0 or NaN, which make it zero, once one was not finite."""
        size = total.sqrt()
        if self.last is not None:
            size = size.maximum(self.last.to(size.device))
        return (self.max_norm / size).clamp(max=1.0)


def _norm(gradient: Tensor) -> Tensor:
    """Return the norm, float32, by pieces: on a CPU that of a whole bfloat16 tensor would copy it."""
    pieces = gradient.reshape(-1).chunk(1 + gradient.numel() // CHUNK)
    norm: Tensor = torch.linalg.vector_norm(
        torch.stack([torch.linalg.vector_norm(piece, dtype=torch.float32) for piece in pieces])
    )
    return norm


def _named(
    parameters: Iterable[nn.Parameter] | Iterable[tuple[str, nn.Parameter]],
) -> dict[str, nn.Parameter]:
    """Return each parameter once, by its name or its number."""
    pairs = [p if isinstance(p, tuple) else (f"parameter {i}", p) for i, p in enumerate(parameters)]
    once = {id(parameter): (name, parameter) for name, parameter in reversed(pairs)}
    return dict(reversed(once.values()))


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
