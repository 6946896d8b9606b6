"""Images come out of each form as they went in, what is no such form is refused, and chance is seeded."""

import gzip
import struct
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tamis_torch import InputError
from tamis_torch.vision import Images, read_images
from tamis_torch.vision.augment import KINDS, augment
from tamis_torch.vision.batches import Batches
from tamis_torch.vision.images import Part, standard_of
from tamis_torch.vision.noisy_labels import symmetric_noise


def pixels(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(256, size=shape).astype(np.uint8)


def write_idx(path, array: np.ndarray) -> None:
    content = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def idx_folder(folder, ending: str = "") -> dict[str, np.ndarray]:
    arrays = {
        "train-images-idx3-ubyte": pixels(6, 5, 4), "train-labels-idx1-ubyte": np.arange(6, dtype=np.uint8) % 3,
        "t10k-images-idx3-ubyte": pixels(3, 5, 4, seed=1), "t10k-labels-idx1-ubyte": np.arange(3, dtype=np.uint8),
    }  # fmt: skip
    for name, array in arrays.items():
        write_idx(folder / f"{name}{ending}", array)
    return arrays


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_idx_files_come_back_byte_for_byte(tmp_path, ending):
    arrays = idx_folder(tmp_path, ending)
    images = read_images(tmp_path)
    assert images.shape == (1, 5, 4) and images.classes == 3
    assert np.array_equal(images.train.inputs[:, 0].numpy(), arrays["train-images-idx3-ubyte"])
    assert images.test.labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize(("ending", "cut"), [("", 3), ("", 200), (".gz", 3)])
def test_an_idx_file_that_is_cut_short_is_named(tmp_path, ending, cut):
    idx_folder(tmp_path, ending)
    path = tmp_path / f"t10k-images-idx3-ubyte{ending}"
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(InputError, match="t10k-images"):
        read_images(tmp_path)


@pytest.mark.parametrize(("labels", "classes"), [(1, 10), (2, 100)])
def test_cifars_records_come_back(tmp_path, labels, classes):
    names = (
        [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
        if labels == 1
        else ["train.bin", "test.bin"]
    )
    for number, name in enumerate(names):
        records = pixels(2, labels + 3072, seed=number)
        records[:, 0], records[:, labels - 1] = 50 + number, number  # coarse, fine
        (tmp_path / name).write_bytes(records.tobytes())
    images = read_images(tmp_path)
    assert images.classes == classes and images.shape == (3, 32, 32) and not images.class_names
    assert images.train.labels.tolist() == ([0, 0, 1, 1, 2, 2, 3, 3, 4, 4] if labels == 1 else [0, 0])
    first = pixels(2, labels + 3072, seed=0)[0, labels:]
    assert np.array_equal(images.train.inputs[0, 0, 0].numpy(), first[:32])  # red first, row by row
    assert np.array_equal(images.train.inputs[0, 2, 31].numpy(), first[-32:])
    named = [f"animal_{i}" for i in range(classes)]
    (tmp_path / ("batches.meta.txt" if labels == 1 else "fine_label_names.txt")).write_text("\n".join(named))
    assert read_images(tmp_path).class_names == tuple(named)


def class_folders(folder, mode: str, size=(6, 5)) -> None:
    for role, count in (("train", 3), ("test", 2)):
        for number, name in enumerate(("cat", "dog")):
            (folder / role / name).mkdir(parents=True)
            for i in range(count):
                array = np.full(
                    (size[1], size[0], *((3,) if mode == "RGB" else ())), 50 * number + i, np.uint8
                )
                Image.fromarray(array).save(folder / role / name / f"{i}.png")


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("zipped", ["no", "flat", "in a folder"])
def test_class_folders_come_back_in_order_also_zipped(tmp_path, mode, zipped):
    place = tmp_path / "pets"
    class_folders(place, mode)
    if zipped != "no":
        with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
            for file in place.rglob("*.png"):
                archive.write(file, file.relative_to(place if zipped == "flat" else tmp_path).as_posix())
            archive.writestr("__MACOSX/pets/._0.png", b"")
        place = tmp_path / "pets.zip"
    images = read_images(place)
    assert images.shape == (3 if mode == "RGB" else 1, 5, 6) and images.name == "pets" and images.classes == 2
    assert images.class_names == ("cat", "dog")
    assert images.train.inputs[:, 0, 0, 0].tolist() == [0, 1, 2, 50, 51, 52]
    assert images.train.labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_bad_class_folders_are_named(tmp_path):
    class_folders(tmp_path, "L")
    (tmp_path / "test" / "cow").mkdir()
    with pytest.raises(InputError, match="cow"):
        read_images(tmp_path)
    (tmp_path / "test" / "cow").rmdir()
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "train" / "dog" / "odd.png")
    with pytest.raises(InputError, match=r"odd.png must have the size of the first image, 6x5, got 9x9"):
        read_images(tmp_path)
    (tmp_path / "train" / "dog" / "odd.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"odd.png cannot be read"):
        read_images(tmp_path)
    Image.fromarray(np.full((5, 6), 300, np.uint16)).save(tmp_path / "train" / "dog" / "odd.png")
    with pytest.raises(InputError, match=r"odd.png .* must have 8 bits a channel"):
        read_images(tmp_path)


def test_what_begins_with_a_dot_is_left_out(tmp_path):
    class_folders(tmp_path, "L")
    (tmp_path / "test" / ".ipynb_checkpoints").mkdir()
    (tmp_path / "train" / "cat" / "._0.png").write_bytes(b"no image")
    assert len(read_images(tmp_path).train.labels) == 6


def test_a_damaged_zip_file_names_the_image(tmp_path):
    class_folders(tmp_path / "pets", "L")
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for file in sorted((tmp_path / "pets").rglob("*.png")):
            archive.write(file, file.relative_to(tmp_path / "pets").as_posix())
    content = bytearray((tmp_path / "pets.zip").read_bytes())
    content[content.index(b"IDAT") + 6] ^= 1  # stored, not packed: the check of the first file fails
    (tmp_path / "pets.zip").write_bytes(bytes(content))
    with pytest.raises(InputError, match=r"0.png cannot be read as an image: Bad CRC-32"):
        read_images(tmp_path / "pets.zip")


def test_digits_are_the_digits_whatever_folder_is_here(tmp_path, monkeypatch):
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert len(read_images("digits").train.labels) == 1437
    with pytest.raises(InputError, match="it has none"):
        read_images("./digits")


@pytest.mark.parametrize(("make", "message"), [(False, "does not exist"), (True, "it has none")])
def test_what_is_no_data_is_refused(tmp_path, make, message):
    if make:
        (tmp_path / "there").mkdir()
    with pytest.raises(InputError, match=message):
        read_images(tmp_path / "there")


@pytest.mark.parametrize(
    ("module", "extra"), [("sklearn.datasets", "scikit-learn|sklearn"), ("PIL.Image", "PIL")]
)
def test_without_the_library_the_message_names_the_extra(tmp_path, monkeypatch, module, extra):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    class_folders(tmp_path, "L")
    with pytest.raises(InputError, match=rf"({extra}).*tamis-torch\[images\]"):
        read_images("digits" if module.startswith("sklearn") else tmp_path)


def test_the_digits_are_all_there_and_no_image_is_in_both_parts():
    images = read_images()
    assert len(images.train.labels) + len(images.test.labels) == 1797 and images.shape == (1, 8, 8)
    both = torch.cat([images.train.inputs, images.test.inputs]).flatten(1)
    assert len(torch.unique(both, dim=0)) == 1797


BAD = {
    "type": (torch.zeros(4, 3, dtype=torch.float64), torch.zeros(4).long(), "uint8 or float32"),
    "shape": (torch.zeros(4, 3, dtype=torch.uint8), torch.zeros(4).long(), "channels"),
    "labels of another number": (torch.zeros(4, 3), torch.zeros(3).long(), "one for each of 4"),
    "labels of float": (torch.zeros(4, 3), torch.zeros(4), "integers"),
    "negative label": (torch.zeros(4, 3), torch.tensor([0, 1, -1, 0]), "0 or more, got -1"),
    "not finite": (torch.full((4, 3), torch.nan), torch.zeros(4).long(), "finite"),
    "empty": (torch.zeros(0, 3), torch.zeros(0).long(), "one for each of 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays_are_named(case):
    inputs, labels, message = BAD[case]
    with pytest.raises(InputError, match=message):
        Images((inputs, labels), (inputs, labels))


def test_parts_that_do_not_fit_and_labels_beyond_the_classes_are_refused():
    one, two = (torch.zeros(4, 3), torch.arange(4)), (torch.zeros(4, 2), torch.arange(4))
    with pytest.raises(InputError, match="type and shape"):
        Images(one, two)
    with pytest.raises(InputError, match=r"number of classes \(3\), got 3"):
        Images(one, one, classes=3)
    same = torch.zeros(4, 3), torch.zeros(4).long()
    with pytest.raises(InputError, match="two classes or more, got 1"):
        Images(same, same)
    with pytest.raises(InputError, match="class_names must be 4, one a class, got 2"):
        Images(one, one, classes=4, class_names=("cat", "dog"))
    assert Images(one, one, class_names="abcde").classes == 5


@given(st.integers(1, 3), st.integers(0, 5))
def test_standardised_images_have_mean_zero_and_deviation_one_in_each_channel(channels, seed):
    part = Part(torch.from_numpy(pixels(7, channels, 5, 4, seed=seed)), torch.zeros(7).long())
    found = standard_of(part)(part.inputs).movedim(1, 0).flatten(1)
    torch.testing.assert_close(found.mean(1), torch.zeros(channels), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.std(1, unbiased=False), torch.ones(channels))
    with pytest.raises(InputError, match=r"must be images in 0...255 of uint8, got torch.float32"):
        standard_of(part)(part.inputs.float())


@pytest.mark.parametrize("kind", KINDS)
def test_an_augmented_image_is_a_piece_of_the_padded_one_or_of_its_mirror_image(kind):
    images = torch.from_numpy(pixels(40, 2, 16, 8)) // 2 + 1  # nowhere black
    moved = augment(images, kind, [3, 4])
    assert moved.shape == images.shape and moved.dtype == images.dtype
    padded = torch.nn.functional.pad(images, (1, 1, 2, 2))
    offsets = set()
    for before, after, around in zip(images, moved, padded, strict=True):
        pieces = {(0, 0, False): before} if kind == "none" else {
            (i, j, flip): piece.flip(-1) if flip else piece
            for i in range(5) for j in range(3) for flip in ((False, True) if kind == "crop-flip" else (False,))
            for piece in [around[:, i : i + 16, j : j + 8]]
        }  # fmt: skip
        offsets |= {where for where, piece in pieces.items() if torch.equal(piece, after)}
    assert len(offsets) == {"none": 1}.get(kind, len(offsets)) and (kind == "none" or len(offsets) > 8)
    assert {flip for _, _, flip in offsets} == ({True, False} if kind == "crop-flip" else {False})
    assert torch.equal(moved, augment(images, kind, [3, 4]))
    assert kind == "none" or not torch.equal(moved, augment(images, kind, [3, 5]))


def test_an_epoch_visits_each_sample_once_and_each_epoch_in_another_order():
    part = Part(torch.arange(12.0)[:, None], torch.arange(12))
    batches = Batches(part, standard_of(part), 4, 7, "none")
    epochs = [
        [int(label) for step in range(3) for label in batches(3 * epoch + step)[1]] for epoch in range(2)
    ]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(12)) and epochs[0] != epochs[1]
    inputs, labels = batches(5)
    assert torch.equal(inputs[:, 0], labels.float())


def test_fewer_samples_than_a_batch_are_refused():
    part = Part(torch.zeros(3, 1), torch.zeros(3).long())
    with pytest.raises(InputError, match="at most the 3 training images, got 4"):
        Batches(part, standard_of(part), 4, 0, "none")


def test_a_sample_is_a_fixed_part_and_says_so():
    images = read_images()
    sample = images.sample(100)
    assert (
        torch.equal(sample.train.labels, images.sample(100).train.labels) and len(sample.train.labels) == 100
    )
    assert torch.equal(sample.test.inputs, images.test.inputs) and "100 of its" in sample.name
    assert torch.equal(images.sample(50).train.inputs, sample.train.inputs[:50])
    with pytest.raises(InputError, match="at most the 1437"):
        images.sample(2000)


def test_noise_leaves_the_images_hash_to_tell_it():
    images = read_images()
    noisy = Part(images.train.inputs, symmetric_noise(images.train.labels, 0.5, 10))
    assert images.describe()["train"]["hash"] != Images(noisy, images.test).describe()["train"]["hash"]
