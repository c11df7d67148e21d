"""Garbage is collected on the GUI thread only.

Python collects cycles in whatever thread happens to allocate. A cycle with a QObject in it, collected in a reader
thread, destroys that object in the wrong thread: its timers stay behind and the next one to fire crashes the process.
"""

from __future__ import annotations

import gc
from typing import Final

from PySide6.QtCore import QObject, QTimer

_PERIOD_MS: Final = 500


class GuiThreadCollector(QObject):
    """From ``start`` to ``stop``, collects what Python's own thresholds say is due, here and nowhere else."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thresholds = gc.get_threshold()
        self._timer = QTimer(self, interval=_PERIOD_MS)
        self._timer.timeout.connect(self._collect)

    def start(self) -> None:
        """Take over. What the program's start has made lives as long as it: it is not looked through again."""
        gc.collect()
        gc.freeze()
        gc.disable()
        self._timer.start()

    def stop(self) -> None:
        """Give back."""
        self._timer.stop()
        gc.unfreeze()
        gc.collect()
        gc.enable()

    def _collect(self) -> None:
        due = [count > threshold for count, threshold in zip(gc.get_count(), self._thresholds, strict=True)]
        if any(due):
            gc.collect(max(generation for generation, is_due in enumerate(due) if is_due))
