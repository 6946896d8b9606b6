"""No pruning: the model trained on for the same tokens.

A model that still learns makes pruning look free, so a comparison needs this row.
"""

from dataclasses import dataclass

from tamis_torch.methods.schedule import Training


@dataclass(frozen=True, kw_only=True)
class Dense(Training):
    """Settings of plain training, as those of :class:`tamis_torch.Elsa`.

    Raises
    ------
    InputError
        If a value is out of its range.
    """
