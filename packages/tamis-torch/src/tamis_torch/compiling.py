"""Whether torch.compile works here: found out by compiling one sum, before any long work starts."""

import torch
from torch import Tensor

from tamis_torch.errors import InputError


def check_compile(device: str | torch.device) -> None:
    """Refuse to compile where torch cannot, as on a CPU without a C++ compiler.

    Raises
    ------
    InputError
        If it fails, with torch's reason.
    """
    try:
        torch.compile(_sum)(torch.zeros(16, device=device))
    except Exception as error:  # torch names no type for it
        reason = str(error).strip().split("\n")[0] or type(error).__name__  # advice follows
        raise InputError(f"compile must be False here: torch.compile fails on {device}, {reason}") from error


def _sum(x: Tensor) -> Tensor:
    return x + x
