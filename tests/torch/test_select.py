"""Selection by the digits of the bit patterns keeps exactly what a sort would keep."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tamis.select import keep_largest as core
from tamis_torch.errors import InputError
from tamis_torch.select import (
    bits,
    count_ties,
    keep_above,
    keep_largest,
    keep_parts,
    kth_largest,
    largest,
    many,
    threshold,
)

TYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64]
SPECIAL = [0.0, -0.0, 1.0, 1.9921874, 1.5, 2.0, 1e-45, 3e-42, 1.0000001, 65504.0, 3.3e38, float("inf")]
values = st.one_of(st.sampled_from(SPECIAL), st.floats(0, 4, width=32))


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[Tensor], int]:
    """Parts of scores, some empty, with many ties; and a count."""
    dtype = draw(st.sampled_from(TYPES))
    lists = draw(st.lists(st.lists(values, max_size=12), min_size=1, max_size=5))
    parts = [torch.tensor(part, dtype=torch.float64).to(dtype) for part in lists]
    return parts, draw(st.integers(0, sum(map(len, parts))))


@given(problems())
def test_one_tensor_gives_the_cores_mask_and_the_sorts_value(problem):
    scores, k = torch.cat(problem[0]), problem[1]
    assert torch.equal(keep_largest(scores, k), core(scores, k))
    if k:
        found = kth_largest(scores, k)
        assert found.dtype == scores.dtype and found == scores.sort(descending=True).values[k - 1]


@given(problems(), st.booleans())
def test_parts_give_the_mask_of_all_of_them_joined(problem, aside):
    """Whether the scores near the threshold are put aside or, being many, counted."""
    parts, k = problem
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(many, "FEW", 1000 if aside else -1)
        masks = keep_parts(lambda: iter(parts), k)
    assert torch.equal(torch.cat(masks), core(torch.cat(parts), k))


@given(problems())
def test_of_few_scores_a_partition_finds_what_counting_digits_does(problem):
    parts, k = problem
    scores = torch.cat([part.reshape(-1) for part in parts]).float()
    if len(scores):
        assert largest._by_partition(scores, k) == threshold(lambda: [scores], k)


@given(problems())
def test_a_threshold_counts_what_lies_above_and_at_it(problem):
    parts, k = problem
    found, scores = threshold(lambda: parts, k), torch.cat(parts)
    assert found.above == torch.count_nonzero(scores > found.value)
    assert found.above + found.ties == k
    if k:
        assert found.equal == torch.count_nonzero(scores == found.value) >= found.ties > 0
        assert sum(count_ties(part, found) for part in parts) == found.equal


@given(problems(), st.integers(2, 3))
def test_ranks_that_add_up_256_counts_at_a_time_find_the_threshold_of_all(problem, ranks):
    """Each rank as a generator: it hands out a tensor to add up and is sent the sum."""
    parts, k = problem
    shards = [
        [part.chunk(ranks)[r] if r < len(part.chunk(ranks)) else part[:0] for part in parts]
        for r in range(ranks)
    ]
    traffic: list[int] = []
    found = together(shards, k, traffic)
    assert found == [threshold(lambda: parts, k)] * ranks
    assert max(traffic) <= 256 and len(traffic) <= 1 + 2 * 4


def together(shards: list[list[Tensor]], k: int, traffic: list[int]) -> list[object]:
    """Run the ranks in turns until none asks for a sum: what was added up so far is replayed."""
    sums: list[Tensor] = []
    while True:
        asked: list[Tensor] = []
        done = [attempt(shard, k, sums, asked) for shard in shards]
        if not asked:
            return done
        traffic.append(asked[0].numel())
        sums.append(torch.stack(asked).sum(0))


def attempt(shard: list[Tensor], k: int, sums: list[Tensor], asked: list[Tensor]) -> object:
    ready = iter(sums)

    def reduce(counts: Tensor) -> Tensor:
        known = next(ready, None)
        if known is None:
            asked.append(counts)
            raise InterruptedError
        return known

    try:
        return threshold(lambda: shard, k, reduce)
    except InterruptedError:
        return None


def test_ties_go_on_from_what_came_before_a_part():
    part = torch.tensor([1.0, 2.0, 1.0, 1.0])
    found = threshold(lambda: [part, part], 5)
    assert keep_above(part, found, 0).tolist() == [True, True, True, True]
    assert keep_above(part, found, 3).tolist() == [False, True, False, False]
    assert keep_above(part, found, 1).tolist() == [True, True, True, False]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("kind", ["equal", "sorted", "powers", "narrow", "zeros"])
def test_more_than_a_chunk_of_any_data(dtype, kind, monkeypatch):
    monkeypatch.setattr(bits, "CACHED", 1000)
    monkeypatch.setattr(largest, "FEW", 1000)
    draw = torch.rand(20_001, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    scores = {
        "equal": torch.full_like(draw, 1.5), "sorted": draw.sort().values, "powers": torch.exp2((8 * draw).round()),
        "narrow": 1 + draw * 1e-3, "zeros": draw * (draw > 0.7) * -1.0 + 0.0,
    }[kind].abs().to(dtype)  # fmt: skip
    for k in (1, 200, 2000, 10_000, 20_000):
        assert torch.equal(keep_largest(scores, k), core(scores, k))
        assert torch.equal(torch.cat(keep_parts(lambda: scores.split(7000), k)), core(scores, k))


def test_any_shape_and_any_strides_and_parameters():
    scores = torch.rand(6, 10, generator=torch.Generator().manual_seed(0))
    turned = torch.nn.Parameter(scores.t())
    assert torch.equal(keep_largest(turned, 17), core(scores.t().contiguous(), 17))
    assert torch.equal(keep_parts(lambda: [turned, turned * 0], 17)[0], keep_largest(turned, 17))


@pytest.mark.parametrize(
    ("scores", "k", "message"),
    [
        (torch.tensor([1.0, torch.nan, -torch.nan, 2.0]), 1, "scores must be numbers, but 2 of 4 are NaN"),
        (torch.tensor([1.0, -0.0, -2.0]), 1, "scores must be 0 or more, but 1 of 3 are negative"),
        (torch.tensor([1.0, torch.nan]), 0, "1 of 2 are NaN"),
        (torch.tensor([1.0, 2.0]), 3, r"k must be between 0 and the number of scores \(2\), got 3"),
        (torch.tensor([1.0, 2.0]), -1, "got -1"),
        (torch.tensor([1, 2]), 1, "scores must be of float64, float32, bfloat16, float16, got int64"),
    ],
)
@pytest.mark.parametrize("select", [keep_largest, lambda s, k: keep_parts(lambda: [s], k)])
def test_what_is_no_score_or_no_count_is_refused(select, scores, k, message):
    with pytest.raises(InputError, match=message):
        select(scores, k)


def test_other_wrong_arguments_are_refused():
    with pytest.raises(TypeError, match=r"k must be an integer, got 1\.0"):
        keep_largest(torch.ones(2), 1.0)
    with pytest.raises(InputError, match="k must be between 1"):
        kth_largest(torch.ones(2), 0)
    with pytest.raises(InputError, match="one type, got torch.float32 and torch.bfloat16"):
        threshold(lambda: [torch.ones(2), torch.ones(2, dtype=torch.bfloat16)], 1)
    with pytest.raises(InputError, match="at least one part"):
        threshold(lambda: [], 0)


def test_the_scores_are_left_as_they_are_and_one_part_is_made_at_a_time():
    alive: list[int] = []

    def parts():
        for seed in range(4):
            part = torch.rand(500, generator=torch.Generator().manual_seed(seed))
            before = part.clone()
            alive.append(seed)
            yield part
            assert torch.equal(part, before)

    keep_parts(parts, 100)
    assert alive == [0, 1, 2, 3] * 2
