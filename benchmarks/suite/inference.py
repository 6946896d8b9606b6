"""What zeros are worth when a pruned model is used: times by those of the dense one, in one process.

tamis stores zeros and has no sparse product, so decoding by a pruned model takes the dense one's time;
the product shows what torch's own CSR format would make of it.
"""

import tempfile
from pathlib import Path
from typing import Any

from .clock import ratio_of_times
from .stated import ratio

SIDE, ZEROS = 1024, ["50%", "90%", "99%"]
TOKENS = 16
VERSION = "1"


@ratio("CSR / dense product", params=[ZEROS], param_names=["zeros"], version=VERSION, timeout=120)
def track_product_csr(zeros: str) -> float:
    """Return the time of torch's CSR product of a matrix and a vector by that of the dense product."""
    import torch

    torch.set_num_threads(1)
    draw = torch.Generator().manual_seed(0)
    dense = torch.randn((SIDE, SIDE), generator=draw)
    dense[torch.rand((SIDE, SIDE), generator=draw) < float(zeros[:-1]) / 100] = 0
    sparse, vector = dense.to_sparse_csr(), torch.randn(SIDE, generator=draw)
    if not torch.allclose(sparse @ vector, dense @ vector, atol=1e-3):
        raise AssertionError("torch's CSR product is not the dense one")
    return ratio_of_times(lambda: _often(sparse, vector), lambda: _often(dense, vector))


def _often(matrix: Any, vector: Any) -> None:
    for _ in range(20):
        matrix @ vector


@ratio("pruned / dense model", version=VERSION, timeout=180)
def track_decode() -> float:
    """Return the time of decoding by the demo's model at 90%, loaded from its run, by the dense one's."""
    import torch

    import tamis_torch as tt
    from tamis_torch.demo.run import demo_model

    torch.set_num_threads(1)
    dense, tokens = demo_model(), torch.zeros(600, dtype=torch.int64)
    with tempfile.TemporaryDirectory() as folder:
        tt.prune(demo_model(), tokens, tt.Magnitude(sparsity=0.9), out=Path(folder, "run"))
        pruned = tt.load(str(Path(folder, "run/model")))
    return ratio_of_times(lambda: _decode(pruned.model), lambda: _decode(dense.model), rounds=5)


def _decode(model: Any) -> None:
    import torch

    prompt = torch.ones((1, 8), dtype=torch.int64)
    model.generate(prompt, max_new_tokens=TOKENS, min_new_tokens=TOKENS, do_sample=False)
