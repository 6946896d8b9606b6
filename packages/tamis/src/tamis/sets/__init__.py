"""Sets with a cheap exact projection: ``project(y, metric=None)``, ``contains``, ``describe``."""

from tamis.sets.affine import Affine
from tamis.sets.binary import Binary, KHot, Levels
from tamis.sets.block_sparse import Blocks, blocks
from tamis.sets.box import Box, Nonnegative
from tamis.sets.everything import Everything
from tamis.sets.group_sparse import GroupSparse
from tamis.sets.half_space import HalfSpace
from tamis.sets.l1_ball import L1Ball
from tamis.sets.l2_ball import L2Ball
from tamis.sets.linf_ball import LinfBall
from tamis.sets.low_rank import LowRank
from tamis.sets.monotone import Monotone
from tamis.sets.n_of_m import NofM
from tamis.sets.nuclear_ball import NuclearBall
from tamis.sets.product import Product
from tamis.sets.psd import PSD
from tamis.sets.psd_low_rank import PSDLowRank
from tamis.sets.second_order_cone import SecondOrderCone
from tamis.sets.simplex import Simplex
from tamis.sets.sparse import Sparse
from tamis.sets.sparse_ball import SparseBall, SparseSphere
from tamis.sets.sparse_box import SparseBox, SparseNonnegative
from tamis.sets.sparse_simplex import SparseSimplex
from tamis.sets.sparse_sum import SparseSum
from tamis.sets.sphere import Sphere
from tamis.sets.stiefel import Stiefel

__all__ = [
    "PSD",
    "Affine",
    "Binary",
    "Blocks",
    "Box",
    "Everything",
    "GroupSparse",
    "HalfSpace",
    "KHot",
    "L1Ball",
    "L2Ball",
    "Levels",
    "LinfBall",
    "LowRank",
    "Monotone",
    "NofM",
    "Nonnegative",
    "NuclearBall",
    "PSDLowRank",
    "Product",
    "SecondOrderCone",
    "Simplex",
    "Sparse",
    "SparseBall",
    "SparseBox",
    "SparseNonnegative",
    "SparseSimplex",
    "SparseSphere",
    "SparseSum",
    "Sphere",
    "Stiefel",
    "blocks",
]
