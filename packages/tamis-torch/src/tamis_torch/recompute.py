"""Activations computed anew in the backward pass (gradient checkpointing), for as long as wanted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def recomputing(model: Any, wanted: bool) -> Iterator[None]:
    """Let the model's blocks compute their activations anew in the backward pass while inside."""
    if not wanted or any(getattr(module, "gradient_checkpointing", False) for module in model.modules()):
        yield
        return
    kind = (
        "activation" if hasattr(model, "activation_checkpointing_enable") else "gradient"
    )  # transformers < 5.23
    getattr(model, f"{kind}_checkpointing_enable")({"use_reentrant": False})
    try:
        yield
    finally:
        getattr(model, f"{kind}_checkpointing_disable")()
        model.disable_input_require_grads()  # which enabling may have switched on
