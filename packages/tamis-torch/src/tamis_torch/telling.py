"""What a run tells of its zeros: in the line of each step, and at the end."""

from typing import Any
from warnings import catch_warnings, simplefilter

from torch.optim import Optimizer

from tamis_torch.methods.iteration import penalty_at, sparsity_at
from tamis_torch.optimizer import ADMM


def watched(optimizer: Optimizer, step: int, sparsity: float) -> dict[str, Any]:
    """Return the part of a step's line that tells how the zeros are doing.

    Parameters
    ----------
    optimizer
        ADMM, or one without an iteration, whose weights have the fraction ``sparsity`` of zeros.
    step
        Steps made.
    sparsity
    """
    if not isinstance(optimizer, ADMM):
        return {"penalty": None, "sparsity": sparsity, "residual": None, "mask_change": None}
    config, watch = optimizer.config, optimizer.watch
    return {
        "penalty": penalty_at(config, step - 1),
        "sparsity": sparsity_at(config, step, optimizer.begun),
        "residual": watch.residual if watch else None,
        "mask_change": watch.mask_change if watch else None,
    }


def finalized(optimizer: ADMM) -> list[str]:
    """Make ADMM's last projection; return what it warns of, to be kept with the rest."""
    with catch_warnings(record=True) as said:
        simplefilter("always")
        optimizer.finalize()
    return [str(warning.message) for warning in said]
