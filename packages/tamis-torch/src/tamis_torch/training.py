"""The training loop that every method with a training uses.

    loss  =  next-token loss of the batch of this step
    g     =  its gradient, clipped to global norm 1
    w     <- optimizer.step(g) at the learning rate of this step

The state after step t is a function of the state before it and of t alone, so a run that was
interrupted goes on as if it had not been.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tamis_torch.data import Batches
from tamis_torch.errors import RunError
from tamis_torch.methods.schedule import Training, lr_scale

MAX_NORM = 1.0  # of the loss gradient, as in Elsa (arXiv 2510.01650)
BETAS = (0.9, 0.95)
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class NotFinite(RunError):
    """The loss or its gradient became NaN or infinite; the weights are those before that step."""

    def __init__(self, step: int, loss: float, norm: float) -> None:
        super().__init__(
            f"the loss is {loss} and its gradient's norm {norm} in step {step + 1}; the state after step "
            f"{step} is kept; go on with a smaller learning rate"
        )
        self.step = step  # steps made before


def adam(model: nn.Module, lr: float) -> torch.optim.Adam:
    """Return Adam over all parameters of the model, at the peak learning rate ``lr``."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr, betas=BETAS, fused=True)
    for group in optimizer.param_groups:
        group["initial_lr"] = lr
    return optimizer


def peak_lr(config: Training, weights: Mapping[str, nn.Parameter], axes: Mapping[str, int]) -> float:
    """Return the learning rate asked for, or the default one at the median width of the matrices."""
    if config.lr is not None:
        return config.lr
    widths = sorted(weight.shape[axes[name]] for name, weight in weights.items())
    return config.default_lr(widths[len(widths) // 2])


def train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    config: Training,
    batches: Batches,
    *,
    start: int = 0,
    dtype: str = "float32",
    after_step: Callable[[int, dict[str, Any]], None],
) -> None:
    """Train from step ``start`` to the end of the budget.

    Parameters
    ----------
    model, optimizer, config, batches
    start
        Steps made already.
    dtype
        Of forward and backward pass (autocast); the weights keep theirs.
    after_step
        Called with the steps made and ``{"loss", "lr", "gradient_norm"}``.

    Raises
    ------
    NotFinite
        If the loss or its gradient is NaN or infinite, before the step that would spoil the weights.
    """
    model.train()
    for step in range(start, config.steps):
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * lr_scale(config, step)
        loss, norm = gradient(model, batches(step), dtype)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise NotFinite(step, loss, norm)
        optimizer.step()
        optimizer.zero_grad()
        after_step(step + 1, {"loss": loss, "lr": optimizer.param_groups[0]["lr"], "gradient_norm": norm})


def gradient(model: nn.Module, batch: Tensor, dtype: str = "float32") -> tuple[float, float]:
    """Add the clipped gradient of the batch's next-token loss to the parameters; return loss and norm."""
    device = next(model.parameters()).device
    batch = batch.to(device)
    amp = DTYPES[dtype]
    try:
        with torch.autocast(device.type, amp, enabled=amp is not torch.float32):
            loss = model(input_ids=batch, labels=batch, use_cache=False).loss
        loss.backward()
    except RuntimeError as error:
        if "allocate" not in str(error):
            raise
        windows, length = batch.shape
        raise RunError(
            f"out of memory on {device} with batch_size {windows} and seq_len {length}; give smaller ones"
        ) from error
    norm = nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
    return loss.item(), norm.item()
