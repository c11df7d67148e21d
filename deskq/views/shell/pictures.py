"""Pictures of every view, light and dark, as the README shows them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from PySide6.QtWidgets import QWidget

from deskq.history.reading.task_filter import TaskFilter
from deskq.services.session import ProfileSession
from deskq.views.shell.main_window import KINDS, MainWindow

_SETTLE_SECONDS: Final = 5.0
_EXAMINE_SECONDS: Final = 20.0


async def take_pictures(window: MainWindow, session: ProfileSession, folder: Path) -> list[Path]:
    """Save a PNG of each view in both themes; returns their paths."""
    name = session.profile.name
    window.resize(1280, 800)  # whatever the screen is
    failed = await session.ask(lambda reader: reader.tasks(TaskFilter(states=("FAILURE",)), limit=200), slot="pictures")
    failed.sort(key=lambda task: (-task.retries, task.name == "images.thumbnail"))
    saved: list[Path] = []
    for scheme in ("light", "dark"):
        window.set_theme(scheme)
        for kind in KINDS:
            view: Any = window.show_view(name, kind)
            if kind == "tasks" and failed:
                view.shown.show(failed[0].uuid)
                view.detail.tabs.setCurrentIndex(1 if scheme == "light" else 0)
            if kind == "queues":
                view.show_queue("emails")
            await _settle(view, kind)
            saved.append(_save(window, folder / f"{kind}-{scheme}.png"))
            if kind == "schedules" and view.model.rowCount():
                saved.append(await _editor(view, folder / f"schedule-{scheme}.png"))
                saved.append(await _calendar(window, view, folder / f"calendar-{scheme}.png"))
        if failed:
            preview: Any = window.acting.retry(name, [task.uuid for task in failed[:12]], name, "")
            for _ in range(round(_SETTLE_SECONDS / 0.05)):
                if preview.model.rowCount():
                    break
                await asyncio.sleep(0.05)
            saved.append(_save(preview, folder / f"retry-{scheme}.png"))
            preview.reject()
        window.run_command("palette")
        palette = next((child for child in window.findChildren(QWidget) if type(child).__name__ == "Palette"), None)
        if palette is not None:
            saved.append(_save(palette, folder / f"palette-{scheme}.png"))
            palette.close()
    return saved


async def _editor(view: Any, path: Path) -> Path:
    """The schedule editor on the first schedule that is a crontab, if there is one."""
    for line, shown in enumerate(view.model.rows()):
        if type(shown.entry.schedule).__name__ == "Crontab":
            view.table.selectRow(line)
    view.edit()
    editor: Any = next(child for child in view.findChildren(QWidget) if type(child).__name__ == "ScheduleDialog")
    for _ in range(round(_SETTLE_SECONDS / 0.05)):
        if editor.after_model.rowCount():
            break
        await asyncio.sleep(0.05)
    saved = _save(editor, path)
    editor.reject()
    return saved


async def _calendar(window: MainWindow, view: Any, path: Path) -> Path:
    """The calendar of schedules with its first collision."""
    view.calendar.button.toggle()
    for _ in range(round(_SETTLE_SECONDS / 0.05)):
        if view.calendar.picture.shown is not None:
            break
        await asyncio.sleep(0.05)
    view.calendar.picture.step_collision(1)
    await asyncio.sleep(0.4)
    saved = _save(window, path)
    view.calendar.button.toggle()
    return saved


async def _settle(view: Any, kind: str) -> None:
    """Wait until the view shows something, at most some seconds: questions are answered in their own time."""
    ready: Callable[[], object] = {
        "tasks": lambda: view.model.rowCount() and view.detail.detail is not None,
        "queues": lambda: view.model.rowCount() and view.detail.chart.nothing.isHidden(),
        "schedules": lambda: view.model.rowCount() and view.detail.model.rowCount(),
        "workers": lambda: view.model.rowCount() and view.detail.age.text(),
        "doctor": lambda: view.steps.shown and not view.steps.running,
        "overview": view.throughput.nothing.isHidden if kind == "overview" else bool,
    }[kind]
    for _ in range(round((_EXAMINE_SECONDS if kind == "doctor" else _SETTLE_SECONDS) / 0.05)):
        if ready():
            break
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.4)  # what came last is painted in the next turns of the loop


def _save(widget: QWidget, path: Path) -> Path:
    widget.grab().save(str(path))
    return path
