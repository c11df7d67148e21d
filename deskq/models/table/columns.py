"""A column of a table, declared once: its heading, its text, how it sorts, and the roles that go with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from PySide6.QtCore import Qt

from deskq.profiles import Environment

R = TypeVar("R")

RowRole: Final = Qt.ItemDataRole.UserRole + 1
"""The row itself."""
StateRole: Final = Qt.ItemDataRole.UserRole + 2
"""The state whose dot is drawn before the text."""
ExactRole: Final = Qt.ItemDataRole.UserRole + 3
"""The value in full, as it is copied."""
SparkRole: Final = Qt.ItemDataRole.UserRole + 4
"""Numbers to draw as a line before the text."""

GapRole: Final = Qt.ItemDataRole.UserRole + 5
"""What lies between this row and the next in the recording: a sentence for each gap, "" or None if nothing does."""


@dataclass(frozen=True)
class Column(Generic[R]):
    """``exact``: the value in full, for tooltip and copy. ``width``: pixels for a font 9 points high.

    ``state``: whose dot is drawn before the text; ``spark``: numbers drawn as a line; ``strip``: states as blocks.
    ``environment``: whose word, the last one of the text, stands at the right in its colour.
    """

    key: str
    title: str
    tip: str
    text: Callable[[R], str]
    sort: Callable[[R], Any] | None = None
    numeric: bool = False
    mono: bool = False
    width: int = 120
    shown: bool = True
    exact: Callable[[R], str] | None = None
    state: Callable[[R], str | None] | None = None
    spark: Callable[[R], tuple[int | None, ...]] | None = None
    strip: Callable[[R], tuple[str, ...]] | None = None
    environment: Callable[[R], Environment] | None = None

    @property
    def alignment(self) -> Qt.AlignmentFlag:
        """Numbers stand on the right."""
        side = Qt.AlignmentFlag.AlignRight if self.numeric else Qt.AlignmentFlag.AlignLeft
        return side | Qt.AlignmentFlag.AlignVCenter

    def exact_text(self, row: R) -> str:
        """What is copied."""
        return (self.exact or self.text)(row)
