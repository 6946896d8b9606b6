"""``tamis eval --data``: what a classifier that ``tamis train-sparse`` saved gets right of test images."""

from statistics import fmean
from typing import Any

import torch

from tamis_torch.cli import options
from tamis_torch.devices import check_device
from tamis_torch.errors import InputError
from tamis_torch.vision.accuracy import score
from tamis_torch.vision.batches import in_order
from tamis_torch.vision.images import Images
from tamis_torch.vision.reading import read_images
from tamis_torch.vision.robustness import Accuracies, under_corruption
from tamis_torch.vision.saving import Classifier, load_network


def evaluate(model: str, data: str, corrupted: bool, arch: str | None, device: str, as_json: bool) -> None:
    """Print accuracy and cross-entropy on the test images, and the accuracy under corruption.

    Raises
    ------
    InputError
        If folder, images or device cannot be used, or the images are not as the classifier takes them.
    """
    place = torch.device(check_device(device))
    classifier = load_network(model, arch)
    images = read_images(data)
    _check_fit(classifier, images)
    network = classifier.network.to(place)
    found = score(network, in_order(images.test, classifier.standard, place))
    result: dict[str, Any] = {"model": model, "data": images.describe()["eval"], **found._asdict()}
    words = f"accuracy {found.accuracy:.2%}, cross-entropy {found.loss:.4g} nats ({_named(images)})"
    if corrupted:
        result["corrupted"] = under_corruption(network, classifier.standard, images.test, place)
        words += f"\n\n{_table(result['corrupted'])}"
    options.show(result, as_json, words)


def _check_fit(classifier: Classifier, images: Images) -> None:
    wanted, found = (f"{each.shape} in {each.classes} classes" for each in (classifier, images))
    if wanted != found:
        raise InputError(f"data must fit: the classifier takes {wanted}, {images.name} has {found}")
    for known, other in zip(classifier.class_names, images.class_names, strict=False):  # where both have any
        if known != other:
            raise InputError(
                f"data must have the classifier's classes: it knows {known}, {images.name} has {other}"
            )


def _named(images: Images) -> str:
    return f"{len(images.test.labels)} test images of {images.name}"


def _table(found: Accuracies) -> str:
    """Return a line a kind: the accuracy at strengths 1 to 5 and their mean, in per cent."""
    head = f"{'% at strength':<16}{''.join(f'{strength:>7}' for strength in range(1, 6))}   mean"
    lines = [
        f"{kind:<16}{''.join(f'{100 * x:7.2f}' for x in shares)}{100 * fmean(shares):7.2f}"
        for kind, shares in found.items()
    ]
    whole = fmean(x for shares in found.values() for x in shares)
    return "\n".join([head, *lines, f"{'all':<51}{100 * whole:7.2f}"])
