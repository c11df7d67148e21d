"""The column Runs: the store's count, or what the history has, which says so."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from deskq.history.writing.writer import History
from deskq.profiles import Profile
from deskq.profiles.storage.confirmed_code import confirm
from deskq.protocol.events import Event
from deskq.schedules.model import ScheduleStore
from deskq.services.schedules import known
from tests.gui.conftest import Run, until
from tests.gui.schedules.test_many_schedules import sort_by
from tests.gui.schedules.test_schedules import column, profile, store
from tests.gui.shell.test_window import opened
from tests.support.schedule_entries import added, entry

__all__ = ["profile", "store"]

_APP = """
from celery import Celery

app = Celery("proj", broker="memory://")
app.conf.beat_schedule = {
    "often": {"task": "shop.often", "schedule": 1.0, "args": (1, 2)},
    "other": {"task": "shop.often", "schedule": 1.0, "args": (3,)},
    "rare": {"task": "shop.rare", "schedule": 3600.0},
    "never": {"task": "shop.never", "schedule": 3600.0},
}
"""


def received(profile: Profile, *calls: tuple[str, str]) -> None:
    """Tasks in the history: name and args."""
    history = History(profile.history_path())
    for number, (name, args) in enumerate(calls):
        uuid = f"00000000-0000-4000-8000-{number:012}"
        told: dict[str, Any] = {"hostname": "w@h", "pid": 1, "clock": number + 1, "timestamp": 1_795_000_000.0}
        event = Event(type="task-received", uuid=uuid, name=name, args=args, kwargs="{}", **told)
        history.record(uuid, 1_795_000_000.0 + number).add(event)
    history.commit(1_795_000_010.0)
    history.close()


def test_what_no_store_counts_is_counted_in_the_history(
    profile: Profile, store: ScheduleStore, run: Run, qapp: QApplication, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(known, "_COUNTED_RUNS", 40)
    (tmp_path / "proj.py").write_text(_APP)
    added(store, entry("counted", last_run_at=time.time(), total_run_count=7))
    both = replace(profile, schedule_stores=(f"code:proj:app?path={tmp_path}",))
    confirm(both.schedule_stores)
    often = [("shop.often", "(3,)" if number % 3 else "(1, 2)") for number in range(60)]
    received(both, *often, ("shop.rare", "()"), ("shop.rare", ""), ("shop.rare", "(9,)"), ("sample.add", "(1, 2)"))

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(both, start=False)
            app.window.show()
            view: Any = app.window.show_view("shop", "schedules")
            await until(lambda: view.model.rowCount() == 5 and view.schedules.summary.looked_up == 5, 15)
            sort_by(view, "runs")

            def runs() -> dict[str, str]:
                rows = view.model.rows()
                return {one.entry.name: column(view, "runs", line) for line, one in enumerate(rows)}

            said = {"never": "0 seen", "rare": "2 seen", "counted": "7", "often": "13+ seen", "other": "27+ seen"}
            await until(lambda: list(runs()) == list(said), 10, "the order by number")
            assert runs() == said
            number = next(n for n, each in enumerate(view.table.columns) if each.key == "runs")
            tips = [str(view.model.index(line, number).data(Qt.ItemDataRole.ToolTipRole)) for line in range(5)]
            assert "2 in the history" in tips[1]
            assert "7 according to the store" in tips[2]
            assert "13 in the history, among the newest tasks of this name" in tips[3]
            head = str(view.model.headerData(number, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole))
            assert "counted by the store" in head
            assert "from the history" in head

    run(scenario())
