"""Elsa-L: Elsa in few bytes a parameter (arXiv 2510.01650, section 3.3).

The iteration and its equations are Elsa's; what differs is how its numbers are kept:

============================  ============  ===========  ==========
bytes a parameter             Elsa          the paper's  here
============================  ============  ===========  ==========
weights                       4             2            2
gradient                      4             2            freed at once: the largest one only
Adam's moments                8             2            2 + 1/256
z and u, of a pruned weight   4 + 1 (mask)  1 + 2        1 + 1/512 + 1/8 (mask)
============================  ============  ===========  ==========

z and u have disjoint supports, so one number and a bit keep both (:mod:`tamis_torch.packed`).  Numbers
of 8 bits are spaced by a power law and rounded stochastically (:mod:`tamis_torch.state.power`), bfloat16
weights are rounded stochastically after the step and the pull, evenly over the steps
(:mod:`tamis_torch.state.noise`), and each parameter is stepped in the
backward pass as soon as its gradient is there (:mod:`tamis_torch.in_backward`).
"""

from dataclasses import dataclass
from typing import Literal

from tamis_torch.methods.elsa import Elsa
from tamis_torch.state import Name
from tamis_torch.state.adam import Rounding


@dataclass(frozen=True, kw_only=True)
class ElsaL(Elsa):
    """Settings of a run of Elsa-L: Elsa's with other defaults for those below.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    weights: Literal["float32", "bfloat16"] = "bfloat16"
    """As Elsa's."""
    rounding: Literal["masters"] | Rounding = None  # type: ignore[assignment]
    """As Elsa's; by default "stochastic", with float32 weights none."""
    moments: Name = "power8"
    """As Elsa's."""
    state: Name = "power8"
    """As Elsa's."""
    in_backward: bool = None  # type: ignore[assignment]
    """As Elsa's; by default wherever that is possible."""

    def __post_init__(self) -> None:
        if self.rounding is None:
            object.__setattr__(self, "rounding", "stochastic" if self.weights == "bfloat16" else "masters")
        if self.in_backward is None:
            whole = self.has_masters or self.radius or "gradient" in (self.pull, self.metric)
            object.__setattr__(self, "in_backward", not whole)
        super().__post_init__()
