r"""The bytes of a training on one device of several, at the moments that may be its most.

Every tensor is cut along its first axis into equal chunks, of ceil(rows / devices) rows, as FSDP does:
the first device has the most.  What is alive only for a while is told of these moments::

    loss              activations of all blocks, the logits and their gradients
    block i backward  activations of the blocks 1 to i, gradients of the blocks i to L and of the head
    step              all gradients; tied embeddings have a second one, until the two are added
    update            all gradients, and the scores of an update of z and u

Where each parameter is stepped in the backward pass, the largest gradient stands for all.  Gathered, with
several devices, are whole the weights of two blocks and the gradients of one, and both of what lies
outside the blocks, which FSDP leaves together to the end.
"""

from typing import NamedTuple

from tamis_torch.planning.activations import Activations
from tamis_torch.planning.layouts import Layout, Part
from tamis_torch.planning.network import Network, entries

KEPT = ("weights", "masters", "moments", "state", "mask", "scales")  # all through the training
PASSING = ("gradients", "gathered", "activations", "temporaries")
AHEAD = 2  # blocks gathered at a time: the one at work and the next


class Moment(NamedTuple):
    """What is alive beside what is kept, in bytes; but for the name the fields are those of ``PASSING``."""

    name: str
    gradients: int = 0
    gathered: int = 0
    activations: int = 0
    temporaries: int = 0

    @property
    def total(self) -> int:
        """The sum."""
        return self.gradients + self.gathered + self.activations + self.temporaries


class Step(NamedTuple):
    """What a step of the training does."""

    activations: Activations
    recompute: bool = False
    carried: bool = False  # whether gradients of an earlier part are there from the beginning
    moved: bool = False  # whether the weights are kept beside those that a radius has moved


def kept(layout: Layout, network: Network, devices: int = 1, rank: int = 0) -> dict[str, int]:
    """Return the bytes by kind that a device keeps all through the training."""
    return {kind: _sum(layout, network, kind, devices, rank) for kind in KEPT}


def moments(layout: Layout, network: Network, step: Step, devices: int = 1) -> tuple[Moment, ...]:
    """Return what is alive for a while on the first device, at each moment that may be the most."""
    every = _sum(layout, network, "gradients", devices, 0)
    made = _Made(layout, network, devices)
    before = (made.all if made.alone else every) if step.carried else 0
    copies = _sum(layout, network, "weights", devices, 0) if step.moved else 0
    gathered = _gathered(layout, network) if devices > 1 else 0
    a, blocks = step.activations, network.layers
    inside = blocks * (a.inputs if step.recompute else a.block)
    again = a.block if step.recompute else 0
    added = layout.compute_bits == 16 and every > 0  # collected by masters after the pass, or added at once

    def backward(block: int) -> Moment:
        fresh = made.largest if step.carried and not added else made.behind(block)
        alive = inside * block // blocks + again + a.work
        return Moment(f"block {block} backward", before + fresh, gathered, alive, copies + layout.chunk)

    return (
        Moment("loss", before, gathered, inside + a.head + a.loss, copies),
        *(backward(block) for block in sorted({blocks, 1})),
        Moment("step", max(every, before) + made.twice, 0, 0, copies + layout.chunk),
        Moment("update", every, 0, 0, _update(layout, network, devices)),
    )


class _Made:
    """Bytes of the gradients as the backward pass makes them."""

    def __init__(self, layout: Layout, network: Network, devices: int) -> None:
        part = Part("gradients", layout.compute_bits)
        sizes = [(part.bytes_of(share(t.shape, devices)), t) for t in network.tensors]
        embeddings = part.bytes_of(share((network.vocabulary, network.hidden), devices))
        self.largest = max(size for size, _ in sizes)
        self.block = sum(size * t.times for size, t in sizes if t.place == "block") // network.layers
        outside = sum(size * t.times for size, t in sizes if t.place == "outside")
        self.head = outside if network.tied else outside - embeddings
        self.all = sum(size * t.times for size, t in sizes)
        self.blocks, self.alone = network.layers, layout.step_in_backward
        self.twice = embeddings if network.tied else 0
        if self.alone:
            self.twice += self.largest
            self.head = embeddings if network.tied else 0

    def behind(self, block: int) -> int:
        """Return the bytes alive while a block goes backward, its own among them."""
        return self.head + (self.largest if self.alone else (self.blocks - block + 1) * self.block)


def share(shape: tuple[int, ...], devices: int, rank: int = 0) -> int:
    """Return how many entries of a tensor a device has."""
    rows = shape[0] if shape else 1
    chunk = -(-rows // devices)
    return max(0, min(chunk, rows - rank * chunk)) * entries(shape[1:])


def _sum(layout: Layout, network: Network, kind: str, devices: int, rank: int) -> int:
    parts = [part for part in layout.parts if part.kind == kind]
    return sum(
        part.bytes_of(share(t.shape, devices, rank)) * t.times
        for t in network.tensors
        for part in parts
        if t.pruned or not part.pruned
    )


def _gathered(layout: Layout, network: Network) -> int:
    """Return the bytes of what is whole on each device."""
    outside = sum(entries(t.shape) * t.times for t in network.tensors if t.place == "outside")
    block = (network.parameters - outside) // network.layers
    return ((min(AHEAD, network.layers) + 1) * block + 2 * outside) * layout.compute_bits // 8


def _update(layout: Layout, network: Network, devices: int) -> int:
    """Return the bytes that an update of z and u needs for a moment: new masks, and a matrix's scores."""
    if layout.group is None:
        return 0
    pruned = [(share(t.shape, devices), t.times) for t in network.tensors if t.pruned]
    every, largest = sum(n * count for n, count in pruned), max(n for n, _ in pruned)
    masks = {"global": every, "block": every // network.layers}.get(layout.group, largest)
    return masks + layout.scoring * largest
