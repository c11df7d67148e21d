"""From the start of the process to the first paint of the main window; and ``deskq --version``."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from tests.benchmarks.figures import Figures

TRIES: Final = 5
_ROOT: Final = Path(__file__).resolve().parents[2]
# The program as it is started; its window ends the process once it has been painted.
_UNTIL_PAINTED: Final = """
import os, sys
from deskq.views.shell import main_window
from PySide6.QtCore import QTimer

class Window(main_window.MainWindow):
    def paintEvent(self, event):
        super().paintEvent(event)
        QTimer.singleShot(0, lambda: os._exit(0))

main_window.MainWindow = Window
from deskq.__main__ import main
main()
"""


def _seconds(command: list[str]) -> tuple[float, float]:
    """The best of some tries, without the first: (seconds, seconds of CPU)."""
    best: list[tuple[float, float]] = []
    for _ in range(TRIES):
        began, used = time.perf_counter(), os.times()
        subprocess.run(command, check=True, cwd=_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        now = os.times()
        spent = now.children_user + now.children_system - used.children_user - used.children_system
        best.append((time.perf_counter() - began, spent))
    return min(best[1:])


@pytest.mark.usefixtures("deskq_home")
def test_start(figures: Figures) -> None:
    taken, used = _seconds([sys.executable, "-c", _UNTIL_PAINTED])
    figures.at_most("start to the first painted window", taken, 1.0, "s")
    figures.note("start to the first painted window, CPU", used, "s")
    taken, used = _seconds([sys.executable, "-m", "deskq", "--version"])
    figures.at_most("deskq --version", taken, 0.15, "s")
    figures.note("deskq --version, CPU", used, "s")
