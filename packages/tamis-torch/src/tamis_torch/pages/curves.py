"""Curves before they are drawn: smoothed, and thinned to what a chart can show."""

from collections.abc import Sequence

Point = tuple[float, float | None]

MOST_POINTS = 400  # a chart is some 440 pixels wide: more would only make the page heavy


def smooth(points: Sequence[Point], span: float) -> list[Point]:
    """Return the exponential mean over about ``span`` points, without the bias of its start."""
    mean, weight, result = 0.0, 0.0, []
    keep = 1 - 1 / max(span, 1.0)
    for x, y in points:
        if y is not None:
            mean, weight = keep * mean + (1 - keep) * y, keep * weight + (1 - keep)
        result.append((x, mean / weight if weight and y is not None else None))
    return result


def thin(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """Return at most about ``most`` points: the least and the largest of each bucket, and both ends."""
    known = [point for point in points if point[1] is not None]
    if len(points) <= most or not known:
        return list(points)
    bucket = max(2, 2 * len(points) // most)
    kept = {0, len(points) - 1}
    for start in range(0, len(points), bucket):
        part = range(start, min(start + bucket, len(points)))
        kept |= {
            min(part, key=lambda i: _height(points[i], 1)),
            max(part, key=lambda i: _height(points[i], -1)),
        }
    return [points[i] for i in sorted(kept)]


def _height(point: Point, missing: float) -> float:
    return point[1] if point[1] is not None else missing * float("inf")
