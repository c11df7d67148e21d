"""What workers answer to a question: a row for each, and who was silent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from deskq import formats
from deskq.models.table.columns import Column
from deskq.models.table.model import TableModel
from deskq.views.widgets import theme
from deskq.views.widgets.dialog import Dialog
from deskq.views.widgets.empty_pane import plain_label
from deskq.views.widgets.tables import Table


@dataclass(frozen=True, slots=True)
class Reply:
    """A worker's answer as text, None if there was none."""

    worker: str
    answer: str | None


def _line(reply: Reply) -> str:
    if reply.answer is None:
        return "no reply: the worker is down or busy"
    return formats.plain(" ".join(reply.answer.split())[:300])


COLUMNS: Final[tuple[Column[Reply], ...]] = (
    Column("worker", "Worker", "Worker name", lambda reply: formats.plain(reply.worker), width=190),
    Column(
        "answer",
        "Reply",
        "Reply of the worker",
        _line,
        state=lambda reply: "waiting" if reply.answer is None else "success",
        width=460,
    ),
)


class RepliesDialog(Dialog):
    """Shows answers to ``title``; those of ``asked`` that are missing are named."""

    def __init__(
        self, title: str, replies: Mapping[str, str], asked: Sequence[str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.resize(760, 460)
        heading = plain_label(formats.plain(title))
        heading.setFont(theme.heading_font())
        names = sorted({*replies, *asked})
        silent = sum(name not in replies for name in names)
        self.summary = plain_label(
            f"{formats.count(len(replies), 'reply', 'replies')}{f', {silent:,} without a reply' if silent else ''}",
            muted=True,
        )
        self.model = TableModel(COLUMNS, key=lambda reply: reply.worker, parent=self, sort="worker")
        self.model.replace(Reply(name, replies.get(name)) for name in names)
        self.table = Table("replies", COLUMNS)
        self.table.setModel(self.model)
        self.table.lay_out()
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setFont(theme.mono_font())
        self.table.selectionModel().currentRowChanged.connect(self._show)
        close = QPushButton("Close")
        close.clicked.connect(self.accept)
        self.press_by_return(close)
        bottom = QHBoxLayout()
        bottom.addStretch(1)
        bottom.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        for widget in (heading, self.summary):
            layout.addWidget(widget)
        layout.addWidget(self.table, 2)
        layout.addWidget(self.text, 3)
        layout.addLayout(bottom)
        if names:
            self.table.selectRow(0)

    def _show(self, current: QModelIndex, _previous: QModelIndex) -> None:
        reply = self.model.row_at(current.row()) if current.isValid() else None
        text = reply.answer if reply is not None else None
        self.text.setPlainText(formats.plain_lines(text or ""))
