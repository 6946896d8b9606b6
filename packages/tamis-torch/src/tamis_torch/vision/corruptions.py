r"""Common corruptions of test images at five strengths, for measuring robustness.

The constants are those that made CIFAR-10-C, for images of about 32 x 32 (Hendrycks & Dietterich 2019, arXiv
1903.12261; ``make_cifar_c.py`` of hendrycks/robustness); occlusion is not among theirs.  Here x is an
image, t the constant of the strength, and every result is cut to [0, 1].

==============  ===========================================================  ===========================
kind            result                                                       t
==============  ===========================================================  ===========================
gaussian_noise  x + t e,  e standard normal                                  standard deviation
gaussian_blur   x * Gaussian of standard deviation t, edges repeated         pixels
contrast        m + t (x - m),  m the mean of each channel                   factor
brightness      max over the channels (HSV's V) raised by t, hue kept        difference
occlusion       1/2 in a square of side t min(h, w), centre anywhere         share; 1/2: Cutout's on
                (cut at the border), as Cutout (arXiv 1708.04552)            CIFAR-10
jpeg            written as JPEG of quality t and read again                  Pillow's quality
==============  ===========================================================  ===========================

Published CIFAR-10-C is in 8 bits and noise of its own: accuracies compare within tamis.
"""

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tamis_torch.errors import InputError
from tamis_torch.extras import borrow
from tamis_torch.methods.checks import check_choice, check_count

STRENGTHS: dict[str, Sequence[float]] = {  # t at strength 1 ... 5
    "gaussian_noise": (0.04, 0.06, 0.08, 0.09, 0.10),
    "gaussian_blur": (0.4, 0.6, 0.7, 0.8, 1.0),
    "contrast": (0.75, 0.5, 0.4, 0.3, 0.15),
    "brightness": (0.05, 0.1, 0.15, 0.2, 0.3),
    "occlusion": (1 / 8, 2 / 8, 3 / 8, 4 / 8, 5 / 8),  # ours
    "jpeg": (80, 65, 58, 50, 40),
}
GREY = 0.5  # of what stands in front
TRUNCATE = 4  # standard deviations of the Gaussian that are kept, scikit-image's default


def corrupted(images: Tensor, kind: str, strength: int, seed: int = 0) -> Tensor:
    """Return the images with one of the kinds of :data:`STRENGTHS`, of the same shape, dtype and device.

    Parameters
    ----------
    images
        Floats in [0, 1], (n, c, h, w), before any normalisation; left as they are.
    kind
        A name of the table above.  ``jpeg`` takes one channel or three, and needs Pillow.
    strength
        1 to 5: a stronger one leaves an image no nearer to itself, with ``jpeg`` on average.
    seed
        Of noise and of where the square stands: the same for every strength, so that a stronger
        corruption is the same one made stronger.  Give another to each batch.

    Raises
    ------
    InputError
        If an argument is out of its range, or Pillow is missing.
    """
    check_choice("kind", kind, list(STRENGTHS))
    check_count("strength", strength, 1)
    if strength > len(STRENGTHS[kind]):
        raise InputError(f"strength must be at most {len(STRENGTHS[kind])}, got {strength}")
    _check_images(images)
    generator = torch.Generator().manual_seed(seed)
    changed = _CHANGES[kind](images, STRENGTHS[kind][strength - 1], generator)
    return changed.clamp(0, 1)


def _gaussian_noise(images: Tensor, t: float, generator: torch.Generator) -> Tensor:
    """Add noise of standard deviation ``t``, drawn on the CPU so that it is the same on every device."""
    return images + t * torch.randn(images.shape, generator=generator).to(images)


def _gaussian_blur(images: Tensor, t: float, _: torch.Generator) -> Tensor:
    """Convolve rows and columns with a Gaussian of standard deviation ``t`` pixels."""
    radius = int(TRUNCATE * t + 0.5)
    weights = torch.exp(-torch.arange(-radius, radius + 1).double().square() / (2 * t * t))
    kernel = (weights / weights.sum()).to(images)
    planes = images.flatten(0, 1)[:, None]  # (n c, 1, h, w)
    padded = functional.pad(planes, (radius,) * 4, mode="replicate")
    across = functional.conv2d(padded, kernel.view(1, 1, 1, -1))
    return functional.conv2d(across, kernel.view(1, 1, -1, 1)).view_as(images)


def _contrast(images: Tensor, t: float, _: torch.Generator) -> Tensor:
    """Scale the distance to each channel's mean by ``t``."""
    mean = images.mean(dim=(2, 3), keepdim=True)
    return mean + t * (images - mean)


def _brightness(images: Tensor, t: float, _: torch.Generator) -> Tensor:
    """Raise V of HSV by ``t``, at most to 1: at fixed hue and saturation all channels scale with V."""
    value = images.amax(dim=1, keepdim=True)
    raised = (value + t).clamp(max=1)
    return torch.where(value > 0, images * (raised / value), raised)


def _occlusion(images: Tensor, t: float, generator: torch.Generator) -> Tensor:
    """Put a grey square of side ``t min(h, w)`` in front, its centre at any pixel."""
    (n, _, h, w), side = images.shape, max(1, round(t * min(images.shape[2:])))
    rows, columns = (torch.randint(0, size, (n, 1, 1, 1), generator=generator) for size in (h, w))
    inside = [
        (place >= centre - side // 2) & (place < centre - side // 2 + side)
        for place, centre in ((torch.arange(h)[:, None], rows), (torch.arange(w), columns))
    ]
    return images.masked_fill((inside[0] & inside[1]).to(images.device), GREY)


def _jpeg(images: Tensor, t: float, _: torch.Generator) -> Tensor:
    """Write each image as JPEG of quality ``t`` and read it again, in 8 bits."""
    if images.shape[1] not in (1, 3):
        raise InputError(f"images must have 1 channel or 3 for jpeg, got {images.shape[1]}")
    library = borrow("PIL", "Image", "images", "the corruption jpeg")
    pixels = (255 * images).round().to("cpu", torch.uint8).movedim(1, -1).squeeze(-1).numpy()
    read = np.stack([_through_jpeg(library, picture, int(t)) for picture in pixels])
    return (
        (torch.from_numpy(read).to(images) / 255).reshape(len(images), *images.shape[2:], -1).movedim(-1, 1)
    )


def _through_jpeg(library: Any, picture: np.ndarray[Any, Any], quality: int) -> np.ndarray[Any, Any]:
    file = io.BytesIO()
    library.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(library.open(file))


def _check_images(images: Tensor) -> None:
    if images.ndim != 4 or not images.is_floating_point() or not images.numel():
        raise InputError(
            f"images must be floats of shape (n, c, h, w), none of them 0, got {images.dtype} of "
            f"{tuple(images.shape)}"
        )
    if not (images.min() >= 0 and images.max() <= 1):  # NaN is neither
        raise InputError(f"images must be in [0, 1], got {float(images.min())} to {float(images.max())}")


_CHANGES: dict[str, Callable[[Tensor, float, torch.Generator], Tensor]] = {
    "gaussian_noise": _gaussian_noise,
    "gaussian_blur": _gaussian_blur,
    "contrast": _contrast,
    "brightness": _brightness,
    "occlusion": _occlusion,
    "jpeg": _jpeg,
}
