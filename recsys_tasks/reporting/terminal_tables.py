"""Tables for a terminal: two spaces between the columns, dashes under the headings, numbers to the right.

A column is as wide as its text is on a terminal, where Chinese, Japanese and Korean characters take two places;
tabulate asks the package wcwidth for that, and counts characters where it is not installed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tabulate import SEPARATING_LINE, DataRow, Line, TableFormat, tabulate

from recsys_tasks.core.formatting import count, fraction

NO_VALUE = "-"
"""Stands for None: a terminal or a mail may not know the longer dash."""
ROW = DataRow("", "  ", "")
FORMAT = TableFormat(None, Line("", "-", "  ", ""), None, None, ROW, ROW, padding=0, with_header_hide=None)


def as_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    """Rows as aligned text.

    Args:
        rows: values by key; a float is written with four digits, an integer with its thousands apart.
        columns: key of a row -> heading, from left to right.
    """
    cells = [[_cell(row.get(key)) for key in columns] for row in rows]
    sides = ["right" if all(_is_number(row.get(key)) for row in rows) else "left" for key in columns]
    # As headings proper, they would widen their columns by two: tabulate leaves this space in all formats but one.
    lines = [list(columns.values()), SEPARATING_LINE, *cells]
    return tabulate(lines, tablefmt=FORMAT, colalign=sides, disable_numparse=True)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _cell(value: Any) -> str:
    if value is None:
        return NO_VALUE
    if isinstance(value, float):
        return fraction(value)
    return count(value) if isinstance(value, int) else str(value)
