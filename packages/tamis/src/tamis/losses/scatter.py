"""From the values on a support back to the whole array."""

from array_api_compat import array_namespace

from tamis.arrays import Array


def scatter(values: Array, support: Array) -> Array:
    """Return the array with ``values`` in the true places of ``support``, zero elsewhere."""
    xp = array_namespace(values)
    place = xp.cumulative_sum(xp.astype(support, xp.int64)) - 1
    spread = xp.take(values, xp.where(support, place, xp.zeros_like(place)), axis=0)
    return xp.where(support, spread, xp.zeros_like(spread))
