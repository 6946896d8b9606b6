"""A headline figure of a page."""

from typing import NamedTuple


class Figure(NamedTuple):
    """A headline figure: its name, its value (after what it was before), and a few words below."""

    name: str
    value: str
    lines: list[str]
    before: str = ""
