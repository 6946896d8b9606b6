"""Find out in which form images are given, and read them."""

from pathlib import Path

from tamis_torch.errors import InputError
from tamis_torch.vision.cifar import has_cifar, read_cifar
from tamis_torch.vision.digits import digits
from tamis_torch.vision.idx import has_idx, read_idx_folder
from tamis_torch.vision.image_folders import has_class_folders, read_class_folders
from tamis_torch.vision.images import Images

FORMS = ((has_idx, read_idx_folder), (has_cifar, read_cifar), (has_class_folders, read_class_folders))
DIGITS = "digits"


def read_images(source: str | Path = DIGITS) -> Images:
    """Return the images of a folder, of a .zip file, or scikit-learn's digits.

    Parameters
    ----------
    source
        ``"digits"``, of which a folder of that name is ``"./digits"``; or a folder with IDX files (MNIST,
        Fashion-MNIST), with CIFAR's binary files, or with ``train/`` and ``test/`` and a folder of
        image files for each class, the last also as a .zip file.

    Raises
    ------
    InputError
        If there is no such folder, or it has none of these forms, or a file is damaged.
    """
    if source == DIGITS:
        return digits()
    if not isinstance(source, str | Path):
        raise InputError(
            f"images must be {DIGITS}, a folder, a .zip file or Images(...), got {type(source).__name__}"
        )
    place = Path(source)
    if not place.exists():
        raise InputError(f"data {source} does not exist; give a folder, a .zip file, or {DIGITS}")
    for fits, read in FORMS:
        if fits(place):
            return read(place)
    raise InputError(
        f"data {source} must have IDX files (train-images-idx3-ubyte), CIFAR's binary files "
        "(data_batch_1.bin, train.bin), or the folders train and test with a folder a class; it has none"
    )
