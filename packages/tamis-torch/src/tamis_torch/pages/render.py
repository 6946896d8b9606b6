"""From a template and its values to one self-contained HTML page on disk.

Style and script stand in the page, its policy forbids every request, and the templates escape
whatever comes from outside.
"""

from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from tamis_torch import human
from tamis_torch.folders import write_atomically


def page(template: str, **values: object) -> str:
    """Return the HTML text of a template from ``templates/``."""
    return _environment().get_template(template).render(**values)


def save(path: Path, html: str) -> Path:
    """Write a page so that a half-written one never stands under its name; return the path."""
    write_atomically(path, html)
    return path


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tamis_torch.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=human.number,
        count=human.count,
        size=human.size,
        percent=human.percent,
        duration=human.duration,
    )
    return environment
