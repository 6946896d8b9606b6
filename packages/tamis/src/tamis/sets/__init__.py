"""Sets with a cheap exact projection: ``project(y, metric=None)``, ``contains``, ``describe``."""

from tamis.sets.n_of_m import NofM
from tamis.sets.sparse import Sparse

__all__ = ["NofM", "Sparse"]
