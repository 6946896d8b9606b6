"""Plain training, without a zero: what the others are compared with."""

from dataclasses import dataclass

from tamis_torch.vision.methods.training import ImageTraining


@dataclass(frozen=True, kw_only=True)
class Dense(ImageTraining):
    """Settings of plain training by stochastic gradient descent.

    Raises
    ------
    InputError
        If a value is out of its range.
    """
