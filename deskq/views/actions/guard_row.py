"""The part of a preview that says what guards the change, and has the name typed where the level asks for it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFormLayout, QLineEdit, QWidget

from deskq import formats
from deskq.actions.plan import AnyPlan
from deskq.actions.safety import Guard
from deskq.services.guard_search import GuardSearch
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import plain_label


class GuardRow(QWidget):
    """``changed``: another answer is there, or something was typed. Until an answer is there nothing is allowed."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._search = GuardSearch(self)
        self.note = plain_label(wrap=True)
        self.name = QLineEdit()
        self._label = plain_label("&Type the profile's name")
        self._label.setBuddy(self.name)
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(theme.GAP)
        layout.addRow(self.note)
        layout.addRow(self._label, self.name)
        self._search.changed.connect(self._show)
        self.name.textChanged.connect(self.changed)
        self._show()

    def ask(self, question: Callable[[], Guard]) -> None:
        """Find out what guards the change; ``question`` is called in a thread."""
        self._search.ask(question)
        self._show()

    @property
    def known(self) -> bool:
        """Is it known what guards the change?"""
        return self._search.guard is not None

    @property
    def problem(self) -> str:
        """Why nothing may be changed, as a sentence, "" if it may, or nobody knows yet."""
        guard = self._search.guard
        return self._search.problem or (guard.forbids if guard is not None else "")

    @property
    def allows(self) -> bool:
        """May it be changed, and has the name been typed where it must be?"""
        guard = self._search.guard
        return guard is not None and not guard.forbids and self.name.text() == guard.typed

    def asks(self, plan: AnyPlan) -> bool:
        """Must a person say yes to this plan, or is that not known?"""
        return self._search.guard is None or bool(self.problem) or self._search.guard.asks(plan)

    def _show(self) -> None:
        guard = self._search.guard
        typed = guard.typed if guard is not None and not guard.forbids else ""
        note = guard.note if guard is not None and not guard.forbids else ""
        self.note.setText(formats.plain(note))
        self.note.setVisible(bool(note))
        self._label.setText(f"&Type {guard.typed_is}" if guard is not None else "")
        self.name.setPlaceholderText(formats.plain(typed))
        self.name.setAccessibleName("The profile's name, to confirm")
        for widget in (self._label, self.name):
            widget.setVisible(bool(typed))
        self.setVisible(bool(note or typed))
        self.changed.emit()
