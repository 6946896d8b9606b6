"""The same on a GPU: what is kept there is what is kept here."""

import pytest
import torch

from tamis.select import keep_largest
from tamis_torch import Elsa, SparseGPT, Wanda, inspect, prune
from tamis_torch.inspection import matrices

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_same_entries_are_kept_on_both_devices_ties_included(dtype):
    scores = torch.randint(0, 50, (1000,), generator=torch.Generator().manual_seed(0)).to(dtype)
    here, there = keep_largest(scores, 313), keep_largest(scores.cuda(), 313)
    assert torch.equal(here, there.cpu())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_run_on_the_gpu_is_exact_too(dtype, tiny_folder, tiny_text, tmp_path):
    config = Elsa(sparsity=0.9, steps=12, batch_size=2, seq_len=16)
    run = prune(tiny_folder, tiny_text, config, out=tmp_path / "run", device="cuda", dtype=dtype)
    for row in matrices(inspect(run.folder)):
        assert row.nonzeros == round(0.1 * row.entries)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("method", [Wanda, SparseGPT])
def test_blocks_are_pruned_on_the_gpu_as_exactly(method, dtype, tiny_folder, tiny_text, tmp_path):
    config = method(sparsity=0.9, samples=12, seq_len=16)
    run = prune(tiny_folder, tiny_text, config, out=tmp_path / "run", device="cuda", dtype=dtype)
    for row in matrices(inspect(run.folder)):
        assert row.nonzeros == round(0.1 * row.entries)
