"""Drags failed tasks onto a queue with a real mouse, on a display: `xvfb-run -s "-screen 0 1400x900x24" python -m
tests.support.drag_by_mouse [COUNT]`. Needs xdotool, and a Redis or Valkey that it starts itself.

The same is tested with Qt's own events in tests/gui/actions/test_retry.py; this shows that the system's drag
works, too.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import qasync
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication, QWidget

from deskq.app import App
from deskq.profiles import Profile
from deskq.services.background.gc_tuning import GuiThreadCollector
from tests.support.celery_worker import CeleryWorker
from tests.support.sample_app import sample_client
from tests.support.servers import RedisServer

STEPS = 25


async def mouse(*words: object) -> None:
    """Run xdotool."""
    process = await asyncio.create_subprocess_exec("xdotool", *map(str, words))
    if await process.wait() != 0:
        raise SystemExit("xdotool failed: is DISPLAY set?")


async def until(condition: Any, seconds: float = 60.0) -> None:
    """Let the window run until something holds."""
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise SystemExit("waited in vain")


async def drag(start: QPoint, end: QPoint) -> None:
    """Press, move in steps as a hand does, and let go."""
    await mouse("mousemove", start.x(), start.y())
    await mouse("mousedown", 1)
    for step in range(1, STEPS + 1):
        place = start + (end - start) * (step / STEPS)
        await mouse("mousemove", place.x(), place.y())
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    await mouse("mouseup", 1)


async def scenario(url: str, folder: Path, count: int) -> None:
    """Let tasks fail, drag them onto another queue, say yes, and count what ran."""
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    app = App(application)
    note = folder / "note"
    gate = Path(f"{note}.fail")
    gate.touch()  # noqa: ASYNC240 - a moment, in a script
    with sample_client(url) as client, CeleryWorker(url, queues=("celery", "second")):
        session = app.add(Profile.from_url(url, name="shop", history=str(folder / "h.sqlite")))
        window = app.window
        window.move(0, 0)
        window.show()
        await until(lambda: session.status is not None and session.status.state == "recording")
        for number in range(count):
            client.send_task("sample.note", (str(note), number, f"grüße {number}"))
        view: Any = window.show_view("shop", "tasks")
        view.set_filter("state:FAILURE")
        await until(lambda: view.model.rowCount() == count, 120)
        gate.unlink()  # noqa: ASYNC240
        tree, sidebar = window.tree, window.sidebar
        await until(lambda: tree.index_of("shop", "queue", "second").data() == "second")
        sidebar.expandAll()
        view.table.selectAll()
        await asyncio.sleep(0.5)
        row = view.table.visualRect(view.model.index(1, 1)).center()
        queue = sidebar.visualRect(tree.index_of("shop", "queue", "second")).center()
        await drag(view.table.viewport().mapToGlobal(row), sidebar.viewport().mapToGlobal(queue))
        await until(lambda: dialog_of(window) is not None)
        dialog: Any = dialog_of(window)
        await until(lambda: dialog.model.rowCount() == count)
        window.screen().grabWindow(0).save(str(folder / "preview.png"))
        print("preview:", dialog.heading.text(), "| picture:", folder / "preview.png")
        dialog.rate.setValue(0)
        go = dialog.go.mapToGlobal(dialog.go.rect().center())
        await mouse("mousemove", go.x(), go.y(), "click", 1)
        await until(lambda: note.exists() and len(note.read_text().splitlines()) >= count, 120)
        await asyncio.sleep(2.0)
        ran = Counter(str(json.loads(line)) for line in note.read_text().splitlines())
        print(f"{len(ran):,} different tasks ran, {sum(n > 1 for n in ran.values()):,} of them more than once")
        await app.stop()
        if len(note.read_text().splitlines()) != count:
            raise SystemExit(1)


def dialog_of(window: QWidget) -> QWidget | None:
    """The retry's preview, once it is open."""
    return next((each for each in window.findChildren(QWidget) if type(each).__name__ == "RetryDialog"), None)


def main() -> None:
    """Run it once."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    folder = Path(tempfile.mkdtemp(prefix="deskq-drag-"))
    os.environ["DESKQ_HOME"] = str(folder)
    application = QApplication(sys.argv[:1])
    application.setQuitOnLastWindowClosed(False)
    loop = qasync.QEventLoop(application)
    asyncio.set_event_loop(loop)
    collector = GuiThreadCollector()
    collector.start()
    with RedisServer() as server:
        loop.run_until_complete(scenario(server.url, folder, count))
    loop.close()
    collector.stop()


if __name__ == "__main__":
    main()
