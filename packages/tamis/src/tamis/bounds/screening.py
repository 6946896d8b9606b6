"""Which variables a node's dual point already decides, and which one to branch on.

From the dual point of a node follows its bound with one more variable fixed: with s the squared
slopes, r the budget left, s_(r) the r-th largest of the free ones, and ``rate`` that of
:class:`tamis.bounds.perspective.Point` (1 / (2 ridge)),

    j fixed in, not among the r largest:  bound + rate (s_(r) - s_j)
    j fixed out, one of the r largest:    bound + rate (s_j - s_(r+1))

Where that reaches the cutoff, no point worth having is there, and j is fixed the other way
(reduced-cost fixing; safe screening as in Atamturk & Gomez, ICML 2020).
"""

import numpy as np

from tamis.bounds.budget import FREE, IN, OUT, Floats, Node
from tamis.bounds.perspective import Point, square_slopes
from tamis.bounds.ridge_problem import RidgeProblem


def screen(problem: RidgeProblem, node: Node, k: int, point: Point, cutoff: float) -> Node:
    """Return the node with the variables fixed that must be so in any point below the cutoff."""
    free = np.flatnonzero(node == FREE)
    r = k - int(np.count_nonzero(node == IN))
    if problem.ridge == 0 or not 0 < r < free.size:
        return node
    squares = square_slopes(problem, point.x, point.product)[free]
    order = np.argsort(-squares, kind="stable")
    top, rest = order[:r], order[r:]
    node = node.copy()
    node[free[rest[point.dual + point.rate * (squares[top[-1]] - squares[rest]) >= cutoff]]] = OUT
    node[free[top[point.dual + point.rate * (squares[top] - squares[rest[0]]) >= cutoff]]] = IN
    return node


def branching_variable(node: Node, z: Floats) -> int:
    """Return the free variable whose z is nearest to 1/2."""
    return int(np.argmin(np.where(node == FREE, np.abs(z - 0.5), 1.0)))
