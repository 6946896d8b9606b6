"""Which problems a solver takes."""

from designs import Design


class NotOffered(Exception):
    """The solver has no such loss, or no groups."""


def need(design: Design, *losses: str, groups: bool = False, intercept: bool = True) -> None:
    """Raise ``NotOffered`` unless the solver's losses and options cover the design."""
    if design.loss not in losses:
        raise NotOffered(f"no {design.loss} loss")
    if design.groups is not None and not groups:
        raise NotOffered("no groups")
    if design.intercept and not intercept:
        raise NotOffered("no intercept")
