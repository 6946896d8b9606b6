"""What the chart of perplexity against sparsity shows, and how its lines look."""

from collections.abc import Sequence
from typing import NamedTuple

COLOURS = 8  # s0 ... s7 of the page's style


class Point(NamedTuple):
    """Runs of one goal: the mean of their perplexities, the least and the largest, and how many they are."""

    sparsity: float
    mean: float
    least: float
    largest: float
    runs: int = 1
    pattern: str | None = None


class Line(NamedTuple):
    """What one method reaches: points by their sparsity, and those with an N:M pattern."""

    label: str
    points: Sequence[Point]
    patterns: Sequence[Point] = ()


class Reference(NamedTuple):
    """A perplexity that holds for every sparsity: a horizontal line."""

    label: str
    value: float


class Look(NamedTuple):
    """How a line is drawn: class of its colour, number of its mark, and whether it goes on from another."""

    style: str
    shape: int
    again: bool

    @property
    def mark(self) -> str:
        """The classes of its marks."""
        return f"{self.style} hollow" if self.again else self.style

    @property
    def stroke(self) -> str:
        """The classes of its line."""
        return f"{self.style} dash" if self.again else self.style


def looks(lines: Sequence[Line]) -> list[Look]:
    """Return the look of each line; "alps + finetune" has the colour of "alps", dashed and hollow."""
    names = [line.label for line in lines]
    firsts = [name.split(" + ")[0] if name.split(" + ")[0] in names else name for name in names]
    places = {name: place for place, name in enumerate(dict.fromkeys(firsts))}
    repeats = [firsts[:i].count(first) for i, first in enumerate(firsts)]
    return [
        Look(
            f"s{places[first] % COLOURS}",
            places[first] + places[first] // COLOURS + max(0, repeat - 1),
            name != first,
        )
        for name, first, repeat in zip(names, firsts, repeats, strict=True)
    ]
