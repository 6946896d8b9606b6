"""The iteration's algebra, for every set and array library."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis import admm
from tamis.sets import NofM, Sparse

from .helpers import NAMESPACES, SETS, convert, entries, numpy_flat, weights


def draw(data, case, values=entries):
    return np.array(data.draw(st.lists(values, min_size=case.size, max_size=case.size)), dtype=float)


def state_of(xp, case, z, u):
    return admm.State(convert(xp, case.variable(z)), convert(xp, case.variable(u)))


@pytest.mark.parametrize("xp", NAMESPACES)
@pytest.mark.parametrize("case", SETS)
@pytest.mark.parametrize("weighted", [False, True], ids=["identity", "metric"])
@settings(max_examples=20)
@given(data=st.data())
def test_z_and_u_share_no_entry(case, xp, weighted, data):
    """After any update z + u = w + u_before to the last bit: each entry is in z or in u, never in both."""
    w, u, z = draw(data, case), draw(data, case), draw(data, case)
    metric = convert(xp, case.variable(draw(data, case, weights))) if weighted else None
    after = admm.dual_update(convert(xp, case.variable(w)), state_of(xp, case, z, u), case.set, metric)
    new_z, new_u = numpy_flat(after.z), numpy_flat(after.u)
    kept = numpy_flat(case.set.support(convert(xp, case.variable(w + u)), metric))
    np.testing.assert_array_equal(new_z, np.where(kept, w + u, 0))
    np.testing.assert_array_equal(new_u, np.where(kept, 0, w + u))


@pytest.mark.parametrize("xp", NAMESPACES)
@pytest.mark.parametrize("case", SETS)
def test_the_first_state_is_the_projection_and_a_zero_dual(case, xp):
    w = convert(xp, case.variable(np.linspace(-2, 3, case.size)))
    state = admm.init(w, case.set)
    np.testing.assert_array_equal(numpy_flat(state.z), numpy_flat(case.set.project(w)))
    assert not numpy_flat(state.u).any()


@pytest.mark.parametrize("xp", NAMESPACES)
@pytest.mark.parametrize("case", SETS)
@settings(max_examples=10)
@given(data=st.data(), old=st.floats(1e-3, 1e3), new=st.floats(1e-3, 1e3))
def test_rescaling_keeps_the_multiplier(case, xp, data, old, new):
    """``penalty * u`` stays, and z is not touched."""
    z, u = draw(data, case), draw(data, case)
    after = admm.rescale(state_of(xp, case, z, u), old, new)
    np.testing.assert_allclose(new * numpy_flat(after.u), old * u, rtol=1e-12)
    np.testing.assert_array_equal(numpy_flat(after.z), z)


@pytest.mark.parametrize("xp", NAMESPACES)
@pytest.mark.parametrize("case", SETS)
def test_penalty_gradient_is_the_gradient_of_the_penalty(case, xp):
    """Central differences of ``(penalty/2) |w - z + u|^2``, which are exact for a quadratic."""
    rng, penalty, h = np.random.default_rng(0), 0.7, 0.1
    w, z, u = (rng.standard_normal(case.size) for _ in range(3))
    found = admm.penalty_gradient(convert(xp, case.variable(w)), state_of(xp, case, z, u), penalty)

    def value(point):
        return penalty / 2 * np.sum((point - z + u) ** 2)

    differences = [(value(w + h * e) - value(w - h * e)) / (2 * h) for e in np.eye(case.size)]
    np.testing.assert_allclose(numpy_flat(found), differences, atol=1e-12)


@pytest.mark.parametrize("xp", NAMESPACES)
def test_the_penalty_draws_to_the_target(xp):
    """At ``w = z - u`` the penalty's gradient is zero."""
    state = admm.State(xp.asarray([1.0, 0.0]), xp.asarray([0.0, 0.5]))
    assert np.asarray(admm.target(state)).tolist() == [1.0, -0.5]
    assert not np.asarray(admm.penalty_gradient(admm.target(state), state, 3.0)).any()


@pytest.mark.parametrize("xp", NAMESPACES)
def test_residuals_are_the_norms_they_say(xp):
    """Primal ``|w - z|``, dual ``penalty |z - z_before|``, over all arrays of a list together."""
    zero = [xp.zeros(2), xp.zeros(1)]
    w = [xp.asarray([3.0, 1.0]), xp.asarray([4.0])]
    before = admm.State([xp.asarray([0.0, 1.0]), xp.asarray([0.0])], zero)
    after = admm.State([xp.asarray([0.0, 1.0]), xp.asarray([2.0])], zero)
    found = admm.residuals(w, before, after, 10.0)
    assert found.primal == pytest.approx(np.sqrt(9 + 4))
    assert found.dual == pytest.approx(20.0)


@pytest.mark.parametrize("constraint", [Sparse(0.5), NofM(2, 4)], ids=str)
@settings(max_examples=20)
@given(data=st.data())
def test_one_array_and_a_list_of_it_give_the_same(constraint, data):
    w, u = (np.array(data.draw(st.lists(entries, min_size=8, max_size=8))) for _ in range(2))
    one = admm.dual_update(w, admm.State(w, u), constraint)
    many = admm.dual_update([w], admm.State([w], [u]), constraint)
    np.testing.assert_array_equal(many.z[0], one.z)
    np.testing.assert_array_equal(many.u[0], one.u)


def test_one_threshold_over_a_list_is_that_of_the_arrays_laid_end_to_end():
    w = np.random.default_rng(0).standard_normal(12)
    whole = admm.init(w, Sparse(5)).z
    parts = admm.init([w[:4], w[4:].reshape(2, 4)], Sparse(5)).z
    np.testing.assert_array_equal(np.concatenate([parts[0], parts[1].reshape(-1)]), whole)


def run(xp, case, steps=20):
    """Iterate with one gradient step of ``1/2 |w - t|^2`` for w, and return the last state."""
    rng = np.random.default_rng(3)
    goal = convert(xp, case.variable(rng.standard_normal(case.size)))
    metric = convert(xp, case.variable(rng.uniform(0.5, 2, case.size)))
    w, state = goal, admm.init(goal, case.set, metric)
    for i in range(steps):
        pull = admm.penalty_gradient(w, state, 0.5)
        w = [a - 0.3 * ((a - t) + g) for a, t, g in zip(w, goal, pull, strict=True)] if case.is_list else (
            w - 0.3 * ((w - goal) + pull)
        )  # fmt: skip
        state = admm.rescale(admm.dual_update(w, state, case.set, metric), 1.0 + i, 2.0 + i)
    return state


@pytest.mark.parametrize("xp", NAMESPACES[1:])
@pytest.mark.parametrize("case", SETS)
def test_every_library_iterates_as_numpy_does(case, xp):
    """Twenty iterations end in the same support and in the same numbers up to rounding."""
    expected, found = run(NAMESPACES[0].values[0], case), run(xp, case)
    np.testing.assert_array_equal(numpy_flat(found.z) != 0, numpy_flat(expected.z) != 0)
    np.testing.assert_allclose(numpy_flat(found.z), numpy_flat(expected.z), rtol=1e-12)
    np.testing.assert_allclose(numpy_flat(found.u), numpy_flat(expected.u), rtol=1e-12)
