"""The search for the best k groups against brute force over groups, each support solved by lstsq or a refit."""

import itertools

import numpy as np
import pytest

from tamis.losses import LeastSquares, Logistic, Multinomial, Poisson, Quadratic, Smooth
from tamis.subset.effort import EFFORTS
from tamis.subset.groups.exchange import exchange_tables
from tamis.subset.groups.landscape import CurvedGroups, FlatGroups
from tamis.subset.groups.search import descend, search_groups
from tamis.subset.search import search
from tamis.subset.survey import survey

from .helpers import least_loss, regression


def solve(loss, k, groups, effort="default", **options):
    return search_groups(loss, k, groups, EFFORTS[effort], np.random.default_rng(0), **options)


def groups_in(x, groups):
    return set(np.unique(groups[x != 0]).tolist())


def by_lstsq(loss, groups):
    """Return the function that solves a least-squares loss on some groups."""
    root = np.sqrt(np.ones(len(loss.b)) if loss.weights is None else loss.weights)
    centre = root / np.linalg.norm(root) if loss.intercept else np.zeros_like(root)
    A, b = ((root * v.T).T for v in (loss.A, loss.b))
    A, b = (v - np.multiply.outer(centre, centre @ v) for v in (A, b))
    A = np.vstack([A, np.sqrt(loss.ridge) * np.eye(A.shape[1])])
    b = np.append(b, np.zeros(A.shape[1]))
    return lambda chosen: least_loss(A[:, np.isin(groups, list(chosen))], b)


def by_refit(loss, groups):
    return lambda chosen: loss.value(loss.refit(np.isin(groups, list(chosen))))


def best_of_all(value, groups, k):
    return min(value(chosen) for chosen in itertools.combinations(np.unique(groups).tolist(), k))


def best_exchange(value, groups, chosen):
    """Return the least loss over all exchanges of a group in ``chosen`` for one that is not."""
    others = set(groups.tolist()) - chosen
    return min(value(chosen - {out} | {into}) for out in chosen for into in others)


EQUAL = np.repeat(np.arange(8), 3)
UNEQUAL = np.repeat([5, -2, 90, 1, 7, 33, 4, 60], [1, 4, 2, 3, 1, 5, 2, 6])
SCATTERED = np.random.default_rng(3).permutation(UNEQUAL)


def design(seed, groups, n=40, correlation=0.9, snr=2.0):
    A, signal, _ = regression(seed, n, len(groups), noise=0.0, correlation=correlation)
    noise = np.random.default_rng(seed + 1000).standard_normal(n)
    return A, signal + noise * signal.std() / np.sqrt(snr)


def deficient(seed, groups):
    """Return a design with groups that depend on themselves, on each other, and one of zeros."""
    A, b = design(seed, groups)
    own, other, third, fourth = (np.flatnonzero(groups == J) for J in np.unique(groups)[[1, 3, 5, 6]])
    A[:, own[-1]] = 2 * A[:, own[0]]
    A[:, other[0]] = A[:, third[0]]
    A[:, fourth] = 0
    return A, b


PROBLEMS = [
    pytest.param(lambda s: LeastSquares(*design(s, EQUAL)), EQUAL, id="equal sizes"),
    pytest.param(lambda s: LeastSquares(*design(s, SCATTERED)), SCATTERED, id="unequal and scattered"),
    pytest.param(lambda s: LeastSquares(*design(s, UNEQUAL, n=12)), UNEQUAL, id="more variables than rows"),
    pytest.param(lambda s: LeastSquares(*design(s, UNEQUAL, n=12), ridge=0.5), UNEQUAL, id="ridge"),
    pytest.param(lambda s: LeastSquares(*design(s, EQUAL), intercept=True), EQUAL, id="intercept"),
    pytest.param(
        lambda s: LeastSquares(*design(s, EQUAL), weights=np.arange(40.0), intercept=True),
        EQUAL,
        id="weights",
    ),
    pytest.param(lambda s: LeastSquares(*deficient(s, UNEQUAL)), UNEQUAL, id="dependent columns"),
    pytest.param(lambda s: LeastSquares(*deficient(s, SCATTERED)), SCATTERED, id="dependent, scattered"),
]


@pytest.mark.parametrize(("make", "groups"), PROBLEMS)
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_no_exchange_lowers_the_loss_and_the_gain_reported_is_that_of_the_best(make, groups, k):
    for seed in range(3):
        loss = make(seed)
        value, (x, fun, gain) = by_lstsq(loss, groups), solve(loss, k, groups, "fast")
        chosen, scale = groups_in(x, groups), loss.value(loss.start())
        assert len(chosen) <= k
        assert fun == pytest.approx(loss.value(x), rel=1e-12)
        assert fun == pytest.approx(value(chosen), rel=1e-9, abs=1e-9 * scale)
        best = best_exchange(value, groups, chosen)
        assert best >= fun - 1e-9 * scale
        if len(chosen) == k:  # else the loss is at its minimum without the bound
            assert gain == pytest.approx(fun - best, abs=1e-7 * scale)


@pytest.mark.parametrize(("make", "groups"), PROBLEMS)
def test_one_group_is_always_the_best_one(make, groups):
    for seed in range(5):
        loss = make(seed)
        assert solve(loss, 1, groups, "fast")[1] == pytest.approx(
            best_of_all(by_lstsq(loss, groups), groups, 1)
        )


@pytest.mark.parametrize("groups", [EQUAL, SCATTERED], ids=["equal", "unequal"])
def test_random_noisy_problems_are_solved_to_the_optimum(groups):
    for seed in range(12):
        loss = LeastSquares(*design(seed, groups))
        value = by_lstsq(loss, groups)
        assert solve(loss, 3, groups)[1] == pytest.approx(best_of_all(value, groups, 3), rel=1e-9)


def test_planted_groups_are_found():
    groups = np.random.default_rng(0).permutation(np.repeat(np.arange(60), 3))
    for seed in range(4):
        rng = np.random.default_rng(seed)
        A, _, x = regression(seed, 90, 180, correlation=0.5)
        truth = set(rng.choice(60, 5, replace=False).tolist())
        b = A @ np.where(np.isin(groups, list(truth)), x, 0) + 0.1 * rng.standard_normal(90)
        assert groups_in(solve(LeastSquares(A, b), 5, groups, "fast")[0], groups) == truth


def check_table(loss, groups, chosen):
    """Compare every entry of the table of exchanges with the refit it stands for; return the fit."""
    landscape = FlatGroups(loss, groups)
    names = [int(groups[own[0]]) for own in landscape.layout.members]
    point = landscape.settle(np.array([names.index(J) for J in chosen]))
    value, seen = by_lstsq(loss, groups), 0
    for first, gains in exchange_tables(point.model, point.residue):
        for place, column in zip(*np.nonzero(gains > -np.inf), strict=True):
            after = set(np.delete(chosen, place).tolist()) | {names[first + column]}
            lower = point.value - gains[place, column]
            assert lower == pytest.approx(value(after), rel=1e-7, abs=1e-8 * point.scale)
            seen += 1
    assert seen == len(chosen) * (len(names) - len(chosen))
    return point.residue


@pytest.mark.parametrize("places", [[0, 1, 2], [2, 4, 7], [6, 3, 4]])
@pytest.mark.parametrize(("make", "groups"), PROBLEMS)
def test_the_table_of_exchanges_is_exact(make, groups, places):
    loss = make(7)
    some = np.unique(groups[(loss.A != 0).any(axis=0)])  # a group of zeros is in no table
    check_table(loss, groups, some[np.array(places) % len(some)])


def test_the_table_is_exact_where_groups_of_the_support_depend_on_each_other():
    """Without 7 or without 33 a column of the other is no longer redundant."""
    A, b = design(7, UNEQUAL)
    A[:, np.flatnonzero(UNEQUAL == 33)[:1]] = A[:, np.flatnonzero(UNEQUAL == 7)]
    A[:, np.flatnonzero(UNEQUAL == 60)[1]] = A[:, UNEQUAL == 33].sum(axis=1)
    for chosen in ([7, 33, 4], [33, 7, 5], [60, 4, 33]):
        assert check_table(LeastSquares(A, b), UNEQUAL, chosen).crossing


def test_columns_that_depend_on_their_own_group_cost_no_refits():
    loss = LeastSquares(*deficient(0, UNEQUAL))
    dependent = np.unique(UNEQUAL)[1]
    assert not check_table(loss, UNEQUAL, [dependent, 90, -2]).crossing


@pytest.mark.parametrize("kind", [Logistic, Poisson])
def test_the_quadratic_of_a_point_touches_the_loss_there(kind):
    loss = glm(kind, 0, SCATTERED)
    landscape = CurvedGroups(loss, SCATTERED)
    point, order = landscape.settle(np.array([1, 4, 6])), landscape.layout.order
    R = point.residue.Q[:, point.residue.kept]
    np.testing.assert_allclose(
        np.linalg.solve(R, point.residue.z), point.x[order[point.residue.kept]], atol=1e-7
    )
    np.testing.assert_allclose(point.residue.pull, -loss.gradient(point.x)[order], atol=1e-6)
    H = loss.hessian_rows(point.x, np.arange(len(order)))[np.ix_(order, order)]
    np.testing.assert_allclose(point.model.rows(np.arange(5)), H[:5], atol=1e-9)
    np.testing.assert_allclose(landscape.block(point, np.arange(3, 9)), H[3:9, 3:9], atol=1e-9)


def test_a_quadratic_gives_what_its_least_squares_gives():
    A, b = design(2, SCATTERED)
    x, fun, gain = solve(LeastSquares(A, b, ridge=0.3), 3, SCATTERED)
    y, value, same = solve(Quadratic(A.T @ A, -A.T @ b, ridge=0.3), 3, SCATTERED)
    np.testing.assert_allclose(y, x, atol=1e-8)
    assert (value + b @ b / 2, same) == (pytest.approx(fun), pytest.approx(gain, rel=1e-6))


def test_other_names_of_the_groups_give_the_same_answer():
    for seed in range(3):
        A, b = design(seed, SCATTERED)
        renamed = np.random.default_rng(seed).permutation(100)[SCATTERED]
        x, y = (solve(LeastSquares(A, b), 3, groups)[0] for groups in (SCATTERED, renamed))
        np.testing.assert_array_equal(x, y)


def test_another_order_of_the_columns_gives_the_answer_in_that_order():
    for seed in range(3):
        A, b = design(seed, SCATTERED)
        order = np.random.default_rng(seed).permutation(len(SCATTERED))
        x = solve(LeastSquares(A, b), 3, SCATTERED)[0]
        y = solve(LeastSquares(A[:, order], b), 3, SCATTERED[order])[0]
        np.testing.assert_allclose(y, x[order], atol=1e-9)


def test_groups_of_one_give_what_the_search_for_variables_gives():
    for seed in range(5):
        A, b = design(seed, np.arange(60), n=80)
        loss = LeastSquares(A, b)
        *_, point = search(survey(loss), 8, EFFORTS["fast"], np.random.default_rng(0))
        x, fun, _ = solve(loss, 8, np.arange(60), "fast")
        assert fun == pytest.approx(point.value, rel=1e-9)
        np.testing.assert_allclose(x, point.x, atol=1e-8)


def glm(kind, seed, groups, n=80):
    rng = np.random.default_rng(seed)
    A, _, x = regression(seed, n, len(groups), correlation=0.6)
    eta = A @ x
    eta *= 1.5 / eta.std()
    b = (rng.random(n) < 1 / (1 + np.exp(-eta))) if kind is Logistic else rng.poisson(np.exp(eta / 2))
    return kind(A, b.astype(float), ridge=0.1, intercept=True)


@pytest.mark.parametrize("kind", [Logistic, Poisson])
@pytest.mark.parametrize("groups", [EQUAL, SCATTERED], ids=["equal", "unequal"])
def test_no_exchange_lowers_a_logistic_or_poisson_loss(kind, groups):
    for seed in range(4):
        loss = glm(kind, seed, groups)
        value, (x, fun, gain) = by_refit(loss, groups), solve(loss, 3, groups, "fast")
        chosen = groups_in(x, groups)
        assert len(chosen) == 3
        assert gain <= 0
        assert fun == pytest.approx(value(chosen), rel=1e-9)
        assert best_exchange(value, groups, chosen) >= fun * (1 - 1e-9)


def multinomial(seed, rows=10, classes=3):
    rng = np.random.default_rng(seed)
    A, x = rng.standard_normal((60, rows)), np.zeros((rows, classes))
    x[rng.choice(rows, 3, replace=False)] = rng.standard_normal((3, classes)) * 2
    return Multinomial(A, (A @ x + rng.gumbel(size=(60, classes))).argmax(axis=1), ridge=0.5)


def test_rows_of_a_multinomial_loss_are_chosen_as_well_as_by_all_refits():
    groups = np.repeat(np.arange(10)[:, None], 3, axis=1)
    for seed in range(2):
        loss = multinomial(seed)
        x, fun, gain = solve(loss, 2, groups)
        columns = [
            Multinomial(loss.A[:, list(pair)], loss.labels, ridge=0.5)
            for pair in itertools.combinations(range(10), 2)
        ]
        everything = np.zeros((2, 3), dtype=int)
        best = min(solve(part, 1, everything)[1] for part in columns)  # one group: nothing to choose
        assert (len(groups_in(x, groups)), gain) == (2, None)
        assert fun == pytest.approx(best, rel=1e-6)


def test_a_loss_of_values_and_gradients_reaches_what_least_squares_reaches():
    for seed in range(3):
        A, b = design(seed, SCATTERED)
        known = LeastSquares(A, b, ridge=1.0)
        loss = Smooth(known.value, known.gradient, np.zeros(A.shape[1]))
        x, fun, gain = solve(loss, 3, SCATTERED)
        assert gain is None
        assert len(groups_in(x, SCATTERED)) == 3
        assert fun == pytest.approx(solve(known, 3, SCATTERED)[1], rel=1e-6)


def test_a_start_that_is_better_is_not_lost():
    """Without exchanges left to it, the search still ends at the start that was given."""
    A, b = design(4, EQUAL)
    loss = LeastSquares(A, b)
    best = solve(loss, 3, EQUAL)[0]
    worse = np.isin(EQUAL, [0, 1, 2])
    for entries in (np.flatnonzero(best), np.flatnonzero(best)[:1], np.flatnonzero(worse)):
        found = search_groups(
            loss, 3, EQUAL, EFFORTS["fast"], np.random.default_rng(0), lambda: True, (entries,)
        )
        assert found[1] <= loss.value(loss.refit(np.isin(EQUAL, EQUAL[entries]))) * (1 + 1e-12)


@pytest.mark.parametrize(
    "make", [lambda: LeastSquares(*design(1, EQUAL)), lambda: glm(Logistic, 1, EQUAL)], ids=["flat", "curved"]
)
def test_time_that_is_up_ends_the_search_with_an_allowed_point(make):
    calls, loss = itertools.count(), make()
    for allowed in (0, 3, 10):
        calls = itertools.count()
        x, fun, _ = solve(loss, 3, EQUAL, "thorough", expired=lambda c=calls, a=allowed: next(c) >= a)
        assert len(groups_in(x, EQUAL)) <= 3
        assert fun <= loss.value(loss.start())
        assert next(calls) <= allowed + 10  # it stops asking soon after


@pytest.mark.parametrize(
    "loss", [LeastSquares(*design(0, EQUAL)), multinomial(0)], ids=["flat", "multinomial"]
)
def test_no_group_or_all_groups_may_be_asked_for(loss):
    zero = loss.start()
    groups = EQUAL if zero.ndim == 1 else np.repeat(np.arange(10)[:, None], 3, axis=1)
    np.testing.assert_array_equal(solve(loss, 0, groups)[0], zero)
    x = solve(loss, 50, groups)[0]
    assert np.abs(loss.gradient(x)).max() < 1e-5 * np.abs(loss.gradient(zero)).max()


def test_a_descent_whose_time_is_up_stays_and_claims_no_proof():
    landscape = FlatGroups(LeastSquares(*design(1, EQUAL)), EQUAL)
    start = landscape.settle(np.array([0, 1, 2]))
    assert descend(landscape, start, lambda: False)[0].value < start.value
    point, gain = descend(landscape, start, lambda: True)
    assert point is start
    assert gain is None


def test_a_response_of_zero_gives_zero():
    A, b = design(0, EQUAL)
    x, fun, gain = solve(LeastSquares(A, 0 * b), 3, EQUAL)
    assert (np.abs(x).max(), fun, gain) == (0, 0, 0)


def test_groups_of_another_shape_and_a_negative_k_are_refused():
    loss = LeastSquares(*design(0, EQUAL))
    with pytest.raises(ValueError, match=r"groups must have the shape of x \(24,\), got \(23,\)"):
        solve(loss, 3, EQUAL[1:])
    with pytest.raises(ValueError, match="k must be 0 or more, got -1"):
        solve(loss, -1, EQUAL)


def test_inputs_are_left_as_they_are():
    A, b = design(0, SCATTERED)
    groups, before = SCATTERED.copy(), (A.copy(), b.copy(), SCATTERED.copy())
    solve(LeastSquares(A, b), 3, groups)
    for after, copy in zip((A, b, groups), before, strict=True):
        np.testing.assert_array_equal(after, copy)
