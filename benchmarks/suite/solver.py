"""How good the solver's answers are on fixed problems, how long it takes, and how that grows."""

from typing import Any

import numpy as np

from .clock import exponent, least_seconds, process_time
from .instances import BEST, INSTANCES, design, peers, problem
from .stated import quality, ratio

EFFORTS = ["fast", "default"]
SIZES = {"100 x 200": (100, 200, 5), "300 x 1000": (300, 1000, 15), "500 x 2000": (500, 2000, 20)}
COLUMNS = (1000, 2000, 4000, 8000)


def solve(name: str, effort: str) -> Any:
    """Return the result on a fixed problem."""
    import tamis

    try:
        return tamis.minimize(*problem(name), effort=effort)
    except (AttributeError, ImportError, TypeError) as error:  # commits before the search for supports
        raise NotImplementedError(f"this commit's solver does not take it: {error}") from error


class Answers:
    """The answers on fixed problems; both numbers are 0 where nothing better is known."""

    params = [list(INSTANCES), EFFORTS]  # noqa: RUF012
    param_names = ["problem", "effort"]  # noqa: RUF012

    def setup(self, name: str, effort: str) -> None:
        """Solve; a commit that cannot is skipped."""
        self.result = solve(name, effort)

    @quality("% above the best known", slack=0.1)
    def track_gap(self, name: str, effort: str) -> float:
        """Return the excess of the objective over the best known, in percent."""
        return 100 * (float(self.result.fun) - BEST[name]) / abs(BEST[name])

    @quality("1 - F1", slack=0.3)
    def track_support_errors(self, name: str, effort: str) -> float:
        """Return 1 - F1 of the support found.

        With noise the optimum has errors too, and a better objective may have more of them: only a collapse
        counts as worse.
        """
        return 1 - float(peers("scores").f1(design(name).truth, np.flatnonzero(self.result.x)))


class Time:
    """Seconds of a whole solve."""

    params = [list(SIZES)]  # noqa: RUF012
    param_names = ["size"]  # noqa: RUF012
    timeout = 120
    timer = process_time
    rounds, repeat, warmup_time = 1, (2, 5, 5.0), 0

    def setup(self, size: str) -> None:
        """Make the problem."""
        self.design = regression(*SIZES[size])

    def time_minimize(self, size: str) -> None:
        """Solve it from its matrix on, so that nothing is known from the solve before."""
        solve_anew(self.design)


def regression(n: int, p: int, k: int) -> Any:
    """Return a best-subset problem with correlated columns."""
    return peers("designs").synthetic(0, loss="least squares", n=n, p=p, k=k, rho=0.9, snr=5.0, n_test=1)


def solve_anew(made: Any, **options: Any) -> None:
    """Minimise over a problem of which nothing has been computed yet."""
    import tamis
    from tamis.losses import LeastSquares
    from tamis.sets import Sparse

    tamis.minimize(LeastSquares(made.A, made.b), Sparse(made.k), **options)


@ratio("power of the columns", timeout=300)
def track_growth() -> float:
    """Return p where the time of a fast solve grows like (columns)^p, from 1000 to 8000."""
    designs = [regression(200, columns, 10) for columns in COLUMNS]
    return exponent(COLUMNS, [least_seconds(lambda d=d: solve_anew(d, effort="fast")) for d in designs])
