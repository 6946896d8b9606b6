r"""Labels that are wrong by chance: symmetric noise of a given share.

    y_i  <-  (y_i + s_i) mod C,   s_i uniform in {1, ..., C - 1}       for round(share n) random samples i

A chosen label becomes another class, all others alike, so that exactly the given share is wrong.  That is
the convention of SAFE's code (safe-jax, ``label_noise_dataset.py``, after Google's IEG), which draws each
sample with probability ``share`` instead of an exact count.  Others draw the new label among all C
classes: their noise of p is ours of p (C - 1) / C.
"""

import torch
from torch import Tensor

from tamis_torch.errors import InputError
from tamis_torch.methods.checks import check_between, check_count


def symmetric_noise(labels: Tensor, share: float, classes: int, seed: int = 0) -> Tensor:
    """Return the labels with ``round(share n)`` of them replaced by another class, drawn uniformly.

    With one seed, what a larger share changes includes what a smaller one does, in the same way.

    Parameters
    ----------
    labels
        Integers in [0, classes), (n,); left as they are.
    share
        Of labels to be wrong, in [0, 1].
    classes
        C, two or more.
    seed
        Of the choice of samples and of their new labels.

    Raises
    ------
    InputError
        If an argument is out of its range.
    """
    check_between("share", share, 0, 1)
    check_count("classes", classes, 2)
    _check_labels(labels, classes)
    generator = torch.Generator().manual_seed(seed)
    count = len(labels)
    chosen = torch.randperm(count, generator=generator)[: round(share * count)]
    shift = torch.randint(1, classes, (count,), generator=generator)[chosen].to(labels)
    chosen = chosen.to(labels.device)
    noisy = labels.clone()
    noisy[chosen] = (labels[chosen] + shift) % classes
    return noisy


def _check_labels(labels: Tensor, classes: int) -> None:
    if labels.ndim != 1 or labels.dtype not in (torch.int64, torch.int32):
        raise InputError(
            f"labels must be int32 or int64 of shape (n,), got {labels.dtype} of {tuple(labels.shape)}"
        )
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise InputError(f"labels must be in [0, {classes}), got {int(labels.min())} to {int(labels.max())}")
