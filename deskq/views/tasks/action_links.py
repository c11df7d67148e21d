"""What deskq itself did about a task, above its detail: "retried as …", "retry of …", "revoked", with links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from deskq import formats
from deskq.actions.journal.task_actions import TaskAction
from deskq.models.tasks.action_notes import trace_text
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import LineLabel

_MOST: Final = 4


class ActionLinks(QWidget):
    """A line that hides itself where there is nothing to say."""

    open_task = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(theme.GAP_M, 0, theme.GAP_M, theme.GAP_S)
        self.texts: list[str] = []
        self.hide()

    def show_traces(self, traces: Sequence[TaskAction], state: str) -> None:
        """Show what was done; ``state`` is the task's now: a revocation that it does not show yet is not seen yet."""
        while (item := self._layout.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        self.texts = []
        for trace in traces[-_MOST:]:
            self._add(trace, state)
        if len(traces) > _MOST:
            self._say(f"and {len(traces) - _MOST:,} more in the journal")
        self._layout.addStretch(1)
        self.setVisible(bool(traces))

    def _add(self, trace: TaskAction, state: str) -> None:
        if trace.other:
            button = QToolButton()
            button.setAutoRaise(True)
            button.setText(formats.plain(f"{trace.kind} {trace.other[:13]}…"))
            button.setToolTip(formats.tooltip(trace_text(trace, state)))
            button.clicked.connect(lambda _=False, uuid=trace.other: self.open_task.emit(uuid))
            self._layout.addWidget(button)
            self.texts.append(f"{trace.kind} {trace.other}")
        else:
            self._say(trace_text(trace, state))

    def _say(self, text: str) -> None:
        self._layout.addWidget(LineLabel(text, muted=True))
        self.texts.append(text)
