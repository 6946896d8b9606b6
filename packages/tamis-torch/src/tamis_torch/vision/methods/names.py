"""The methods on images by the names that users give them."""

from typing import Any

from tamis_torch.vision.methods.admm import Admm
from tamis_torch.vision.methods.dense import Dense
from tamis_torch.vision.methods.gradual import Gradual, GradualSam
from tamis_torch.vision.methods.iterative import Iterative
from tamis_torch.vision.methods.magnitude import Magnitude
from tamis_torch.vision.methods.safe import Safe
from tamis_torch.vision.methods.sam import Sam

KINDS: dict[str, type[Any]] = {
    "safe": Safe,
    "admm": Admm,
    "gmp-sam": GradualSam,
    "gmp": Gradual,
    "imp": Iterative,
    "magnitude": Magnitude,
    "sam": Sam,
    "dense": Dense,
}


def name_of(method: object) -> str | None:
    """Return the name of the method that these settings are of, None if of none."""
    return next((name for name, kind in KINDS.items() if type(method) is kind), None)
