"""Fixed problems of the solver, of the recipe on which it is compared with other packages."""

import sys
from pathlib import Path
from typing import Any

PEERS = Path(__file__).parents[1] / "peers/solver"
# name -> (loss, n, p, k, correlation, seed)
INSTANCES = {
    "least squares, hard": ("least squares", 300, 1000, 15, 0.9, 1),
    "least squares, easy": ("least squares", 300, 1000, 15, 0.5, 2),
    "least squares, noisy": ("least squares", 200, 500, 10, 0.9, 3),
    "logistic": ("logistic", 400, 500, 10, 0.9, 4),
    "poisson": ("poisson", 300, 300, 8, 0.9, 5),
}
SNR = {"least squares, noisy": 1.0}
# The least objective that any search has found (effort "thorough"): what gaps are measured from.
BEST = {
    "least squares, hard": 402.5816761110317,
    "least squares, easy": 411.52957066546224,
    "least squares, noisy": 886.5740805472473,
    "logistic": 146.34355078866827,
    "poisson": -75.03312221729671,
}


def design(name: str) -> Any:
    """Return a problem: A, b, k, the truth."""
    loss, n, p, k, correlation, seed = INSTANCES[name]
    return peers("designs").synthetic(
        seed, loss=loss, n=n, p=p, k=k, rho=correlation, snr=SNR.get(name, 5.0), n_test=1
    )


def peers(module: str) -> Any:
    """Return a module of the comparison with other packages, which lie beside its commands."""
    if str(PEERS) not in sys.path:
        sys.path.append(str(PEERS))
    return __import__(module)


def problem(name: str) -> tuple[Any, Any]:
    """Return loss and set of a problem."""
    solvers, made = peers("tamis_solvers"), design(name)
    return solvers.tamis_loss(made), solvers.tamis_set(made)
