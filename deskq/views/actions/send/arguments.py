"""A call's args and kwargs, as JSON and as a form: two sides of one value."""

from __future__ import annotations

import json
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QPlainTextEdit, QTabBar

from deskq import formats
from deskq.actions.messages.retry_candidates import read_json
from deskq.actions.messages.seen_arguments import SeenArguments
from deskq.errors import UserError
from deskq.views.actions.send.argument_form import ArgumentForm
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import plain_label
from deskq.views.widgets.fields import row_of


class SendArguments(QObject):
    """Widgets for a form layout: ``args`` and ``kwargs``, or ``form``; ``switch`` chooses, where anything was seen.

    ``changed``: the value, or what is wrong with it; ``turned``: another side is shown.
    """

    changed = Signal()
    turned = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.args, self.kwargs = _json_pane("args"), _json_pane("kwargs")
        self.form = ArgumentForm()
        self.form.setFixedHeight(2 * self.args.height() + theme.GAP)
        self.sides = QTabBar()
        self.sides.setDrawBase(False)
        self.sides.setAccessibleName("Arguments as")
        for side in ("JSON", "Form"):
            self.sides.addTab(side)
        self.seen = plain_label(muted=True)
        self.switch = row_of(self.sides, self.seen)  # always there: fields must not move while one types
        self._writing = False
        self._known = False
        self._offer_sides(known=False)
        self.sides.currentChanged.connect(self.turned)
        for pane in (self.args, self.kwargs):
            pane.textChanged.connect(self._json_edited)
        self.form.edited.connect(self._form_edited)

    @property
    def known(self) -> bool:
        """Is there anything to make a form of?"""
        return self._known

    @property
    def form_shown(self) -> bool:
        """Which side is shown: the form where it was chosen and anything is known."""
        return self._known and self.sides.currentIndex() == 1

    def expect(self, seen: SeenArguments) -> None:
        """Offer a form of what was seen; without any there is none."""
        self.form.expect(seen)
        self._known = seen.any
        runs = formats.count(seen.runs + seen.unread, "run")
        words = f"from {seen.runs:,} of {runs}" if seen.unread else f"from {runs}"
        self.seen.setText(words if seen.any else "")
        self._offer_sides(seen.any)
        self.seen.setToolTip("Events carry no signature. Cut or masked arguments are not used.")
        self._json_edited()
        self.turned.emit()

    def _offer_sides(self, known: bool) -> None:
        """Which side was chosen stays, for the next task of which anything is known."""
        self.sides.setEnabled(known)
        self.sides.setToolTip("" if known else "No arguments of earlier runs to build a form from")

    def show_arguments(self, args: list[Any], kwargs: dict[str, Any]) -> None:
        """Fill both sides."""
        self.args.setPlainText(json.dumps(args, ensure_ascii=False, default=str))
        self.kwargs.setPlainText(json.dumps(kwargs, ensure_ascii=False, default=str))

    def read(self) -> tuple[list[Any], dict[str, Any]]:
        """Return args and kwargs; raises UserError with what is wrong."""
        if self.form.problem:
            raise UserError(self.form.problem)
        return self._read_json()

    def _read_json(self) -> tuple[list[Any], dict[str, Any]]:
        args: list[Any] = read_json("args", self.args.toPlainText() or "[]", list)
        kwargs: dict[str, Any] = read_json("kwargs", self.kwargs.toPlainText() or "{}", dict)
        return args, kwargs

    def _json_edited(self) -> None:
        if self._writing:
            return
        try:
            self.form.show_arguments(*self._read_json())
        except UserError as error:
            self.form.problem = ""
            self.form.refuse(str(error))
        self.changed.emit()

    def _form_edited(self) -> None:
        if not self.form.problem:
            self._writing = True
            self.show_arguments(*self.form.read())
            self._writing = False
        self.changed.emit()


def _json_pane(name: str) -> QPlainTextEdit:
    pane = QPlainTextEdit()
    pane.setFont(theme.mono_font())
    pane.setAccessibleName(name)
    pane.setTabChangesFocus(True)
    pane.setFixedHeight(pane.fontMetrics().height() * 3 + 14)
    return pane
