r"""The bytes that a forward pass leaves for the backward pass, for blocks such as Llama's.

With e bytes a number (4, or 2 in bfloat16), h the hidden width, a that of all heads, k that of the keys,
m that of the MLP, a block keeps of each token::

    norms    h (4 + e) + 4 each        its input in float32, and the normalised one
    inputs   2 e h                     of the attention and of the MLP; 5 e h under autocast, a copy a layer
    heads    e (2 a + 2 k) + 4 heads   queries, keys, values, output, the softmax's sums
    MLP      4 e m, ungated 2 e m

Attention is fused, as PyTorch's is; where a model asks for the eager one its scores come on top.  At the
end stand the last norm and the logits with their gradient, 2 e a token and word of the vocabulary
(:mod:`tamis_torch.next_token`).  With ``recompute`` a block keeps its input, h numbers, and one block at a
time has all of it.

What tests count (``tests/torch/test_plan.py``) are the tensors that autograd saves; other
architectures differ by what their blocks add.  What the allocator cannot use again is not in it.
"""

from typing import NamedTuple

from tamis_torch.planning.network import Network


class Activations(NamedTuple):
    """Bytes on one device."""

    block: int  # of one block, kept or computed anew
    inputs: int  # of the input of one block, what recompute keeps
    head: int  # behind the last block, without the logits
    loss: int  # of the logits and their gradients at their most
    work: int  # gradients of activations, while one block goes backward


def activations(network: Network, windows: int, seq_len: int, *, bits: int, autocast: bool) -> Activations:
    """Return the bytes for one forward pass of ``windows`` of ``seq_len`` tokens.

    Parameters
    ----------
    network, windows, seq_len
    bits
        Of the weights.
    autocast
        Whether float32 weights compute in bfloat16, of which a copy of each linear weight is kept too.
    """
    tokens = windows * seq_len
    e = 2 if autocast or bits == 16 else 4
    stream = 4 if autocast else e  # bytes of the residual stream
    h, wide = network.hidden, network.heads * network.head_dim
    narrow = (network.heads if network.eager else network.kv_heads) * network.head_dim
    norm = h * (4 + stream) + 4
    mlp = (4 if network.gated else 2) * e * network.inner
    block = network.norms * norm + (5 if autocast else 2) * e * h + mlp
    block += e * (2 * wide + 2 * narrow) + (
        _scores(network, seq_len, e) if network.eager else 4 * network.heads
    )
    copies = 2 * network.pruned // network.layers if autocast else 0
    capped = e * network.vocabulary if network.capped else 0
    return Activations(
        block=tokens * block + copies,
        inputs=tokens * h * stream,
        head=tokens * (norm + e * h),
        loss=tokens * (2 * e * network.vocabulary + capped),
        work=tokens * (3 * e * network.inner + 2 * 4 * h),
    )


def _scores(network: Network, seq_len: int, e: int) -> int:
    """Return the bytes of a token's scores: softmax in float32, its copy, and the tanh if there is one."""
    return network.heads * seq_len * (4 + (e if e == 2 else 0) + (e if network.capped else 0))
