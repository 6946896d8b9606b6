"""Scikit-learn's digits: 1797 grey images of 8x8 pixels in ten classes, which need no file."""

import numpy as np
import torch

from tamis_torch.extras import borrow
from tamis_torch.vision.images import Images, Part

TEST = 360  # images, a fifth


def digits() -> Images:
    """Return the digits, a fixed random fifth of them as the test.

    Raises
    ------
    InputError
        If scikit-learn is not installed.
    """
    load = borrow("sklearn.datasets", "load_digits", "images", "the built-in data set of digits")
    found = load()
    inputs = torch.from_numpy(np.rint(found.images * (255 / 16)).astype(np.uint8))[:, None]
    labels = torch.from_numpy(found.target).long()
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(labels)))
    test, train = order[:TEST], order[TEST:]
    return Images(Part(inputs[train], labels[train]), Part(inputs[test], labels[test]), "digits", 10)
