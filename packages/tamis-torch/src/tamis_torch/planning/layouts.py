r"""How many bits of a parameter a method keeps, as data: the one place for it.

Bytes a parameter, those of z and u for the pruned ones (float32 scales a block of 2048 entries as 1/512):

=============================  =======  =======  =========  ===========  ===========  ====
settings                       weights  masters  gradients  moments      z and u      mask
=============================  =======  =======  =========  ===========  ===========  ====
dense                          4                 4          8
finetune                       4                 4          8                         1
elsa                           4                 4          8            4 (z - u)    1
elsa, bfloat16 and masters     2        4        4          8            4            1
elsa-l-paper                   2                 2          2            1 (z) 2 (u)
elsa-l                         2                 largest    2 (1+1/512)  1 + 1/512    1/8
=============================  =======  =======  =========  ===========  ===========  ====

"elsa-l-paper" is what arXiv 2510.01650 counts: 9 bytes, its scales left out.  In "elsa-l" each
parameter is stepped in the backward pass as soon as its gradient is there: only one gradient is alive,
unless those of several parts of a step are added up (``accumulate``).
z and u share a tensor by their disjoint supports, see :mod:`tamis_torch.packed`.  The tests compare the
rows, and other settings, with the tensors that the optimisers really hold.
"""

from dataclasses import dataclass
from typing import NamedTuple

from tamis_torch.few_bits import CHUNK
from tamis_torch.methods.elsa import Elsa
from tamis_torch.methods.finetune import Finetune
from tamis_torch.methods.schedule import Training
from tamis_torch.state import BLOCK, named

SCALE_BITS = 32
# What passes in a moment, in bytes as measured on a CPU (resident memory, 11 and 25 M pruned entries):
STEP_BYTES = 34  # of an entry of the chunk of a step in few bits
SCORE_BYTES = {
    "float32": 10,
    "row": 22,
    "few bits": 45,
}  # of an entry of the matrix whose z and u are updated


class Part(NamedTuple):
    """One tensor of a parameter's state."""

    kind: str  # weights, masters, gradients, moments, state, mask or scales
    bits: int  # of an entry
    pruned: bool = False  # whether only pruned matrices have it

    def bytes_of(self, entries: int) -> int:
        """Return the bytes for so many entries of one parameter on one device."""
        size = -(-entries // BLOCK) * self.bits if self.kind == "scales" else entries * self.bits
        return -(-size // 8)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What is kept of a parameter, and what a step has beside it for a while."""

    name: str
    parts: tuple[Part, ...]
    step_in_backward: bool = False
    """Whether each gradient is freed as soon as it is there."""
    group: str | None = None
    """The budget whose new masks, of a byte an entry, are alive together in an update of z and u."""
    scoring: int = 0
    """Bytes an entry of the largest pruned matrix, in such an update."""
    chunk: int = 0
    """Bytes of a step's temporaries, whatever the model."""

    @property
    def compute_bits(self) -> int:
        """Bits of the weights that the model computes with, and of the gradients it makes."""
        return next(part.bits for part in self.parts if part.kind == "weights")

    @property
    def saved_bits(self) -> int:
        """Bits of a weight in the saved model."""
        return max(part.bits for part in self.parts if part.kind in ("weights", "masters"))

    def bytes_a_parameter(self) -> float:
        """Return the bytes of an entry of a large pruned matrix, without a gradient that is alone."""
        return sum(p.bits / BLOCK if p.kind == "scales" else p.bits for p in self.parts) / 8


PAPER = Layout(
    name="elsa-l-paper",
    parts=(
        Part("weights", 16), Part("gradients", 16), Part("moments", 8), Part("moments", 8),
        Part("state", 8, pruned=True), Part("state", 16, pruned=True),
    ),
    group="tensor", scoring=SCORE_BYTES["few bits"], chunk=CHUNK * STEP_BYTES,
)  # fmt: skip


def layout_of(name: str, config: Training) -> Layout:
    """Return the layout of a training with these settings."""
    weights = 16 if config.weights == "bfloat16" else 32
    parts = [Part("weights", weights)]
    if config.has_masters:
        parts.append(Part("masters", 32))
    elif config.rounding == "compensated":
        parts.append(Part("weights", 8))
    if not config.in_backward:
        parts.append(Part("gradients", 32 if config.has_masters else weights))
    parts += 2 * _kept("moments", config.moments)
    if isinstance(config, Elsa):
        parts += _kept("state", config.state, pruned=True)
        parts.append(Part("mask", 8 if config.state == "float32" else 1, pruned=True))
        if config.metric == "gradient":
            parts.append(Part("moments", 32 if config.has_masters else weights, pruned=True))
    elif isinstance(config, Finetune):
        parts.append(Part("mask", 8, pruned=True))
    elsa = config if isinstance(config, Elsa) else None
    return Layout(
        name=name, parts=tuple(parts), step_in_backward=config.in_backward,
        group=elsa.budget if elsa else None, scoring=_scoring(elsa) if elsa else 0,
        chunk=CHUNK * STEP_BYTES if config.in_few_bits else 0,
    )  # fmt: skip


def _scoring(config: Elsa) -> int:
    if config.in_few_bits or config.state != "float32":
        return SCORE_BYTES["few bits"]
    return SCORE_BYTES["row" if config.budget == "row" else "float32"]


def _kept(kind: str, name: str, pruned: bool = False) -> list[Part]:
    """Return the codes of a format, and their scales if it has any."""
    kept = named(name)
    parts = [Part(kind, 8 * kept.dtype.itemsize, pruned)]
    return [*parts, Part("scales", SCALE_BITS, pruned)] if kept.scaled else parts
