"""The command line with the state that the paper's Elsa-L keeps (arXiv 2510.01650): z in FP8, u in bfloat16.

Ours keeps z - u as one tensor in one format: z on its support, -u off it.  The paper's formats differ
on the two, so here each update rounds the one to e4m3 and the other to bfloat16, both to nearest; what is
compared is the rounding, in tensors of float32.  The rest of its layout are options of the command::

    python benchmarks/studies/paper_layout.py prune MODEL --method elsa --sparsity 0.9 \
        --moments int8 --weights bfloat16 --rounding nearest --train TEXT --out RUN
"""

import torch

from tamis_torch.cli import main
from tamis_torch.splitting import Splitting
from tamis_torch.state import named

Z, U = named("fp8_e4m3", block=None), named("bfloat16")  # one scale a tensor for z
exact_update = Splitting.update


@torch.no_grad()
def rounded_update(self: Splitting, count: int) -> None:
    """Update z and u, then round them as the paper keeps them."""
    exact_update(self, count)
    for name in self.weights:
        target, kept = self.targets[name], self.kept[name]
        z, u = (torch.where(part, target, 0) for part in (kept, ~kept))
        target.copy_(Z.decode(Z.encode(z)) + U.decode(U.encode(u)))  # in place: the pull reads this tensor


Splitting.update = rounded_update  # type: ignore[method-assign]
if __name__ == "__main__":
    main()
