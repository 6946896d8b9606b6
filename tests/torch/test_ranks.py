"""On several ranks, with the parameters cut by FSDP2, ADMM does what it does on one."""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import rank_jobs as jobs
from processes import over

from tamis_torch.state import BLOCK

pytestmark = [
    pytest.mark.filterwarnings("ignore:the last projection hurts"),
    pytest.mark.filterwarnings("ignore:the mask had not settled"),
]
SETTINGS = {
    "global": {"sparsity": 0.8},
    "tensor": {"sparsity": 0.7, "budget": "tensor"},
    "block": {"sparsity": 0.7, "budget": "block", "metric": "gradient"},
    "row": {"sparsity": 0.69, "budget": "row"},
    "pattern": {"pattern": "2:4"},
    "zwu": {"sparsity": 0.6, "order": "zwu", "pull": "gradient", "metric": "none"},
    "few bits": {"sparsity": 0.8, "state": "power8"},
}
COLUMNS = {"few bits": BLOCK}
BUDGETS = "global", "block", "tensor"
IN_BACKWARD = {"state": "power8", "in_backward": True}


@cache
def results(ranks: int) -> list[list]:
    """Return what each of the ranks found in all that can be done in one go; 0: one process."""
    work = [
        ("selection", jobs.selection, ()),
        ("mean", jobs.mean, ()),
        *((case, jobs.same_gradients, (settings, COLUMNS.get(case, 8))) for case, settings in SETTINGS.items()),
        *((f"train {budget}", jobs.train, ({"budget": budget, "sparsity": 0.5},)) for budget in BUDGETS),
        ("in backward", jobs.train, (IN_BACKWARD,)),
    ]  # fmt: skip
    return over(ranks, jobs.each, work) if ranks else [jobs.each(work)]


def compared(ranks: int, case: str):
    """Yield what each rank found, and one process."""
    (expected,) = results(0)
    for found in results(ranks):
        assert isinstance(found, dict), found
        yield found[case], expected[case]


@pytest.mark.parametrize("ranks", [2, 3])
@pytest.mark.parametrize("case", SETTINGS)
def test_the_same_gradients_give_the_same_bits(case, ranks):
    """Weights, masks and numbers, though shards are uneven and one of 3 ranks has nothing of a matrix.

    In few bits with rows that are whole blocks: what shares a scale, and the noise of each entry, are
    those of one process.  Biases are no whole blocks.
    """
    for found, expected in compared(ranks, case):
        for step, (a, b) in enumerate(zip(found["masks"], expected["masks"], strict=True)):
            for name in a:
                assert np.array_equal(a[name], b[name]), (step, name)
        for name, weight in expected["weights"].items():
            if case != "few bits" or "bias" not in name:
                assert np.array_equal(found["weights"][name], weight), name
        for a, b in zip(found["watches"], expected["watches"], strict=True):
            assert a == pytest.approx(b, rel=1e-5)
        assert expected["watches"][-1][1] > 0, "the mask must move, or nothing is tested"


@pytest.mark.parametrize("ranks", [2, 3])
def test_the_mean_is_of_all(ranks):
    assert [found for found, _ in compared(ranks, "mean")] == [13.0] * ranks


@pytest.mark.parametrize("ranks", [2, 3])
def test_ties_are_kept_by_lowest_index_over_parts_and_ranks(ranks):
    for found, expected in compared(ranks, "selection"):
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("ranks", [2, 3])
@pytest.mark.parametrize("budget", BUDGETS)
def test_a_training_with_fully_shard_ends_with_the_mask_of_one_process(budget, ranks):
    """And with its weights, up to the order in which gradients are added up; with a few KB a threshold."""
    assert min(found["train global"]["empty"] for found in results(ranks)) == (0 if ranks == 3 else 1)
    for found, expected in compared(ranks, f"train {budget}"):
        for name, mask in expected["mask"].items():
            assert np.array_equal(found["mask"][name], mask), name
        for name, weight in expected["weights"].items():
            np.testing.assert_allclose(found["weights"][name], weight, rtol=0, atol=1e-5, err_msg=name)
        assert found["watch"] == pytest.approx(expected["watch"], rel=1e-3, abs=1e-4)
        thresholds = jobs.STEPS // 2 * {"global": 1, "block": 2, "tensor": 14}[budget]
        assert 5000 * thresholds < found["traffic"]["bytes"] <= 9000 * thresholds


def test_steps_in_the_backward_pass_are_clipped_alike_on_all_ranks():
    """The masks are near those of one process, though parameters come in another order and rounding differs."""
    masks = [np.concatenate([m.ravel() for m in f["mask"].values()]) for f, _ in compared(2, "in backward")]
    ((_, expected), _) = compared(2, "in backward")
    wanted = np.concatenate([m.ravel() for m in expected["mask"].values()])
    assert np.array_equal(*masks) and masks[0].sum() == wanted.sum()
    norms = [found["norms"] for found, _ in compared(2, "in backward")]
    assert norms[0] == norms[1] and norms[0] == pytest.approx(expected["norms"], rel=0.05)
    assert (masks[0] != wanted).mean() < 0.1


def test_the_loop_of_the_guide_keeps_exactly_what_was_asked():
    page = Path(__file__).parents[2] / "docs/guide/many-devices.md"
    _, code, _ = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    for found in over(2, jobs.page, code):
        assert found["kept"] == round(0.1 * found["of"])


def test_what_ranks_cannot_share_is_refused():
    columns, some, rows, pattern = over(2, jobs.refused)[0]
    assert columns.startswith("weights must be cut by rows over one dimension of ranks")
    assert some.startswith("weights must all be cut over the same ranks, got some over 1 and some over 2")
    assert rows.startswith("budget 'row' is not possible over 2 ranks, which cut 0.layer.weight along its")
    assert pattern.startswith("pattern '2:4' is not possible over 2 ranks")


@pytest.mark.parametrize("settings", [{}, IN_BACKWARD])
def test_nan_on_one_rank_ends_all_with_the_same_words(settings):
    first, second = over(2, jobs.train, True, settings, 5)
    assert first == second and first.startswith("RunError: ") and "not finite" in first


@pytest.mark.cuda
def test_on_gpus_too():
    results = over(2, jobs.train, True, {"budget": "block"}, -1, "cuda", device="cuda")
    expected = jobs.train(False, {"budget": "block"}, -1, "cuda")
    for found in results:
        assert all(np.array_equal(found["mask"][name], mask) for name, mask in expected["mask"].items())
