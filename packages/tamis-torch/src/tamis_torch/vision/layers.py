"""Which weights of an image classifier are pruned: those of its convolutions and linear layers, all of them.

The first convolution and the last linear layer are among them, as in SAFE's paper; biases and norms are not.
"""

from torch import nn

from tamis_torch.errors import InputError
from tamis_torch.layer_names import chosen

KINDS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


def left_dense(network: nn.Module) -> list[str]:
    """Return the names of trained weights with two axes or more that no pruning takes: of other layers."""
    taken = {id(module.weight) for module in network.modules() if isinstance(module, KINDS)}
    found = {id(p): name for name, p in network.named_parameters() if p.requires_grad and p.ndim > 1}
    return [name for key, name in found.items() if key not in taken]


def prunable(network: nn.Module, layers: str = "*", skip: str = "") -> dict[str, nn.Parameter]:
    """Return name -> weight of every convolution and linear layer that is trained; one that is shared once.

    Parameters
    ----------
    network
    layers, skip
        Shell patterns, separated by commas, of the names of the layers to take and, of those, to leave
        out: ``"0,*.conv1"``.

    Raises
    ------
    InputError
        If there is none, a pattern matches none, or a weight is computed from other parameters.
    """
    found = {name: module.weight for name, module in network.named_modules() if isinstance(module, KINDS)}
    if computed := [name for name, weight in found.items() if not isinstance(weight, nn.Parameter)]:
        raise InputError(
            f"network must have its weights as parameters, that of {computed[0]} is computed from others; "
            "take the parametrization off, such as weight_norm"
        )
    first = {id(weight): name for name, weight in reversed(found.items())}
    names = [name for name, weight in found.items() if weight.requires_grad and first[id(weight)] == name]
    if not names:
        raise InputError(
            f"{type(network).__name__} has no convolution and no linear layer to prune that is trained"
        )
    return chosen(network, names, layers, skip)
