r"""The next-token loss, whose gradient takes one copy of the logits in their own dtype.

    loss  =  mean over windows i and t = 2 .. L of  -log softmax(x_i[t-1])[w_i[t]]         x the logits
    d loss / d x_i[t-1]  =  (softmax(x_i[t-1]) - e_{w_i[t]}) / (N (L - 1)),    0 of the last position

Both are computed in the forward pass, a few rows at a time in float32.  Alive are then the logits and the
gradient: of each token and word 4 bytes in bfloat16 and 8 in float32, where autograd's cross-entropy has
the log-softmax in float32, its gradient and that of the logits, 12 or more.  With few parameters to a word of
the vocabulary that is the most that a training holds.
"""

from itertools import product
from typing import Any, cast

import torch
from torch import Tensor

ENTRIES = 2**20  # taken to float32 at a time: 4 MiB


def next_token_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    """Return the mean loss of predicting each token but the first of its window, in nats, float32.

    Parameters
    ----------
    logits
        Of shape (windows, length, words), floating, of any dtype.
    tokens
        Their numbers, (windows, length), two or more a window.

    Notes
    -----
    One backward pass: the gradient lies in the memory that the first one gives away.
    """
    return cast(Tensor, _NextTokenLoss.apply(logits, tokens))  # type: ignore[no-untyped-call]


class _NextTokenLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, tokens: Tensor) -> Tensor:
        windows, length, words = logits.shape
        predictions = windows * (length - 1)
        gradient = torch.zeros_like(logits) if ctx.needs_input_grad[0] else None
        total = torch.zeros((), device=logits.device)
        step = max(1, ENTRIES // words)
        for window, first in product(range(windows), range(0, length - 1, step)):
            last = min(first + step, length - 1)
            wanted = tokens[window, first + 1 : last + 1, None]
            log_p = logits[window, first:last].log_softmax(1, dtype=torch.float32)
            total -= log_p.gather(1, wanted).sum()
            if gradient is not None:
                p = log_p.exp_()
                p.scatter_add_(1, wanted, p.new_full(wanted.shape, -1.0))
                gradient[window, first:last] = p.mul_(1 / predictions)
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return total / predictions

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return gradient.mul_(upstream[0]), None
