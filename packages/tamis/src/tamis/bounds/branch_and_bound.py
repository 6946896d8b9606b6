"""Best-subset least squares to proof: best-first branch and bound on the perspective relaxation.

    minimise  f(x) = 1/2 |A x - b|^2 + (ridge/2) |x|^2   subject to  |x|_0 <= k

A node fixes some variables in and some out.  Its bound is the dual of :mod:`tamis.bounds.perspective`,
started where its parent's ended; :mod:`tamis.bounds.screening` fixes what that dual already decides, which
at the root drops most columns for good.  Every node's z, rounded and refitted, may be a better
incumbent.  The node of least bound is next, and branches on the variable whose z is nearest to 1/2.

The tree and the relaxation as in Hazimeh, Mazumder & Saab, Math. Program. 2022 (l0bnb), who
penalise the count instead of bounding it, and Bertsimas & Van Parys, Ann. Stat. 2020.
"""

import heapq
import math
import time
from typing import Any, NamedTuple

import numpy as np

from tamis.arrays import require_integer
from tamis.bounds.budget import FREE, IN, OUT, Node
from tamis.bounds.lower import bound_node, relative_gap, require_count, require_point
from tamis.bounds.ridge_problem import Floats, RidgeProblem, ridge_problem
from tamis.bounds.screening import branching_variable, screen

ROOT_TOL = 1e-5  # of b'b; the root screens for all nodes, so it is not left early


class Search(NamedTuple):
    """What a search found and proved.

    Parameters
    ----------
    x : array, shape (p,)
        The best point found.
    bound : float
        No k-sparse point has a smaller f.
    gap : float
        ``(f(x) - bound) / f(x)``, 0 where f(x) is 0.
    nodes : int
        How many relaxations were solved.
    proved : bool
        Whether ``f(x) - bound`` is at most ``gap_tol f(x)``, or what float64 can tell apart.
    """

    x: Floats
    bound: float
    gap: float
    nodes: int
    proved: bool


class _Best(NamedTuple):
    x: Floats
    value: float
    cutoff: float  # a node whose bound reaches this holds nothing worth having


def branch_and_bound(
    loss: Any,
    k: int,
    incumbent: Floats | None = None,
    *,
    time_limit: float = 10.0,
    gap_tol: float = 1e-9,
    max_nodes: int = 100_000,
) -> Search:
    """Return the best k-sparse point, or the best found in time and a bound on how far it is off.

    Parameters
    ----------
    loss : LeastSquares or Gram
        A a dense array (or scipy.sparse, then made dense) of p columns.
    k : int
        Between 0 and p.
    incumbent : array, shape (p,), optional
        A point with at most k nonzeros; the better it is, the sooner the search ends.
    time_limit : float
        Seconds; overrun by at most the eigenvalues of A'A and one iteration.
    gap_tol : float
        Relative gap at which the search ends, 0 or more.
    max_nodes : int
        How many relaxations may be solved.

    Raises
    ------
    TypeError, ValueError
        If k, the incumbent or a limit is out of range.
    """
    deadline = time.perf_counter() + time_limit
    _check_limits(time_limit, gap_tol, max_nodes)
    problem = ridge_problem(loss)
    require_count(k, problem.c.size)
    tree = _Tree(loss, problem, k, gap_tol, deadline)
    x = np.zeros(problem.c.size) if incumbent is None else np.array(incumbent, dtype=np.float64)
    require_point(x, problem.c.size, k)
    tree.offer(x)
    tree.plant()
    while tree.lowest() < tree.best.cutoff and tree.nodes < max_nodes and time.perf_counter() < deadline:
        tree.grow()
    bound = max(min(tree.lowest(), tree.best.cutoff), 0.0)
    x, value, cutoff = tree.best
    return Search(x, bound, relative_gap(value, bound), tree.nodes, bound >= cutoff)


class _Tree:
    """The open nodes, the incumbent, and the problem on the columns that the root left over."""

    def __init__(self, loss: Any, problem: RidgeProblem, k: int, gap_tol: float, deadline: float) -> None:
        self.loss, self.k, self.gap_tol, self.deadline = loss, k, gap_tol, deadline
        self.problem, self.columns, self.p = problem, np.arange(problem.c.size), problem.c.size
        self.open: list[tuple[float, int, Node, Floats, int]] = []  # bound, age, node, x, branching variable
        self.nodes = 0
        self.best = _Best(np.zeros(self.p), math.inf, math.inf)

    def lowest(self) -> float:
        """Return the least bound of an open node."""
        return self.open[0][0] if self.open else math.inf

    def offer(self, x: Floats) -> None:
        """Make x, on all p variables, the incumbent if it is better."""
        value = float(self.loss.value(x))
        if value < self.best.value:
            resolution = 10 * self.problem.rounding * self.problem.length**2
            self.best = _Best(x, value, value - max(self.gap_tol * value, resolution))

    def plant(self) -> None:
        """Solve the root, and drop the columns that it rules out where that halves them."""
        self.visit(np.full(self.p, FREE, dtype=np.int8), np.zeros(self.p), -math.inf, math.inf, ROOT_TOL)
        for bound, age, node, x, j in self.open[:]:
            kept = np.flatnonzero(node != OUT)
            if 2 * kept.size <= self.p:
                self.problem, self.columns = self.problem.restrict(kept), kept
                self.open = [(bound, age, node[kept], x[kept], int(np.searchsorted(kept, j)))]

    def grow(self) -> None:
        """Branch on the open node of least bound."""
        bound, _, node, x, j = heapq.heappop(self.open)
        tol = 0.1 * (self.best.value - self.best.cutoff) / (self.problem.bb or 1.0)
        for state in (IN, OUT):
            child = node.copy()
            child[j] = state
            self.visit(child, x, bound, self.best.cutoff, tol)

    def visit(self, node: Node, x: Floats, inherited: float, target: float, tol: float) -> None:
        """Solve a node's relaxation, offer its rounding, and keep the node open unless it is done."""
        self.nodes += 1
        point = bound_node(self.problem, node, self.k, x, target=target, tol=tol, deadline=self.deadline)
        if point.dual >= self.best.cutoff:
            return
        self.offer(self._refit(node, point.z))
        node = screen(self.problem, node, self.k, point, self.best.cutoff)
        chosen = np.count_nonzero(node == IN)
        if chosen == self.k or chosen + np.count_nonzero(node == FREE) <= self.k:
            self.offer(self._refit(node, point.z))
            return
        bound = max(point.dual, inherited)
        heapq.heappush(self.open, (bound, self.nodes, node, point.x, branching_variable(node, point.z)))

    def _refit(self, node: Node, z: Floats) -> Floats:
        """Return the minimiser on the fixed-in columns and those of largest z, on all p variables."""
        rank = np.where(node == OUT, -1.0, z + 2.0 * (node == IN))
        support = np.argsort(-rank, kind="stable")[: self.k]
        support = support[rank[support] >= 0]
        system = self.problem.block(support) + self.problem.ridge * np.eye(support.size)
        x = np.zeros(self.p)
        x[self.columns[support]] = np.linalg.lstsq(system, self.problem.c[support], rcond=None)[0]
        return x


def _check_limits(time_limit: float, gap_tol: float, max_nodes: int) -> None:
    if not time_limit >= 0:
        raise ValueError(f"time_limit must be 0 seconds or more, got {time_limit}")
    if not 0 <= gap_tol < math.inf:
        raise ValueError(f"gap_tol must be finite and 0 or more, got {gap_tol}")
    require_integer("max_nodes", max_nodes)
    if max_nodes < 1:
        raise ValueError(f"max_nodes must be 1 or more, got {max_nodes}")
