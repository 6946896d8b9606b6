r"""The Hessian of the mean loss of a network, as a product with a vector: two backward passes.

    f(w) = (1/n) sum_i loss(network(x_i; w), y_i)
    H v  = d/dw (f'(w) . v)  =  sum over batches (n_b / n) d/dw (f_b'(w) . v)          (Pearlmutter 1994)

Batches weigh by their size, so that H is that of all samples however they are cut into batches.  Vectors
hold the entries of a mask only, (m,): the product is that with H_SS, the rows and columns of the mask.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tamis_torch.errors import InputError, RunError

Batches = Iterable[tuple[Tensor, Tensor]]  # (inputs, targets), the first axis runs over the samples
Loss = Callable[[Tensor, Tensor], Tensor]  # of (outputs, targets): the mean over the samples
Product = Callable[[Tensor], Tensor]


class Entries(NamedTuple):
    """The weights whose Hessian is meant."""

    parameters: dict[str, nn.Parameter]
    places: Tensor  # int64, (m,): where they are in all parameters laid end to end
    like: Tensor  # empty, of the vectors' type (float64 if a weight is, else float32) and device


def entries_of(network: nn.Module, mask: Mapping[str, Tensor] | None) -> Entries:
    """Return the entries where the mask is True; a parameter without a mask is there whole.

    Raises
    ------
    InputError
        If the mask fits no parameter with a gradient, or nothing is left.
    """
    parameters, mask = trained(network), mask or {}
    check_masks(mask, parameters)
    free = [mask.get(name, torch.ones_like(p, dtype=torch.bool)) for name, p in parameters.items()]
    if not any(kept.any() for kept in free):
        raise InputError("network and mask must leave at least one weight free to move, got none")
    wide = any(p.dtype == torch.float64 for p in parameters.values())
    device = next(iter(parameters.values())).device
    like = torch.empty(0, dtype=torch.float64 if wide else torch.float32, device=device)
    places = torch.cat([kept.flatten().to(device) for kept in free]).nonzero().flatten()
    return Entries(parameters, places, like)


def hessian_product(network: nn.Module, batches: Batches, loss: Loss, entries: Entries) -> Product:
    """Return the function v -> H v, (m,) -> (m,); no ``.grad`` is touched.

    Raises
    ------
    InputError
        If the batches can be read once only; at the first product, if they are empty.
    RunError
        At a product that is not finite.
    """
    check_rereadable(batches)
    parameters = list(entries.parameters.values())

    def product(vector: Tensor) -> Tensor:
        direction, result, samples = list(spread(entries, vector).values()), torch.zeros_like(vector), 0
        for inputs, targets in on_device(network, batches):
            with torch.enable_grad():
                slope = _slope(loss(network(inputs), targets), parameters, direction)
            result += len(inputs) * _gather(entries, _gradient(slope, parameters))
            samples += len(inputs)
        if not samples:
            raise InputError("batches must hold at least one sample, got none")
        if not result.isfinite().all():
            raise RunError("a Hessian-vector product is not finite: the loss cannot be measured there")
        return result / samples

    return product


def spread(entries: Entries, vector: Tensor) -> dict[str, Tensor]:
    """Return a vector (m,) as tensors of the parameters' shapes, zero off the mask."""
    sizes = [p.numel() for p in entries.parameters.values()]
    flat = vector.new_zeros(sum(sizes))
    flat[entries.places] = vector
    parts = zip(entries.parameters.items(), torch.split(flat, sizes), strict=True)
    return {name: part.view_as(p).to(p) for (name, p), part in parts}


def trained(network: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that need a gradient, by name."""
    return {name: p for name, p in network.named_parameters() if p.requires_grad}


def on_device(network: nn.Module, batches: Batches) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the batches where the network's first parameter is."""
    device = next(network.parameters()).device
    for inputs, targets in batches:
        yield inputs.to(device), targets.to(device)


def check_rereadable(batches: Batches) -> None:
    """Refuse a generator."""
    if isinstance(batches, Iterator):
        kind = type(batches).__name__
        raise InputError(f"batches must be readable again and again, as a list or a loader is, got a {kind}")


def check_masks(mask: Mapping[str, Tensor], parameters: Mapping[str, nn.Parameter]) -> None:
    """Refuse a mask of something else, or of another shape or type."""
    for name, kept in mask.items():
        if name not in parameters:
            known = ", ".join(parameters) or "none"
            raise InputError(f"mask must name parameters that need a gradient ({known}), got {name!r}")
        need, got = tuple(parameters[name].shape), tuple(kept.shape)
        if need != got or kept.dtype != torch.bool:
            raise InputError(f"mask of {name} must be bool of shape {need}, got {kept.dtype} of shape {got}")


def _slope(value: Tensor, parameters: list[nn.Parameter], direction: list[Tensor]) -> Tensor:
    """Return f'(w) . v, with its graph."""
    gradients = torch.autograd.grad(value, parameters, create_graph=True, materialize_grads=True)
    return torch.stack([(g * v).sum() for g, v in zip(gradients, direction, strict=True)]).sum()


def _gradient(slope: Tensor, parameters: list[nn.Parameter]) -> list[Tensor]:
    """Return the gradient of the slope; it is zero if the slope is constant, as of a linear loss."""
    if not slope.requires_grad:
        return [torch.zeros_like(p) for p in parameters]
    return list(torch.autograd.grad(slope, parameters, materialize_grads=True))


def _gather(entries: Entries, tensors: list[Tensor]) -> Tensor:
    """Return the entries of tensors of the parameters' shapes, (m,)."""
    return torch.cat([t.flatten().to(entries.like) for t in tensors])[entries.places]
