"""Rank and orthonormal columns: no supports to try, so eigenvalues and points nearby are the oracles."""

import numpy as np
import pytest

from tamis.sets import LowRank, PSDLowRank, Stiefel

from .helpers import NAMESPACES
from .nonconvex_cases import CASES

NAN = float("nan")
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def matrices(seed, *shape):
    rng = np.random.default_rng(seed)
    for scale in (1.0, 1.0, 1e150, 1e-150):
        yield rng, scale, scale * rng.standard_normal(shape)


def assert_nearer_than(z, y, others):
    scale = np.abs(y).max()
    best = np.linalg.norm((z - y) / scale)
    for other in others:
        assert best <= np.linalg.norm((other - y) / scale) * (1 + 1e-12)


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_low_rank_is_as_near_as_the_eigenvalues_of_the_gram_matrix_say(rank):
    """The squared distance is the sum of the least eigenvalues of Y Y^T; no perturbed product is nearer."""
    for rng, scale, y in matrices(rank, 3, 5):
        z = LowRank(rank).project(y)
        assert LowRank(rank).contains(z)
        assert np.linalg.matrix_rank(z) <= rank
        tail = np.linalg.eigvalsh((y / scale) @ (y / scale).T)[: 3 - rank].sum()
        assert np.sum(((z - y) / scale) ** 2) == pytest.approx(tail, abs=1e-12)
        U, s, Vt = np.linalg.svd(z)
        left, right = U[:, :rank] * s[:rank], Vt[:rank]
        near = [
            (left + step * scale * rng.standard_normal(left.shape))
            @ (right + step * rng.standard_normal(right.shape))
            for step in (1e-3, 0.1, 1.0)
            for _ in range(10)
        ]
        assert_nearer_than(z, y, near)
        np.testing.assert_allclose(LowRank(rank).project(z), z, rtol=0, atol=1e-14 * scale * 10)


@pytest.mark.parametrize("rank", [0, 1, 2, 4])
def test_semidefinite_low_rank_is_nearer_than_any_gram_matrix_tried(rank):
    """The squared distance is what is dropped: antisymmetric part, negative and small eigenvalues."""
    for rng, scale, y in matrices(10 + rank, 4, 4):
        z = PSDLowRank(rank).project(y)
        assert PSDLowRank(rank).contains(z)
        np.testing.assert_array_equal(z, z.T)
        unit = y / scale
        eigenvalues = np.linalg.eigvalsh((unit + unit.T) / 2)
        eigenvalues[4 - rank :] = np.minimum(eigenvalues[4 - rank :], 0)
        dropped = np.sum(((unit - unit.T) / 2) ** 2) + np.sum(eigenvalues**2)
        assert np.sum(((z - y) / scale) ** 2) == pytest.approx(dropped, rel=1e-12)
        values, vectors = np.linalg.eigh(z / scale)
        root = (vectors * np.sqrt(np.maximum(values, 0)))[:, 4 - rank :]
        near = [root + step * rng.standard_normal(root.shape) for step in (1e-3, 0.1, 1.0) for _ in range(10)]
        assert_nearer_than(z, y, [scale * (B @ B.T) for B in near])


def test_orthonormal_columns_are_nearer_than_any_tried():
    """Random ones, ones nearby, and in the plane every angle of both orientations."""
    for rng, _, y in matrices(20, 4, 2):
        z = Stiefel().project(y)
        assert Stiefel().contains(z)
        tried = [
            np.linalg.qr(z + step * rng.standard_normal(z.shape))[0]
            for step in (1e-3, 0.1, 9)
            for _ in range(9)
        ]
        tried = [q * np.sign(np.sum(q * z, axis=0)) for q in tried]
        scale = np.abs(y).max()  # the distance to a huge y says nothing: compare the inner products
        assert all(np.sum(z * y / scale) >= np.sum(q * y / scale) * (1 - 1e-12) for q in tried)
    y = np.random.default_rng(21).standard_normal((2, 2))
    turns = [np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) for t in np.linspace(0, 7, 500)]
    assert_nearer_than(Stiefel().project(y), y, turns + [turn @ np.diag([1, -1]) for turn in turns])


@pytest.mark.parametrize("xp", NAMESPACES)
@pytest.mark.parametrize("constraint", [LowRank(1), PSDLowRank(2), Stiefel()], ids=str)
def test_matrix_sets_serve_every_library_and_type(constraint, xp):
    y = np.random.default_rng(22).standard_normal((3, 3))
    expected = constraint.project(y)
    for dtype, rounding in ((xp.float64, 1e-12), (xp.float32, 1e-5)):
        argument = xp.asarray(y.copy(), dtype=dtype)
        z = constraint.project(argument)
        assert z.dtype == dtype
        assert constraint.contains(z)
        np.testing.assert_allclose(np.asarray(z), expected, rtol=0, atol=rounding)
        np.testing.assert_array_equal(np.asarray(argument), y.astype(np.asarray(argument).dtype))
    assert constraint.convex is False


def test_matrix_sets_know_their_members():
    wide = np.diag([2.0, 1, 0])
    assert [LowRank(r).contains(wide) for r in (0, 1, 2, 3)] == [False, False, True, True]
    assert [PSDLowRank(r).contains(wide) for r in (0, 1, 2, 3)] == [False, False, True, True]
    assert not PSDLowRank(3).contains(np.diag([2.0, 1, -1]))
    assert not PSDLowRank(3).contains(wide + np.eye(3, k=1))
    assert Stiefel().contains(np.eye(3)[:, :2])
    assert not Stiefel().contains(2 * np.eye(3))
    assert LowRank(0).contains(np.zeros((2, 0)))
    for constraint in (LowRank(1), PSDLowRank(1), Stiefel()):
        assert not constraint.contains(np.full((2, 2), NAN))


def test_a_degenerate_matrix_still_goes_to_a_point_of_the_set():
    """Zeros, equal singular values, integers."""
    for y in (np.zeros((3, 3)), np.eye(3), np.ones((3, 3), dtype=int)):
        for constraint in (LowRank(2), PSDLowRank(2), Stiefel()):
            assert constraint.contains(constraint.project(y))
    assert LowRank(0).project(np.zeros((0, 3))).shape == (0, 3)
