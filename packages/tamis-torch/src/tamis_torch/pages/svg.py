"""What every chart has: a figure with a heading, and an SVG drawing with title and description.

The drawings stand inline in an HTML page; colours are CSS classes, so that light and dark both
work.  Text from outside is escaped by ``Markup.format`` wherever it enters.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from tamis_torch.human import number

WIDTH = 520
EMPTY = Markup('<p class="empty">Nothing was measured.</p>')
NOTHING = Markup("")


@dataclass(frozen=True)
class Chart:
    """What stands around the curves.

    ``about`` says in a sentence what a reader should see; ``show`` formats values of y.
    """

    title: str
    about: str
    x: str = "step"
    log: bool = False
    zero: bool = False
    show: Callable[[float | None], str] = number


def draw(chart: Chart, body: Markup, height: float, read_out: str = "") -> Markup:
    """Return the drawing, named and described for a screen reader.

    ``read_out`` is a JSON list of [position, words] that the page's script shows under the pointer.
    """
    data = Markup(' data-readout="{}" tabindex="0"').format(read_out) if read_out else NOTHING
    return Markup(
        '<svg viewBox="0 0 {w} {h}" role="img" aria-labelledby="{n}-t {n}-d"{data}>'
        '<title id="{n}-t">{title}</title><desc id="{n}-d">{about}</desc>{body}</svg>'
    ).format(
        w=WIDTH, h=height, n=_slug(chart.title), data=data, title=chart.title, about=chart.about, body=body
    )


def figure(chart: Chart, drawing: Markup, last: str = "", legend: Markup = NOTHING) -> Markup:
    """Return the drawing under its heading; ``last`` stands where the read-out will be."""
    return Markup(
        '<figure class="chart"><figcaption><h3>{}</h3><p class="about">{}</p>{}'
        '<p class="read" aria-live="polite">{}</p></figcaption>{}</figure>'
    ).format(chart.title, chart.about, legend, last, drawing)


def _slug(title: str) -> str:
    return "chart-" + re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
