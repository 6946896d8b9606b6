"""Symmetric label noise: exactly the share, always another class, all classes alike."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tamis_torch.errors import InputError
from tamis_torch.vision.noisy_labels import symmetric_noise


def labels(count, classes, seed=0):
    return torch.randint(0, classes, (count,), generator=torch.Generator().manual_seed(seed))


@given(st.integers(0, 200), st.integers(2, 12), st.floats(0, 1), st.integers(0, 99))
def test_exactly_the_share_is_wrong_and_all_are_classes(count, classes, share, seed):
    clean = labels(count, classes)
    noisy = symmetric_noise(clean, share, classes, seed)
    assert int((noisy != clean).sum()) == round(share * count)
    assert noisy.shape == clean.shape and noisy.dtype == clean.dtype
    assert all(0 <= label < classes for label in noisy.tolist())


def test_a_wrong_label_is_each_of_the_other_classes_equally_often():
    """30 000 labels of class 2: of each other class 10 000 are expected, with a deviation of 82."""
    noisy = symmetric_noise(torch.full((30_000,), 2), 1.0, 4)
    counts = torch.bincount(noisy, minlength=4)
    assert counts[2] == 0
    assert all(abs(int(count) - 10_000) < 4 * 82 for count in counts[[0, 1, 3]])


def test_samples_are_chosen_without_regard_to_their_place_or_class():
    clean = labels(20_000, 10)
    wrong = symmetric_noise(clean, 0.25, 10) != clean
    assert wrong[:10_000].float().mean() == pytest.approx(0.25, abs=0.02)
    for label in range(10):
        assert wrong[clean == label].float().mean() == pytest.approx(0.25, abs=0.04)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 9))
def test_with_one_seed_more_noise_contains_less(one, other, seed):
    less, more = sorted((one, other))
    clean = labels(100, 10)
    few, many = (symmetric_noise(clean, share, 10, seed) for share in (less, more))
    assert torch.equal(few[few != clean], many[few != clean])


def test_the_same_seed_gives_the_same_labels_another_gives_others_and_the_input_stays():
    clean = labels(100, 10)
    kept = clean.clone()
    first, again, other = (symmetric_noise(clean, 0.5, 10, seed) for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(clean, kept)


@pytest.mark.parametrize(
    "changed, said",
    [
        (dict(share=-0.1), "share must be in [0, 1], got -0.1"),
        (dict(share=float("nan")), "share must be in [0, 1], got nan"),
        (dict(classes=1), "classes must be an integer of at least 2, got 1"),
        (dict(labels=torch.tensor([0, 3])), "labels must be in [0, 3), got 0 to 3"),
        (dict(labels=torch.tensor([-1, 2])), "labels must be in [0, 3), got -1 to 2"),
        (dict(labels=torch.tensor([[0]])), "labels must be int32 or int64 of shape (n,), got torch.int64 of (1, 1)"),
        (dict(labels=torch.tensor([0.0])), "labels must be int32 or int64 of shape (n,), got torch.float32 of (1,)"),
    ],
)  # fmt: skip
def test_a_bad_argument_is_named_with_its_value(changed, said):
    with pytest.raises(InputError) as error:
        symmetric_noise(**{"labels": torch.tensor([0, 1, 2]), "share": 0.5, "classes": 3} | changed)
    assert said in str(error.value)
