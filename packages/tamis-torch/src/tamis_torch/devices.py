"""Where a network is computed, and in which number format its passes are."""

import torch

from tamis_torch.errors import InputError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def check_device(device: str | torch.device) -> str:
    """Refuse a device that is not there; return its name."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"device {str(device)!r} is not available: {reason}") from error
    return str(device)


def autocast(device: torch.device, dtype: str) -> torch.autocast:
    """Return the context of a forward pass in ``dtype``, of :data:`DTYPES`."""
    return torch.autocast(device.type, DTYPES[dtype], enabled=dtype != "float32")
