"""A chart as a drawing on its own, for a paper or a slide: an SVG file that needs no style sheet.

Programs that turn SVG into PDF know little of CSS, so each class becomes the attributes that it
stands for: dark on nothing, for white paper, in whatever sans-serif face there is.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from tamis_torch.pages.sparsity_chart import drawing, legend
from tamis_torch.pages.sparsity_frame import BOTTOM, HEIGHT, TOP
from tamis_torch.pages.sparsity_lines import Line, Reference
from tamis_torch.pages.svg import WIDTH

FONT = "Helvetica, Arial, sans-serif"
MARGIN = 22  # on the left, for the name of the axis
LETTER = 6.7  # width of a letter of the legend, at most on average
SAMPLE, ROW = 42, 20
COLOURS = dict(
    s0="#1d63c4", s1="#c2571a", s2="#1c8458", s3="#8a3fb0", s4="#b3204d", s5="#7a6a00", s6="#087f8c",
    s7="#6b5b4b", quiet="#5b6572",
)  # fmt: skip
PLAIN = {
    "grid": 'stroke="#e1e5ea"',
    "rule": 'stroke="#c5ccd4"',
    "tick": 'fill="#1b2129" font-size="13"',
    "first": 'stroke="#1b2129" stroke-width="1.4" stroke-dasharray="7 4"',
    "other": 'stroke="#1b2129" stroke-width="1.4" stroke-dasharray="2 3"',
}


class Panel(NamedTuple):
    """A chart of the file; its title, a line each, is drawn where there are several."""

    title: Sequence[str]
    lines: Sequence[Line]
    references: Sequence[Reference]


def paper_figure(panels: Sequence[Panel]) -> str:
    """Return the text of an SVG file with the panels one below the other."""
    parts, top = [], 0.0
    for panel in panels:
        body, height = _panel(panel, titled=len(panels) > 1)
        parts.append(Markup('<g transform="translate({} {})">{}</g>').format(MARGIN, top, body))
        top += height
    width = WIDTH + MARGIN
    return str(
        Markup(
            '<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h:.0f}" viewBox="0 0 {w} {h:.0f}" '
            'font-family="{font}" font-size="13">\n<title>{title}</title>\n{body}\n</svg>\n'
        ).format(
            w=width, h=top, font=FONT, title="; ".join(", ".join(panel.title) for panel in panels),
            body=Markup("\n").join(map(_plain, parts)),
        )
    )  # fmt: skip


def _panel(panel: Panel, titled: bool) -> tuple[Markup, float]:
    """Return a panel and its height: the title, the drawing with the name of its axis, the legend."""
    head = ROW * len(panel.title) + 6 if titled else 0
    title = Markup("").join(
        Markup('<text class="tick" x="0" y="{}">{}</text>').format(14 + ROW * i, _cut(words))
        for i, words in enumerate(panel.title)
    )
    name = Markup(
        '<text class="tick" text-anchor="middle" transform="translate(-8 {}) rotate(-90)">perplexity</text>'
    ).format((TOP + HEIGHT - BOTTOM) / 2)
    chart = drawing(panel.lines, panel.references) + name
    keys, height = _legend(panel)
    body = Markup('<g transform="translate(0 {})">{}</g><g transform="translate(20 {})">{}</g>').format(
        head, chart, head + HEIGHT + 10, keys
    )
    return (title + body if titled else body), head + HEIGHT + 10 + height + 12


def _legend(panel: Panel) -> tuple[Markup, float]:
    """Return the legend in as many columns as its longest label lets stand side by side."""
    items = legend(panel.lines, panel.references)
    widest = SAMPLE + LETTER * max(len(words) for _, words in items) + 12
    columns = max(1, int((WIDTH - 20) // widest))
    rows = -(-len(items) // columns)
    keys = Markup("").join(
        Markup('<g transform="translate({} {})">{}<text class="tick" x="{}" y="11.5">{}</text></g>').format(
            round(i // rows * widest), i % rows * ROW, sample, SAMPLE, words
        )
        for i, (sample, words) in enumerate(items)
    )
    return keys, rows * ROW


def _cut(words: str) -> str:
    """Return the words, or as many letters of them as have room."""
    most = int(WIDTH / LETTER)
    return words if len(words) <= most else f"{words[: most - 1]}\u2026"


def _plain(drawn: Markup) -> Markup:
    """Put attributes in the place of the classes."""
    return Markup(re.sub(r'class="([^"]*)"', lambda found: _attributes(found[1].split()), str(drawn)))


def _attributes(classes: list[str]) -> str:
    colour = next((COLOURS[name] for name in classes if name in COLOURS), "")
    if "line" in classes:
        dash = ' stroke-dasharray="6 4"' if "dash" in classes else ""
        return f'fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"{dash}'
    if "whisker" in classes:
        return f'fill="none" stroke="{colour}" stroke-width="1.4"'
    if "hollow" in classes:
        return f'fill="#ffffff" stroke="{colour}" stroke-width="1.6"'
    return f'fill="{colour}"' if colour else " ".join(PLAIN[name] for name in classes if name in PLAIN)
