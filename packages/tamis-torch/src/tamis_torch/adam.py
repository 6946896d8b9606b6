"""The Adam that a method's settings ask for: torch's own, or the one in few bits."""

from typing import Any

import torch
from torch import nn

from tamis_torch.few_bits import FewBitsAdam
from tamis_torch.in_backward import InBackward, step_in_backward
from tamis_torch.masters import Masters
from tamis_torch.methods.schedule import Training

BETAS = (0.9, 0.99)
MAX_NORM = 1.0  # of the loss gradient, as in Elsa (arXiv 2510.01650)


def adam(model: nn.Module | Masters, lr: float) -> torch.optim.Adam:
    """Return Adam over all parameters of the model, or their masters, at the peak learning rate ``lr``."""
    optimizer: torch.optim.Adam = _with_peak(torch.optim.Adam(_trained(model), lr, BETAS, fused=True), lr)
    return optimizer


def few_bits(model: nn.Module | Masters, config: Training, lr: float) -> FewBitsAdam:
    """Return Adam that keeps moments and weights as the settings say."""
    rounding = config.rounding if config.rounds_weights else "nearest"  # of float32: none at all
    optimizer = FewBitsAdam(
        _trained(model), lr, BETAS,
        moments=config.moments, rounding=rounding, seed=config.seed, compile=config.compile,
    )  # fmt: skip
    kept: FewBitsAdam = _with_peak(optimizer, lr)
    return kept


def adam_of(
    model: nn.Module | Masters, config: Training, lr: float
) -> tuple[torch.optim.Optimizer, InBackward | None]:
    """Return the optimiser of a training and, if it steps in the backward pass, the handle of that."""
    if not config.in_few_bits:
        return adam(model, lr), None
    optimizer = few_bits(model, config, lr)
    named = model.named_parameters()
    return optimizer, step_in_backward(optimizer, named, MAX_NORM) if config.in_backward else None


def _trained(model: nn.Module | Masters) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]


def _with_peak(optimizer: Any, lr: float) -> Any:
    """Keep the peak beside the rate of each step."""
    for group in optimizer.param_groups:
        group["initial_lr"] = lr
    return optimizer
