"""PySide6 and this Python get along: PySide6 6.12.0 aborts CPython 3.11 after about 550 emits."""

from __future__ import annotations

import sys
import sysconfig

import PySide6
from PySide6.QtCore import QObject, Qt, Signal
from pytestqt.qtbot import QtBot


class Source(QObject):
    flag = Signal(bool)
    text = Signal(str, object)


def test_5000_emits(qtbot: QtBot) -> None:
    source = Source()
    flags: list[bool] = []
    texts: list[str] = []
    source.flag.connect(flags.append)
    source.text.connect(lambda text, _: texts.append(text))
    for number in range(5000):
        source.flag.emit(True)
        source.text.emit(str(number), None)
    assert (len(flags), len(texts), texts[-1]) == (5000, 5000, "4999")


def test_5000_queued_emits(qtbot: QtBot) -> None:
    source = Source()
    flags: list[bool] = []
    source.flag.connect(flags.append, Qt.ConnectionType.QueuedConnection)
    for _ in range(5000):
        source.flag.emit(True)
    qtbot.waitUntil(lambda: len(flags) == 5000, timeout=10_000)


def test_the_version_is_one_that_works() -> None:
    if sys.version_info < (3, 12):
        assert tuple(map(int, PySide6.__version__.split(".")[:2])) < (6, 12), sysconfig.get_platform()
