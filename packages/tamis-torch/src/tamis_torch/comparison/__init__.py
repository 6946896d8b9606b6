"""Several runs side by side: as rows, as tables for a terminal, as a page, as a figure for a paper.

``row`` and ``rows`` read what runs say of themselves, ``start`` what they began with; ``fairness``
finds which may be compared at all, and ``notes`` what has to be said beside them; ``lines`` gathers
them by method, with means over seeds; ``tables`` and ``outputs`` show them.
"""

from tamis_torch.comparison.notes import notes
from tamis_torch.comparison.outputs import write_comparison, write_figure
from tamis_torch.comparison.rows import compare_table, read_runs
from tamis_torch.comparison.tables import plain_table, rich_table

__all__ = [
    "compare_table",
    "notes",
    "plain_table",
    "read_runs",
    "rich_table",
    "write_comparison",
    "write_figure",
]
