"""What an entry is worth: the square root of the cost of setting it to zero."""

from array_api_compat import array_namespace

from tamis.arrays import Array, Variable, require_finite, size, widen


def scores(y: Variable, metric: Variable | None = None) -> Variable:
    """Return ``sqrt(M) |y|``, whose order is that of ``M y^2`` without its overflow.

    Parameters
    ----------
    y : array, or list of arrays
    metric : like ``y``, optional
        The positive diagonal M; the identity if left out.  Half precision and integers are
        widened first, so that rounding makes no ties.

    Raises
    ------
    TypeError, ValueError
        If an entry is not finite and real, a metric has another shape than its array or an
        entry that is not positive, or there is no array at all.
    """
    if not isinstance(y, list | tuple):
        return _score(y, metric, "")
    if not y:
        raise ValueError("y must hold at least one array, got an empty list")
    pairs = zip(y, _metrics(metric, len(y)), strict=True)
    return [_score(array, diagonal, f"[{i}]") for i, (array, diagonal) in enumerate(pairs)]


def _score(y: Array, metric: Array | None, at: str) -> Array:
    require_finite(f"y{at}", y)
    xp = array_namespace(y)
    if metric is None:
        return xp.abs(widen(y) if xp.isdtype(y.dtype, "integral") else y)
    _check_metric(metric, y, at)
    return xp.sqrt(widen(metric)) * xp.abs(widen(y))


def _metrics(metric: Variable | None, n: int) -> list[Array | None]:
    if metric is None:
        return [None] * n
    if not isinstance(metric, list | tuple) or len(metric) != n:
        got = f"a list of {len(metric)}" if isinstance(metric, list | tuple) else type(metric).__name__
        raise ValueError(f"metric must be a list of arrays, one for each of the {n} of y, got {got}")
    return list(metric)


def _check_metric(metric: Array, y: Array, at: str) -> None:
    require_finite(f"metric{at}", metric)
    if tuple(metric.shape) != tuple(y.shape):
        raise ValueError(
            f"metric{at} must have the shape of y{at} {tuple(y.shape)}, got {tuple(metric.shape)}"
        )
    xp = array_namespace(metric)
    if size(metric) and not bool(xp.min(metric) > 0):
        raise ValueError(
            f"metric{at} must be positive in every entry, but its least is {float(xp.min(metric)):.3g}; "
            "add a small constant"
        )
