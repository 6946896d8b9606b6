r"""The floating point operations of a run.

    a token, forward     2 M + 4 L S a        M parameters that multiply it, L blocks, S tokens a window,
                                              a the width of all heads
    forward + backward   3 times that: the 6 N + 12 L H Q T of PaLM (arXiv 2204.02311, appendix B)
    recompute            a forward pass through the blocks more: 4/3 where the head is small
    radius above 0       two passes a step: twice

M counts the output head, tied or not, and no embedding that is looked up (Kaplan et al. 2020, arXiv
2001.08361, section 2.1).  A causal attention needs half of its term, which is counted whole, as usual.
Not counted: norms and softmax, the optimiser (a few operations a parameter and step), the start
by ALPS, and the evaluations.  Of a mixture of experts all experts are counted: an upper bound.
"""

from tamis_torch.planning.network import Network


def flops_a_token(network: Network, seq_len: int, *, recompute: bool = False, radius: float = 0.0) -> int:
    """Return the operations of a training for each of its tokens."""
    attention = 4 * network.layers * seq_len * network.heads * network.head_dim
    forward = 2 * network.products + attention
    again = forward - 2 * network.vocabulary * network.hidden if recompute else 0
    return (3 * forward + again) * (2 if radius > 0 else 1)
