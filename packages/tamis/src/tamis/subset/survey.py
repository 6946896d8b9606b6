"""Which landscape a loss has."""

from typing import Any

from tamis.subset.landscape import Curved, Flat, Landscape
from tamis.subset.own import OwnCurved, OwnFlat, looks_quadratic


def survey(loss: Any) -> Landscape:
    """Return the landscape of a loss on vectors."""
    if hasattr(loss, "hessian_diagonal"):
        return Flat(loss) if loss.quadratic else Curved(loss)
    return OwnFlat(loss) if looks_quadratic(loss) else OwnCurved(loss)
