"""The solver finds the best subset on easy problems and says how it ended on all."""

import numpy as np
import pytest

import tamis
from tamis import Status, certificates
from tamis.losses import LeastSquares
from tamis.penalties import Geometric
from tamis.sets import NofM, Sparse
from tamis.steps import exact

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
    assert result.success
    assert result.certificate <= 1e-6


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


@pytest.mark.parametrize("correlation", [0.9, 0.99])
def test_an_ill_conditioned_problem_is_not_called_unfinished(correlation):
    """The refit is exact on its support, so slow progress of z inside it is no reason to go on."""
    A, b, _ = regression(0, 50, 20, 10, correlation=correlation)
    assert tamis.minimize(LeastSquares(A, b), Sparse(10)).status is Status.CONVERGED
    everything = tamis.minimize(LeastSquares(A, b), Sparse(20))
    assert (everything.status, everything.nit) == (Status.CONVERGED, 1)


def test_the_iteration_is_that_of_the_unscaled_multiplier():
    """The same z as from ADMM written with y = penalty * u, which a growing penalty leaves as it is."""
    A, b, _ = regression(1, 20, 8, 3, correlation=0.7, noise=1.0)
    schedule, seen = Geometric(2.0, 1.3, 40.0), []
    tamis.minimize(
        LeastSquares(A, b), Sparse(3), penalty=schedule, max_iter=25, tol=1e-15,
        callback=lambda z, _: seen.append(z),
    )  # fmt: skip
    z = y = np.zeros(8)
    for iteration, found in enumerate(seen):
        rho = schedule(iteration)
        x = np.linalg.solve(A.T @ A + rho * np.eye(8), A.T @ b + rho * z - y)
        z = Sparse(3).project(x + y / rho)
        y = y + rho * (x - z)
        np.testing.assert_allclose(found, z, rtol=1e-8, atol=1e-10)
    assert len(seen) == 25


def test_the_best_support_on_the_way_is_returned():
    """Never worse than the refit of any z seen, also where the last one is (a low constant penalty)."""
    worse_at_the_end = 0
    for seed in range(6):
        A, b, _ = regression(seed, 24, 12, 4, correlation=0.95, noise=2.0)
        loss, seen, low = LeastSquares(A, b), [], 0.01 * np.sum(A**2) / 12
        result = tamis.minimize(
            loss, Sparse(4), penalty=Geometric(low, 1.0, low), max_iter=60,
            callback=lambda z, _, seen=seen: seen.append(z),
        )  # fmt: skip
        values = [loss.value(loss.refit(z != 0)) for z in seen]
        assert result.fun == pytest.approx(min(values), rel=1e-12)
        worse_at_the_end += values[-1] > result.fun * (1 + 1e-9)
    assert worse_at_the_end > 0


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


def test_certificate_is_zero_at_a_fixed_point():
    """At the best subset of an orthogonal design, where thresholding is the exact answer."""
    loss = LeastSquares(np.eye(4), np.array([3.0, 1.0, -2.0, 0.5]))
    assert certificates.fixed_point(loss, Sparse(2), np.array([3.0, 0.0, -2.0, 0.0]), 1.0) == 0


@pytest.mark.parametrize(
    ("bad", "size"),
    [
        ([3.0, 1.0, 0.0, 0.0], 2 / 3),  # the wrong support: -2 comes in for 1
        ([3.0, 0.0, -1.0, 0.0], 1 / 3),  # the right support with a wrong value
        ([3.0, 0.0, -4.0, 0.0], 1 / 2),  # the right support with too large a value
        ([0.0, 0.0, 0.0, 0.0], 1.0),  # nothing chosen at all
    ],
    ids=["support", "too small", "too large", "zero"],
)
@pytest.mark.parametrize("curvature", [1.0, 4.0])
def test_certificate_is_positive_at_a_bad_point(bad, size, curvature):
    """The move of projected gradient over the larger of the two points, whatever the curvature."""
    root = curvature**0.5
    loss = LeastSquares(root * np.eye(4), root * np.array([3.0, 1.0, -2.0, 0.5]))
    assert certificates.fixed_point(loss, Sparse(2), np.array(bad), curvature) == pytest.approx(size)


def test_certificate_lets_pass_what_projected_gradient_cannot_improve():
    """Zero does not mean best: a wrong support whose gradient is under L times its least entry."""
    A = np.array([[1.0, 0.9], [0.0, np.sqrt(1 - 0.81)]])
    loss = LeastSquares(A, A @ np.array([1.0, 0.2]))
    worse = loss.refit(np.array([False, True]))
    smoothness = exact.smoothness(exact.init(loss))
    assert certificates.fixed_point(loss, Sparse(1), worse, smoothness) < 1e-12
    assert loss.value(worse) > tamis.minimize(loss, Sparse(1)).fun


def test_status_iteration_limit():
    A, b, _ = regression(0, 30, 20, 4)
    result = tamis.minimize(LeastSquares(A, b), Sparse(4), max_iter=3)
    assert (result.status, result.success, result.nit) == (Status.ITERATION_LIMIT, False, 3)
    assert result.message == Status.ITERATION_LIMIT.value
    assert "max_iter" in result.message


def test_status_not_stationary():
    """A penalty that is huge from the start nails the bad support that x0 brings."""
    loss = LeastSquares(np.eye(4), np.array([3.0, 1.0, -2.0, 0.5]))
    result = tamis.minimize(loss, Sparse(1), np.array([0.0, 0.0, 0.0, 9.0]), penalty=Geometric(1e9, 1.0, 1e9))
    assert (result.status, result.success) == (Status.NOT_STATIONARY, False)
    assert result.certificate > 0.1
    assert "x0" in result.message


def test_history_and_callback_tell_each_iteration():
    """A record an iteration, the same to the callback, with the penalty of the schedule and the loss at z."""
    A, b, _ = regression(0, 30, 10, 3)
    loss, calls = LeastSquares(A, b), []
    schedule = Geometric(1.0, 1.1, 40.0)
    result = tamis.minimize(
        loss, Sparse(3), penalty=schedule, callback=lambda z, record: calls.append((z, record))
    )
    assert [record for _, record in calls] == result.history
    assert len(result.history) == result.nit > 1
    for iteration, (z, record) in enumerate(calls):
        assert set(record) == {"penalty", "primal", "dual", "loss"}
        assert record["penalty"] == schedule(iteration)
        assert record["loss"] == loss.value(z)
        assert np.count_nonzero(z) <= 3
    assert result.history[-1]["primal"] <= 1e-6 * np.linalg.norm(result.x) * 1.01


def test_the_default_penalty_beats_constant_ones_and_a_later_start():
    """On six correlated problems it ends less than 0.1% above the best subset, the others over 1%.

    Means over the six; run with ``-s`` to see them.
    """
    case, excess = Case(Sparse(4), ((12,),), at_most(4)), {}
    for seed in range(6):
        A, b, _ = regression(seed, 24, 12, 4, correlation=0.95, noise=2.0)
        loss, curvature = LeastSquares(A, b), np.sum(A**2) / 12
        best = best_subset(loss, case.supports[case.supports.sum(axis=1) == 4])
        schedules = {c: Geometric(c * curvature, 1.0, c * curvature) for c in (0.01, 0.1, 1.0)}
        schedules["late"] = Geometric(0.1 * curvature, 1.02, 50 * curvature)
        for name, schedule in {"default": None, **schedules}.items():
            result = tamis.minimize(loss, case.set, penalty=schedule)
            excess.setdefault(name, []).append(result.fun / best - 1)
    mean = {name: float(np.mean(values)) for name, values in excess.items()}
    print(mean)
    assert mean.pop("default") < 0.001
    assert min(mean.values()) > 0.01


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


def test_a_penalty_grows_to_its_stop_and_stays():
    """Also after so many iterations that the power would overflow."""
    schedule = Geometric(0.5, 10.0, 100.0)
    assert [schedule(i) for i in (0, 1, 2, 3, 10_000)] == [0.5, 5.0, 50.0, 100.0, 100.0]
    assert Geometric(2.0, 1.0, 2.0)(7) == Geometric(2.0, 1.0, 5.0)(7) == 2.0
