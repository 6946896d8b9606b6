"""Theorem 4: one tensor and a mask hold z and u, in the order w, z, u and not in the other."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tamis import admm
from tamis.sets import NofM, Sparse
from tamis_torch.packed import add_dual, split
from tamis_torch.state import NAMES, named

from .quadratics import quadratic, start, zwu

vectors = st.lists(st.floats(-1e3, 1e3, width=32), min_size=8, max_size=8).map(
    lambda x: np.array(x, dtype="f4")
)
sets = st.sampled_from([Sparse(3), Sparse(0), Sparse(8), NofM(2, 4), NofM(1, 4)])


@given(w=vectors, z=vectors, u=vectors, constraint=sets, factor=st.floats(1e-2, 1e2))
def test_the_mask_and_the_sum_give_z_and_u_back_exactly(w, z, u, constraint, factor):
    """To the bit, also after the penalty was changed."""
    after = admm.rescale(admm.dual_update(w, admm.State(z, u), constraint), factor, 1.0)
    mask, total, drawn = constraint.support(w + u), after.z + after.u, admm.target(after)
    assert not ((after.z != 0) & (after.u != 0)).any()
    np.testing.assert_array_equal(np.where(mask, total, 0), after.z)
    np.testing.assert_array_equal(np.where(mask, 0, total), after.u)
    np.testing.assert_array_equal(np.where(mask, 0, -drawn), after.u)


@given(w=vectors, before=vectors, constraint=sets)
def test_the_packed_update_is_that_of_the_two_tensors(w, before, constraint):
    mask = constraint.support(before)
    state = admm.State(np.where(mask, before, 0), np.where(mask, 0, before))
    after = admm.dual_update(w, state, constraint)
    target, kept = torch.from_numpy(admm.target(state)), torch.from_numpy(mask)
    add_dual("wzu", torch.from_numpy(w), target, kept)
    chosen = torch.from_numpy(constraint.support(target.numpy()))
    split("wzu", torch.from_numpy(w), target, chosen)
    np.testing.assert_array_equal(target.numpy(), admm.target(after))


@pytest.mark.parametrize("name", NAMES)
@given(w=vectors, u=vectors, constraint=sets)
def test_rounding_keeps_it_if_the_dual_comes_first(name, w, u, constraint):
    """Each format leaves zero alone, so rounded z and rounded u do not overlap either."""
    form, zero = named(name, block=None), np.zeros(8, dtype="f4")
    after = admm.dual_update(w, admm.State(zero, u), constraint)
    z, u = (form.decode(form.encode(torch.from_numpy(x.astype("f4")))).numpy() for x in after)
    mask = constraint.support(after.z + after.u)
    np.testing.assert_array_equal(np.where(mask, z + u, 0), z)
    np.testing.assert_array_equal(np.where(mask, 0, z + u), u)


@pytest.mark.parametrize("name", ["bfloat16", "fp8_e4m3", "fp8_e5m2", "int8", "power8"])
def test_a_dual_computed_from_the_rounded_z_overlaps_it(name):
    w, form = torch.tensor([1.0, 0.77, -0.63, 0.1]), named(name, block=None)
    z = form.decode(form.encode(w * torch.tensor([1.0, 1.0, 1.0, 0.0])))
    u = w - z
    assert bool(((z != 0) & (u != 0)).any())


def test_in_the_order_z_w_u_the_dual_covers_what_is_kept():
    """Every kept entry has a dual: packing is not for theorem 5's order."""
    rng = np.random.default_rng(0)
    f, constraint = quadratic(rng, 8, 0.0, 1.0), Sparse(3)
    at = start(rng, f, 3.0, constraint)
    for _ in range(5):
        at = zwu(f, 3.0, constraint, at)
    assert ((at.z != 0) & (at.u != 0)).sum() == 3


@given(w=vectors, z=vectors, u=vectors)
def test_the_order_z_w_u_needs_the_target_alone(w, z, u):
    np.testing.assert_allclose(u + (w - z), w - admm.target(admm.State(z, u)), atol=1e-3)
