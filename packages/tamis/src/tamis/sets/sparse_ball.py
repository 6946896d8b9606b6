r"""At most k nonzeros in, or on, a Euclidean ball.

    project:  argmin_z  |z - y|^2   subject to  |z|_0 <= k,  |z|_2 <= radius   (or = radius)

On a support S the distance is least when ``y_S`` has the largest norm, in the ball and on the
sphere alike, so the k largest ``|y_i|`` are projected on the ball or the sphere; ties are kept by
lowest index (Luss & Teboulle, SIAM Review 2013, on sparse PCA).  In a metric the order of the
entries depends on the multiplier of the ball, so one is refused.  O(n).  Checked against all
supports in ``tests/core/test_nonconvex_sets.py``.
"""

from dataclasses import dataclass
from typing import ClassVar

from tamis.arrays import Variable, size
from tamis.sets.checks import refuse_metric
from tamis.sets.l2_ball import L2Ball
from tamis.sets.sparse import Sparse
from tamis.sets.sphere import Sphere

_WHY = "the best support then depends on the ball's multiplier"


@dataclass(frozen=True)
class SparseBall:
    """Arrays with at most ``k`` nonzeros and Euclidean norm at most ``radius``.

    Parameters
    ----------
    k : int or float
        A count, or a fraction in [0, 1] of all entries, as in :class:`tamis.sets.Sparse`.
    radius : float
        Finite and 0 or more.

    Raises
    ------
    ValueError, TypeError
        If ``k`` or ``radius`` is out of range or no number; on use, if a metric is given or
        ``k`` is more than there are entries.

    Examples
    --------
    >>> import numpy as np
    >>> SparseBall(2, 1.0).project(np.array([3.0, 1.0, -4.0]))
    array([ 0.6,  0. , -0.8])
    """

    convex: ClassVar[bool] = False

    k: int | float
    radius: float = 1.0

    def __post_init__(self) -> None:
        Sparse(self.k)
        L2Ball(self.radius)

    def support(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the mask of the entries that the projection of ``y`` keeps, exactly k of them."""
        refuse_metric("SparseBall", metric, _WHY)
        return Sparse(self.k).support(y)

    def project(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the point of the set nearest to ``y``.

        Parameters
        ----------
        y : array of any shape, or list of arrays
            Finite.  Integers become float64.
        metric : None
            Refused.
        """
        refuse_metric("SparseBall", metric, _WHY)
        return L2Ball(self.radius).project(Sparse(self.k).project(y))

    def within(self, support: Variable) -> L2Ball:
        """Return the set of the kept values: a ball."""
        return L2Ball(self.radius)

    def labels(self, shape: tuple[int, ...]) -> None:
        """Return which entries may take each other's place: None, as any may."""
        return None

    def contains(self, y: Variable) -> bool:
        """Return whether ``y`` has no more nonzeros than allowed and is in the ball."""
        return Sparse(self.k).contains(y) and L2Ball(self.radius).contains(y)

    def describe(self) -> str:
        """Return the set in words."""
        return f"{Sparse(self.k).describe()} and {L2Ball(self.radius).describe()}"


@dataclass(frozen=True)
class SparseSphere:
    """Arrays with at most ``k`` nonzeros and Euclidean norm exactly ``radius``.

    The feasible set of sparse PCA.  Its kept values form a sphere, which is not convex, so there
    is no ``within``.

    Parameters
    ----------
    k : int or float
        A count above 0, or a fraction, as in :class:`tamis.sets.Sparse`.
    radius : float
        Finite and above 0.

    Raises
    ------
    ValueError, TypeError
        If ``k`` or ``radius`` is out of range or no number; on use, if a metric is given,
        ``k`` is more than there are entries, or a fraction ``k`` comes to none.

    Examples
    --------
    >>> import numpy as np
    >>> SparseSphere(1).project(np.array([0.3, -0.5]))
    array([ 0., -1.])
    """

    convex: ClassVar[bool] = False

    k: int | float
    radius: float = 1.0

    def __post_init__(self) -> None:
        Sparse(self.k)
        Sphere(self.radius)
        if self.k == 0:
            raise ValueError(f"the set is empty: k = 0 allows no nonzero, but radius is {self.radius}")

    def project(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the point of the set nearest to ``y``.

        Parameters
        ----------
        y : array of any shape, or list of arrays
            Finite.  Integers become float64.
        metric : None
            Refused.
        """
        refuse_metric("SparseSphere", metric, _WHY)
        kept = Sparse(self.k).project(y)
        _require_one(Sparse(self.k), y, self.radius)
        return Sphere(self.radius).project(kept)

    def contains(self, y: Variable) -> bool:
        """Return whether ``y`` has no more nonzeros than allowed and the right norm."""
        return Sparse(self.k).contains(y) and Sphere(self.radius).contains(y)

    def describe(self) -> str:
        """Return the set in words."""
        return f"{Sparse(self.k).describe()} and {Sphere(self.radius).describe()}"


def _require_one(sparse: Sparse, y: Variable, radius: float) -> None:
    """Raise if a fraction of so few entries as ``y`` has comes to no entry at all."""
    n = size(y)
    if sparse.count(n) == 0:
        raise ValueError(f"the set is empty: k = {sparse.k} of {n} entries is none, but radius is {radius}")
