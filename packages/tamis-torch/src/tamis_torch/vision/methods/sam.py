"""Sharpness-aware training, without a zero (Foret et al. 2021, arXiv 2010.01412)."""

from dataclasses import dataclass

from tamis_torch.vision.methods.sharp import Sharp


@dataclass(frozen=True, kw_only=True)
class Sam(Sharp):
    """Settings of sharpness-aware training.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    radius: float = 0.1
    """As :class:`~tamis_torch.vision.methods.sharp.Sharp`'s."""
