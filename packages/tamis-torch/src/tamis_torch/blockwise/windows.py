"""The calibration text: windows of the training text, drawn by the seed without replacement."""

import numpy as np
import torch
from torch import Tensor

from tamis_torch.data import windows
from tamis_torch.methods.calibrated import Calibrated


def draw(tokens: Tensor, config: Calibrated) -> Tensor:
    """Return the windows that the blocks are pruned on: int64, (windows, ``config.seq_len``).

    All of them, shuffled, if the text has fewer than ``config.samples``.

    Raises
    ------
    InputError
        If the text is shorter than one window.
    """
    cut = windows(tokens, config.seq_len)
    order = np.random.default_rng(config.seed).permutation(len(cut))[: config.samples]
    return cut[torch.from_numpy(order)]
