"""The state of one parameter in few bits, as the tensors that an optimiser and a checkpoint hold.

step              int64, of no dimension, on the CPU
first_codes       of the parameter's shape; first_scale: float32, one a block, if the format has scales
second_codes      likewise; second_scale
remainder         int8, of the parameter's shape, if it is bfloat16 and compensated
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from tamis_torch.errors import InputError
from tamis_torch.state.adam import Kept, Rows
from tamis_torch.state.codes import BLOCK, Codes
from tamis_torch.state.parts import Part, take, take_codes


def begin(kept: Kept, parameter: Tensor) -> dict[str, Tensor]:
    """Return the state before a parameter's first step: moments of zero."""
    blocks = max(1, -(-parameter.numel() // BLOCK))  # a rank may have nothing of it
    state = {"step": torch.tensor(0)}
    for name, form in (("first", kept.first), ("second", kept.second)):
        state[f"{name}_codes"] = torch.zeros_like(parameter, dtype=form.dtype)
        if form.scaled:
            state[f"{name}_scale"] = torch.zeros(blocks, device=parameter.device)
    if parameter.dtype == torch.bfloat16 and kept.rounding == "compensated":
        state["remainder"] = torch.zeros_like(parameter, dtype=torch.int8)
    return state


def restore(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], number: int) -> dict[str, Tensor]:
    """Return copies of a state that was kept, on the devices of the one wanted.

    Raises
    ------
    InputError
        If its tensors are not of the names, dtypes and shapes of those wanted.
    """
    if _kinds(given) != _kinds(wanted):
        raise InputError(
            f"state_dict must hold for parameter {number} {_listed(wanted)}; it has {_listed(given)}; "
            "moments and rounding must be those with which it was saved"
        )
    return {key: value.detach().to(wanted[key].device, copy=True) for key, value in given.items()}


def codes(state: Mapping[str, Tensor], name: str) -> Codes:
    """Return the "first" or "second" moment."""
    return Codes(state[f"{name}_codes"], state.get(f"{name}_scale"))


def rows(weight: Tensor, gradient: Tensor, state: Mapping[str, Tensor], part: Part) -> Rows:
    """Return views of a part of a parameter, its gradient and its state."""
    remainder = state.get("remainder")
    return Rows(
        take(weight, part),
        take(gradient, part),
        take_codes(codes(state, "first"), part),
        take_codes(codes(state, "second"), part),
        None if remainder is None else take(remainder, part),
    )


def _kinds(state: Mapping[str, Tensor]) -> dict[str, tuple[torch.dtype, torch.Size]]:
    return {key: (value.dtype, value.shape) for key, value in state.items()}


def _listed(state: Mapping[str, Tensor]) -> str:
    return ", ".join(
        f"{key} {str(value.dtype).removeprefix('torch.')}{tuple(value.shape)}" for key, value in state.items()
    )
