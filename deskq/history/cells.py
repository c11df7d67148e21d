"""A cell of an exported table that no spreadsheet takes for a formula, and no terminal for a command."""

from __future__ import annotations

from typing import Final

from deskq.plain_text import without_controls

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(cell: object) -> object:
    """Text that a spreadsheet would take for a formula gets an apostrophe; numbers stay numbers.

    Control characters become tokens: CSV is looked at in terminals, and has no way to escape them.
    """
    if not isinstance(cell, str):
        return cell
    text = without_controls(cell)
    return f"'{text}" if cell.startswith(_FORMULA) else text
