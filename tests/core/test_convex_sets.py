"""No point of a convex set is nearer than the projection: the variational inequality, and cvxpy.

The variational inequality (``convex_oracles.py``) is necessary and sufficient, so it stands alone
where cvxpy is not accurate: at huge and tiny scales, in float32, at metrics of very unequal entries.
"""

import cvxpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.arrays import as_list

from .convex_cases import CASES
from .helpers import NAMESPACES, convert, entries, numpy_flat, weights

pytestmark = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
namespaces = pytest.mark.parametrize("xp", NAMESPACES)
SCALES = st.sampled_from([1.0, 1e-150, 1e-8, 1e8, 1e150])


def draw(data, case, values=entries):
    return np.array(data.draw(st.lists(values, min_size=case.size, max_size=case.size)), dtype=float)


def draw_metric(data, case):
    """Return the diagonal of a metric, or None, always None where a set refuses it."""
    return draw(data, case, weights) if case.weighted and data.draw(st.booleans()) else None


def project(case, flat, diagonal=None, scale=1.0, xp=np):
    """Return the projection as arrays of ``xp``."""
    metric = None if diagonal is None else convert(xp, case.variable(diagonal))
    return case.make(scale).project(convert(xp, case.variable(flat)), metric)


def assert_nearest(case, y, z, diagonal, scale, eps):
    """Assert that z is in the set and that g = M (y - z) is in its normal cone there, up to rounding."""
    metric = np.ones(case.size) if diagonal is None else diagonal / diagonal.max()
    y, z = y / scale, z / scale  # the oracles work at scale 1
    outside, gain = case.oracle(z, metric * (y - z))
    length = 1 + max(np.abs(y).max(), np.abs(z).max())
    assert outside <= eps * length, (outside, length)
    assert gain <= eps * length * max(1, np.abs(metric * y).max(), np.abs(metric * z).max()), (gain, length)


@namespaces
@settings(max_examples=8)
@given(data=st.data())
def test_no_point_of_the_set_is_nearer(case, xp, data):
    scale = data.draw(SCALES)
    y, diagonal = draw(data, case) * scale, draw_metric(data, case)
    z = project(case, y, diagonal, scale, xp)
    assert case.make(scale).contains(z)
    assert_nearest(case, y, numpy_flat(z), diagonal, scale, eps=1e-12)


@namespaces
@settings(max_examples=4)
@given(data=st.data())
def test_no_point_of_the_set_is_nearer_in_float32(case, xp, data):
    """And float32 stays float32; the oracle sees the rounded result."""
    y = draw(data, case, st.sampled_from([0.0, 1.0, -1.0, 0.5]) | st.floats(-1e3, 1e3, width=32))
    y, diagonal = y.astype(np.float32), draw_metric(data, case)
    z = project(case, y, None if diagonal is None else diagonal.astype(np.float32), 1.0, xp)
    assert case.make(1.0).contains(z)
    assert numpy_flat(z).dtype == np.float32
    assert_nearest(case, y.astype(float), numpy_flat(z).astype(float), diagonal, 1.0, eps=1e-5)


def test_cvxpy_finds_the_same_point(case):
    """On random and on degenerate points: ties, zeros, points inside and on the boundary."""
    z, pull = cvxpy.Variable(case.size), cvxpy.Parameter(case.size)
    root = cvxpy.Parameter(case.size, nonneg=True)
    misfit = cvxpy.sum_squares(cvxpy.multiply(root, z) - pull)
    problem = cvxpy.Problem(cvxpy.Minimize(misfit), case.constraints(z))
    rng = np.random.default_rng(0)
    for i in range(8):
        y = rng.normal(size=case.size) * 2 if i < 5 else rng.integers(-1, 2, case.size).astype(float)
        if i == 4:
            y = numpy_flat(project(case, y))
        diagonal = rng.uniform(0.3, 3, case.size) if case.weighted and i % 2 else None
        root.value = np.ones(case.size) if diagonal is None else np.sqrt(diagonal)
        pull.value = root.value * y
        least = problem.solve(solver=cvxpy.CLARABEL)
        found = numpy_flat(project(case, y, diagonal))
        assert (root.value**2 * (found - y) ** 2).sum() == pytest.approx(least, rel=1e-6, abs=1e-6)
        np.testing.assert_allclose(found, z.value, atol=1e-3)


@settings(max_examples=8)
@given(data=st.data())
def test_projecting_twice_changes_nothing(case, data):
    diagonal = draw_metric(data, case)
    z = numpy_flat(project(case, draw(data, case), diagonal))
    again = numpy_flat(project(case, z, diagonal))
    np.testing.assert_allclose(again, z, rtol=0, atol=1e-12 * (1 + np.abs(z).max(initial=0)))


@settings(max_examples=8)
@given(data=st.data())
def test_the_projection_is_firmly_nonexpansive(case, data):
    """``|Pu - Pv|^2 <= <Pu - Pv, u - v>`` in the metric."""
    u, v, diagonal = draw(data, case), draw(data, case), draw_metric(data, case)
    weight = np.ones(case.size) if diagonal is None else diagonal / diagonal.max()
    step = numpy_flat(project(case, u, diagonal)) - numpy_flat(project(case, v, diagonal))
    left, right = (weight * step * step).sum(), (weight * step * (u - v)).sum()
    largest = max(1, np.abs(u).max(), np.abs(v).max())
    assert left <= right + 1e-12 * largest * max(1, np.abs(step).max())


@namespaces
def test_the_argument_is_left_as_it_was_and_not_handed_back(case, xp):
    flat, diagonal = np.linspace(-1, 2, case.size), np.linspace(1, 2, case.size)
    for start in (flat, numpy_flat(project(case, flat))):
        y, metric = (convert(xp, case.variable(part.copy())) for part in (start, diagonal))
        z = case.make(1.0).project(y, metric if case.weighted else None)
        np.testing.assert_array_equal(numpy_flat(y), start)
        np.testing.assert_array_equal(numpy_flat(metric), diagonal)
        for a, b in zip(as_list(y), as_list(z), strict=True):
            assert not np.shares_memory(np.asarray(a), np.asarray(b))


def test_far_outside_is_not_contained(case):
    """Nor are NaN and infinity; a point 1e-3 from the nearest of the set is outside."""
    constraint = case.make(1.0)
    far = np.linspace(-50, 50, case.size) ** 2 * np.resize([1, -1, 1, 1], case.size) - 7
    distance = np.abs(numpy_flat(project(case, far)) - far).max()
    assert constraint.contains(case.variable(far)) == (distance == 0)
    near = numpy_flat(project(case, far)) + 1e-3 * np.sign(far)
    away = np.abs(numpy_flat(project(case, near)) - near).max()
    assert constraint.contains(case.variable(near)) == (away < 1e-9)
    for bad in (np.nan, np.inf, -np.inf):
        assert not constraint.contains(case.variable(np.full(case.size, bad)))


def test_integers_become_float64(case):
    y = np.arange(case.size) % 3 - 1
    z = case.make(1.0).project(case.variable(y))
    if case.name != "everything":
        assert numpy_flat(z).dtype == np.float64
    np.testing.assert_array_equal(numpy_flat(z), numpy_flat(project(case, y.astype(float))))


def test_the_set_is_convex_and_describes_itself(case):
    constraint = case.make(1.0)
    assert constraint.convex is True
    assert isinstance(constraint.describe(), str)
    assert constraint.describe()
