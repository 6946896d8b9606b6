"""Corruptions of images: what they are by definition, worse with every strength, the same with a seed."""

import builtins
import colorsys
import io
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter

from tamis_torch.errors import InputError
from tamis_torch.vision.corruptions import STRENGTHS, corrupted

KINDS = list(STRENGTHS)


def pictures(n=3, c=3, h=32, w=28, dtype=torch.float32):
    """Smooth colours with edges and a little texture, from black to white."""
    y, x = torch.meshgrid(torch.linspace(0, 1, h), torch.linspace(0, 1, w), indexing="ij")
    planes = [torch.sin((3 + i) * x + i * y) ** 2 * ((x * 7 + i).floor() % 2 + 0.3) for i in range(n * c)]
    texture = 0.1 * torch.rand((n, c, h, w), generator=torch.Generator().manual_seed(0))
    return (torch.stack(planes).view(n, c, h, w) / 1.4 + texture).clamp(0, 1).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
@pytest.mark.parametrize("kind", KINDS)
def test_shape_type_and_range_stay_and_so_does_the_input(kind, dtype):
    images = pictures(dtype=dtype)
    before = images.clone()
    for strength in range(1, 6):
        changed = corrupted(images, kind, strength)
        assert changed.shape == images.shape and changed.dtype == dtype
        assert changed.min() >= 0 and changed.max() <= 1
    assert torch.equal(images, before)


def distances(kind, images):
    """Return how far each image is from itself, (5, n)."""
    return [(corrupted(images, kind, strength) - images).flatten(1).norm(dim=1) for strength in range(1, 6)]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"jpeg"}))
def test_every_image_is_further_from_itself_with_every_strength(kind, channels):
    far = distances(kind, pictures(c=channels))
    assert (far[0] > 0).all()
    assert all((stronger > weaker).all() for weaker, stronger in pairwise(far))


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_images_are_on_average_further_from_themselves_with_every_strength(channels):
    """Not each: a coarser grid of frequencies may by chance lie nearer."""
    far = [float(each.mean()) for each in distances("jpeg", pictures(n=20, c=channels))]
    assert far[0] > 0 and all(stronger > weaker for weaker, stronger in pairwise(far))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_bits_and_only_chance_depends_on_it(kind):
    images = pictures()
    first, again, other = (corrupted(images, kind, 3, seed) for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (kind not in ("gaussian_noise", "occlusion"))


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"gaussian_noise", "occlusion"}))
def test_what_is_not_chance_treats_each_image_by_itself(kind):
    images = pictures()
    assert torch.equal(corrupted(images, kind, 2)[1:2], corrupted(images[1:2], kind, 2))


@pytest.mark.parametrize("strength", range(1, 6))
def test_noise_has_the_standard_deviation_of_the_table(strength):
    images = torch.full((4, 3, 64, 64), 0.5)
    moved = corrupted(images, "gaussian_noise", strength) - images
    assert moved.std() == pytest.approx(STRENGTHS["gaussian_noise"][strength - 1], rel=0.02)
    assert moved.mean() == pytest.approx(0, abs=0.002)


@pytest.mark.parametrize("strength", range(1, 6))
def test_blur_is_scipys_gaussian_filter(strength):
    images = pictures(dtype=torch.float64)
    sigma = STRENGTHS["gaussian_blur"][strength - 1]
    exact = gaussian_filter(images.numpy(), sigma, axes=(2, 3), mode="nearest")
    torch.testing.assert_close(corrupted(images, "gaussian_blur", strength), torch.from_numpy(exact))


def test_contrast_keeps_the_mean_of_each_channel_and_scales_its_deviation():
    images = pictures(dtype=torch.float64)
    changed = corrupted(images, "contrast", 5)
    torch.testing.assert_close(changed.mean(dim=(2, 3)), images.mean(dim=(2, 3)))
    torch.testing.assert_close(changed.std(dim=(2, 3)), 0.15 * images.std(dim=(2, 3)))


def test_brightness_raises_v_of_hsv_as_pythons_colorsys_says():
    pixels = torch.rand((1, 3, 1, 40), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    pixels[..., :5] = torch.tensor([[0.0, 0, 1, 0.9, 0], [0, 0.2, 1, 0.1, 1], [0, 0, 1, 0, 0.5]])[:, None]
    changed = corrupted(pixels, "brightness", 4)
    for before, after in zip(pixels[0, :, 0].T.tolist(), changed[0, :, 0].T.tolist(), strict=True):
        h, s, v = colorsys.rgb_to_hsv(*before)
        assert after == pytest.approx(colorsys.hsv_to_rgb(h, s, min(1.0, v + 0.2)))


@given(st.integers(1, 5), st.integers(1, 33), st.integers(1, 33), st.integers(0, 99))
def test_occlusion_is_one_grey_square_cut_at_the_border_the_rest_untouched(strength, h, w, seed):
    images = torch.zeros(2, 3, h, w)
    side = max(1, round(STRENGTHS["occlusion"][strength - 1] * min(h, w)))
    for picture in corrupted(images, "occlusion", strength, seed):
        assert torch.equal(picture[0], picture[1]) and torch.equal(picture[0], picture[2])
        rows, columns = (picture[0] > 0).any(dim=1), (picture[0] > 0).any(dim=0)
        assert torch.equal(picture[0], 0.5 * (rows[:, None] & columns[None]))
        for line in (rows, columns):
            (places,) = torch.nonzero(line, as_tuple=True)
            cut = places[0] == 0 or places[-1] == len(line) - 1
            assert len(places) == places[-1] - places[0] + 1  # in one piece
            assert len(places) == side or (cut and 1 <= len(places) <= side)


def test_occlusion_stands_anywhere():
    (_, _, rows, columns) = torch.nonzero(
        corrupted(torch.zeros(2000, 1, 8, 8), "occlusion", 1), as_tuple=True
    )
    counts = torch.bincount(8 * rows + columns, minlength=64)
    assert counts.min() > 5  # 31 expected at each of the 64 pixels


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_pillows(channels):
    images = pictures(c=channels)
    array = (images[1].movedim(0, -1).squeeze(-1).numpy() * 255).round().astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(array).save(file, "JPEG", quality=65)
    read = np.asarray(Image.open(file)).reshape(32, 28, channels)
    changed = corrupted(images, "jpeg", 2)[1]
    np.testing.assert_array_equal((255 * changed).round().byte().movedim(0, -1).numpy(), read)


def test_without_pillow_the_error_says_what_to_install(monkeypatch):
    whole = builtins.__import__

    def without(name, *rest):
        if name.partition(".")[0] == "PIL":
            raise ImportError("No module named 'PIL'")
        return whole(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr("tamis_torch.extras.import_module", lambda name: without(name))
    with pytest.raises(InputError, match=r"the corruption jpeg needs .* pip install 'tamis-torch\[images\]'"):
        corrupted(pictures(), "jpeg", 1)


@pytest.mark.parametrize(
    "changed, said",
    [
        (dict(kind="fog"), "kind must be one of gaussian_noise, gaussian_blur, contrast, brightness, occlusion, jpeg, got 'fog'"),
        (dict(strength=0), "strength must be an integer of at least 1, got 0"),
        (dict(strength=6), "strength must be at most 5, got 6"),
        (dict(strength=2.0), "strength must be an integer of at least 1, got 2.0"),
        (dict(images=torch.zeros(3, 8, 8)), "images must be floats of shape (n, c, h, w), none of them 0, got torch.float32 of (3, 8, 8)"),
        (dict(images=torch.zeros(1, 3, 8, 8, dtype=torch.uint8)), "got torch.uint8 of (1, 3, 8, 8)"),
        (dict(images=torch.zeros(0, 3, 8, 8)), "got torch.float32 of (0, 3, 8, 8)"),
        (dict(images=torch.full((1, 1, 2, 2), 1.5)), "images must be in [0, 1], got 1.5 to 1.5"),
        (dict(images=torch.full((1, 1, 2, 2), -0.5)), "images must be in [0, 1], got -0.5 to -0.5"),
        (dict(images=torch.full((1, 1, 2, 2), torch.nan)), "images must be in [0, 1], got nan"),
        (dict(images=torch.zeros(1, 2, 8, 8), kind="jpeg"), "images must have 1 channel or 3 for jpeg, got 2"),
    ],
)  # fmt: skip
def test_a_bad_argument_is_named_with_its_value(changed, said):
    with pytest.raises(InputError) as error:
        corrupted(**{"images": pictures(), "kind": "contrast", "strength": 1} | changed)
    assert said in str(error.value)
