"""What ADMM asks of the optimiser that it wraps: one step a call, our weights, and maybe a second moment."""

import inspect
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tamis_torch.errors import InputError

KEYS = (
    "exp_avg_sq",
    "square_avg",
    "sum",
)  # a second moment in the state of Adam and its kin, RMSprop, Adagrad


def innermost(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Return the torch optimiser that makes the step, out of ADMM and sharpness-aware steps round it."""
    inner = getattr(optimizer, "inner", None)
    return optimizer if inner is None else innermost(inner)


def check_one_step(inner: torch.optim.Optimizer) -> None:
    """Refuse what is no optimiser, and one that must evaluate the loss itself.

    Raises
    ------
    InputError
    """
    if not isinstance(inner, torch.optim.Optimizer):
        raise InputError(
            f"inner must be a torch optimiser, such as SGD(parameters, lr=0.1), got {type(inner).__name__}"
        )
    closure = inspect.signature(type(inner).step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise InputError(
            f"inner must make one step a call; {type(inner).__name__} evaluates the loss several times, and "
            "nothing has a place between; use Adam or SGD"
        )


def check_inner(inner: torch.optim.Optimizer, weights: Mapping[str, nn.Parameter]) -> None:
    """Refuse an optimiser that does not have the weights, or must evaluate the loss itself.

    Raises
    ------
    InputError
    """
    check_one_step(inner)
    if not isinstance(weights, Mapping):
        kind = type(weights).__name__
        raise InputError(f"weights must be named, as tt.prunable(model) returns them, got {kind}")
    known = {id(p) for group in inner.param_groups for p in group["params"]}
    for name, weight in weights.items():
        if id(weight) not in known:
            raise InputError(f"weights must be parameters of the inner optimiser, but {name} is not")


def moment_key(inner: torch.optim.Optimizer, weight: nn.Parameter) -> str | None:
    """Return under which name the optimiser keeps a weight's second moment; None if it keeps none.

    Before the first step most optimisers have no state to look at, so a copy of it makes a step
    with a parameter of its own.

    Raises
    ------
    InputError
        If the copy cannot make that step.
    """
    state = inner.state.get(weight) or _first_state(inner)
    moments = (key for key in KEYS if isinstance(state.get(key), Tensor) and state[key].ndim == weight.ndim)
    return next(moments, None)


def _first_state(inner: torch.optim.Optimizer) -> dict[str, Any]:
    """Return the state that the optimiser would keep of a matrix after a step."""
    group = inner.param_groups[0]
    like = group["params"][0]
    matrix = nn.Parameter(torch.zeros(2, 2, device=like.device, dtype=like.dtype))
    matrix.grad = torch.zeros_like(matrix)
    copy = object.__new__(type(inner))
    groups = [group | {"params": [matrix]}]
    try:
        copy.__setstate__({"defaults": inner.defaults, "state": defaultdict(dict), "param_groups": groups})
        copy.step()
    except Exception as error:  # whatever an optimiser that we do not know needs
        raise InputError(
            f"whether {type(inner).__name__} keeps a second moment cannot be told before its first step "
            f"({error}); make one step before wrapping it, or use metric='gradient'"
        ) from error
    return dict(copy.state[matrix])
