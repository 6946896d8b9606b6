"""The plot of a path: coefficients and criterion along the number of features."""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from tamis.arrays import Array

NAMED = 10  # features that get a name in the legend


@dataclass
class PathDisplay:
    """The path of an estimator with CV in its name; make it by :meth:`from_estimator`.

    Attributes
    ----------
    ks : array of int, shape (n_ks,)
    coefficients : array, shape (n_ks, n_features)
        With several classes the norm of each feature's coefficients.
    criterion : array, shape (n_ks,)
    error : array, shape (n_ks,), or None
        Standard error of the criterion.
    chosen : int
        The size chosen.
    name : str
        Of the criterion.
    features : array of str, shape (n_features,)
    figure_, axes_
        The matplotlib figure and its pair of axes, once plotted.
    """

    ks: Array
    coefficients: Array
    criterion: Array
    error: Array | None
    chosen: int
    name: str
    features: Array
    figure_: Any = field(default=None, init=False)
    axes_: Any = field(default=None, init=False)

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> Self:
        """Plot the path of a fitted estimator.

        Parameters
        ----------
        estimator : SparseLinearRegressionCV, SparseLogisticRegressionCV or SparsePoissonRegressionCV
        ax : pair of matplotlib axes, optional
            A new figure if left out.

        Raises
        ------
        NotFittedError, ImportError, ValueError
            If it is not fitted, matplotlib is not installed, or ``ax`` is no pair.
        """
        check_is_fitted(estimator, "path_")
        points = np.array([result.x for result in estimator.path_])
        coefficients = points if points.ndim == 2 else np.linalg.norm(points, axis=2)
        unnamed = [f"x{j}" for j in range(coefficients.shape[1])]
        return cls(
            ks=estimator.ks_,
            coefficients=coefficients,
            criterion=estimator.criterion_,
            error=estimator.criterion_error_,
            chosen=estimator.n_nonzero_,
            name="held-out loss" if estimator.criterion == "cv" else estimator.criterion.upper(),
            features=getattr(estimator, "feature_names_in_", np.array(unnamed)),
        ).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the coefficients on the first, the criterion on the second of the axes ``ax``."""
        self.axes_ = _new_axes() if ax is None else np.ravel(ax)
        if len(self.axes_) != 2:
            raise ValueError(f"ax must be a pair of matplotlib axes, got {len(self.axes_)}")
        self.figure_ = self.axes_[0].figure
        self._draw_coefficients(self.axes_[0])
        self._draw_criterion(self.axes_[1])
        for axis in self.axes_:
            axis.axvline(self.chosen, color="0.6", linestyle=":", label=f"chosen: {self.chosen}")
            axis.set_xlabel("number of features")
            axis.legend(fontsize="small")
        return self

    def _draw_coefficients(self, axis: Any) -> None:
        """Draw a line for each feature, with a name if it enters among the first."""
        ever = np.flatnonzero(self.coefficients.any(axis=0))
        entry = (self.coefficients[:, ever] != 0).argmax(axis=0)
        for place, j in enumerate(ever[np.argsort(entry, kind="stable")]):
            label = str(self.features[j]) if place < NAMED else None
            axis.plot(self.ks, self.coefficients[:, j], marker=".", label=label)
        axis.set_ylabel("coefficient")

    def _draw_criterion(self, axis: Any) -> None:
        axis.errorbar(self.ks, self.criterion, yerr=self.error, marker=".", capsize=2)
        axis.set_ylabel(self.name)


def _new_axes() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("the plot of a path needs matplotlib: pip install matplotlib") from error
    return plt.subplots(1, 2, figsize=(10, 4), layout="constrained")[1]
