"""The solver finds the best subset on easy problems and says how it ended on all."""

import numpy as np
import pytest

import tamis
from tamis import Status
from tamis.losses import LeastSquares
from tamis.result import PROVED
from tamis.sets import NofM, Sparse

from .helpers import NAMESPACES, Case, at_most, best_subset, groups_at_most, regression

PROBLEMS = [
    pytest.param(Case(Sparse(2), ((8,),), at_most(2)), 0.0, id="2 of 8"),
    pytest.param(Case(Sparse(3), ((8,),), at_most(3)), 0.5, id="3 of 8, ridge"),
    pytest.param(Case(Sparse(0.25), ((8,),), at_most(2)), 0.0, id="a quarter"),
    pytest.param(Case(Sparse(0), ((8,),), at_most(0)), 0.0, id="none"),
    pytest.param(Case(Sparse(8), ((8,),), at_most(8)), 0.0, id="all"),
    pytest.param(Case(NofM(1, 4), ((8,),), groups_at_most(1, 4, -1)), 0.0, id="1:4"),
    pytest.param(Case(NofM(2, 4), ((8,),), groups_at_most(2, 4, -1)), 0.5, id="2:4, ridge"),
]


@pytest.mark.parametrize("case, ridge", PROBLEMS)
@pytest.mark.parametrize("seed", range(5))
def test_the_best_of_all_supports_is_found(case, ridge, seed):
    """Well-conditioned problems with a planted answer; the oracle is lstsq on every support."""
    A, b, _ = regression(seed, 30, 8, 2)
    loss = LeastSquares(A, b, ridge)
    result = tamis.minimize(loss, case.set)
    assert case.set.contains(result.x)
    assert result.fun == pytest.approx(best_subset(loss, case.supports), rel=1e-9)
    assert result.fun == loss.value(result.x)
    assert result.status is Status.EXCHANGE_OPTIMAL
    assert result.certificate.fixed_point <= 1e-6
    assert result.certificate.exchange <= 1e-9 * max(result.fun, 1e-9 * loss.value(loss.start()))


@pytest.mark.parametrize("xp", NAMESPACES)
def test_every_library_finds_the_planted_answer(xp):
    A, b, x = regression(0, 40, 20, 4, noise=0.0)
    result = tamis.minimize(LeastSquares(xp.asarray(A), xp.asarray(b)), Sparse(4))
    np.testing.assert_allclose(np.asarray(result.x), x, atol=1e-9)
    assert type(result.x) is type(xp.asarray(A))


@pytest.mark.parametrize("seed", range(3))
def test_single_precision_converges_too(seed):
    A, b, x = regression(seed, 50, 20, 4)
    result = tamis.minimize(LeastSquares(A.astype(np.float32), b.astype(np.float32)), Sparse(4))
    assert result.success
    assert result.x.dtype == np.float32
    assert set(np.flatnonzero(result.x)) == set(np.flatnonzero(x))


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_units_do_not_matter(scale):
    """Scaling b by any factor scales x, and the iterations are the same."""
    A, b, _ = regression(0, 40, 20, 4)
    one = tamis.minimize(LeastSquares(A, b), Sparse(4))
    other = tamis.minimize(LeastSquares(A, b * scale), Sparse(4))
    np.testing.assert_allclose(other.x, one.x * scale, rtol=1e-9)
    assert abs(other.nit - one.nit) <= 1


def test_a_good_start_is_never_lost():
    """With x0 at the best subset the result is at least as good, even where a cold start is worse."""
    case = Case(Sparse(3), ((9,),), at_most(3))
    for seed in range(10):
        A, b, _ = regression(seed, 20, 9, correlation=0.95, noise=3.0)
        loss = LeastSquares(A, b)
        best = best_subset(loss, case.supports)
        support = min(case.supports, key=lambda s: loss.value(loss.refit(s)))
        assert tamis.minimize(loss, case.set, loss.refit(support)).fun <= best * (1 + 1e-9)
        assert tamis.minimize(loss, case.set).fun >= best * (1 - 1e-9)


@pytest.mark.parametrize("dtype", [float, int, np.float32])
def test_a_start_of_another_dtype_is_taken(dtype):
    A, b, _ = regression(0, 20, 6, 2)
    result = tamis.minimize(LeastSquares(A, b), Sparse(2), np.arange(6, dtype=dtype))
    assert result.x.dtype == np.float64
    assert result.fun == pytest.approx(tamis.minimize(LeastSquares(A, b), Sparse(2)).fun)


@pytest.mark.parametrize("effort", ["fast", "default", "thorough"])
def test_the_message_is_the_sentence_of_the_status(effort):
    A, b, _ = regression(0, 30, 10, 3)
    result = tamis.minimize(LeastSquares(A, b), Sparse(3), effort=effort)
    assert result.message == result.status.value
    assert result.success == (result.status in PROVED)
    assert (result.gap is None) == (effort != "thorough")


def test_history_and_callback_tell_each_better_point_of_a_search():
    A, b, _ = regression(3, 40, 60, 6, correlation=0.9, noise=3.0)
    calls = []
    result = tamis.minimize(
        LeastSquares(A, b), Sparse(6), callback=lambda x, record: calls.append((x.copy(), record))
    )
    assert [record for _, record in calls] == result.history
    assert len(result.history) == result.nit > 1
    losses = [record["loss"] for _, record in calls]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == pytest.approx(result.fun, rel=1e-9)
    for x, record in calls:
        assert set(record) == {"loss", "nonzeros"}
        assert record["nonzeros"] == np.count_nonzero(x) <= 6


def test_a_loss_without_curvature_is_no_obstacle():
    result = tamis.minimize(LeastSquares(np.zeros((3, 2)), np.ones(3)), Sparse(1))
    assert (result.success, result.fun, result.x.tolist()) == (True, 1.5, [0.0, 0.0])


@pytest.mark.parametrize("xp", NAMESPACES)
def test_twice_the_same_bit_for_bit(xp):
    A, b, _ = regression(4, 25, 40, 6)

    def solve():
        return tamis.minimize(LeastSquares(xp.asarray(A), xp.asarray(b)), Sparse(6))

    one, two = solve(), solve()
    assert np.asarray(one.x).tobytes() == np.asarray(two.x).tobytes()
    assert one.history == two.history
