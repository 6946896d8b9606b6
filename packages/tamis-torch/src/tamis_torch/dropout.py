"""Training without dropout: what a model is trained with must not depend on chance that no seed governs.

A step is a function of the state, the seed and its number; dropout would draw from a generator outside
all three, and pruning trains on a few million tokens at most, where it is of no use.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def without_dropout(model: nn.Module) -> Iterator[None]:
    """Set every rate of dropout in the model to zero while inside.

    Rates are the number of ``nn.Dropout`` and, as transformers keeps them, any number of a module whose
    name has "drop" in it: ``dropout``, ``attention_dropout``, ``attn_pdrop``, ``layerdrop``.
    """
    rates = [
        (module, name, value)
        for module in model.modules()
        for name, value in vars(module).items()
        if isinstance(value, float) and ("drop" in name or (isinstance(module, nn.Dropout) and name == "p"))
    ]
    for module, name, _ in rates:
        setattr(module, name, 0.0)
    try:
        yield
    finally:
        for module, name, value in rates:
            setattr(module, name, value)
