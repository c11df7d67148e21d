"""The strip above the task table while every task must be read for a filter: how far it is, and Stop."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget

from deskq.history.reading.text_search import SearchProgress
from deskq.models.tasks.table import TasksModel
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import plain_label

SHOWN_AFTER_MS: Final = 300
_STEPS: Final = 1_000


class SearchStrip(QWidget):
    """Follows the search of one model; hidden while there is none, or it takes no time."""

    def __init__(self, model: TasksModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self.text = plain_label(muted=True)
        self.bar = QProgressBar()
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(theme.GAP_S)
        self.bar.setAccessibleName("Progress of the search")
        self.button = QPushButton("Stop")
        self.button.setFlat(True)
        self.button.clicked.connect(self._clicked)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(theme.GAP, 0, theme.GAP, theme.GAP_S)
        layout.setSpacing(theme.GAP)
        layout.addWidget(self.text)
        layout.addWidget(self.bar, 1)
        layout.addStretch(0)  # in the place of the bar when it is hidden
        layout.addWidget(self.button)
        self._patience = QTimer(self, singleShot=True, interval=SHOWN_AFTER_MS)
        self._patience.timeout.connect(self.show)
        self.hide()
        model.search_changed.connect(self._moved)

    @property
    def running(self) -> bool:
        """Is a search going on?"""
        progress = self._model.search
        return progress is not None and not progress.done and not progress.stopped

    def stop(self) -> None:
        """Search no further."""
        self._model.searching.stop()

    def _clicked(self) -> None:
        if self.running:
            self._model.searching.stop()
        else:
            self._model.searching.go_on()

    def _moved(self, progress: SearchProgress | None) -> None:
        if progress is None or progress.done:
            self._patience.stop()
            self.hide()
            return
        if progress.stopped:
            self._patience.stop()
            self.show()
        elif not self.isVisible() and not self._patience.isActive():
            self._patience.start()
        searched = f"{progress.searched:,} of {progress.total:,}"
        self.text.setText(
            f"Stopped at {searched}: older tasks were not searched" if progress.stopped else f"Searched {searched}"
        )
        self.bar.setVisible(not progress.stopped)
        self.bar.setValue(_STEPS * progress.searched // max(progress.total, 1))
        self.button.setText("Continue" if progress.stopped else "Stop")
