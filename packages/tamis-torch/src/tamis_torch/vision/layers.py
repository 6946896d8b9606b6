"""Which weights of an image classifier are pruned: those of its convolutions and linear layers, all of them.

The first convolution and the last linear layer are among them, as in SAFE's paper; biases and norms are not.
"""

from torch import nn

from tamis_torch.errors import InputError
from tamis_torch.weights import chosen

KINDS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


def prunable(network: nn.Module, layers: str = "*", skip: str = "") -> dict[str, nn.Parameter]:
    """Return name -> weight of every convolution and linear layer.

    Parameters
    ----------
    network
    layers, skip
        Shell patterns, separated by commas, of the names of the layers to take and, of those, to leave
        out: ``"0,*.conv1"``.

    Raises
    ------
    InputError
        If there is none, or a pattern matches none.
    """
    names = [name for name, module in network.named_modules() if isinstance(module, KINDS)]
    if not names:
        raise InputError(f"{type(network).__name__} has no convolution and no linear layer to prune")
    return chosen(network, names, layers, skip)
