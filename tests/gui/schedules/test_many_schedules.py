"""Thousands of schedules: what is shown while they are read says so, and nothing is sorted by what is not known."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from deskq.actions.plan import Plan, Step
from deskq.actions.schedule_edit import plan_changes
from deskq.history.writing.writer import History
from deskq.profiles import Profile
from deskq.protocol.events import Event
from deskq.schedules.model import Crontab, Entry
from deskq.schedules.opening import open_store
from deskq.schedules.stores.redbeat.entry_json import definition_text, meta_text
from deskq.services.schedules import following
from deskq.services.schedules.shown import ScheduleSummary
from deskq.views.schedules import plan_dialogs as schedule_edits
from deskq.views.schedules.header import total_words
from deskq.views.widgets.toast import UndoOffer
from tests.gui.conftest import Run, until
from tests.gui.schedules.test_schedules import child
from tests.gui.shell.test_window import opened

MANY = 1_300


@pytest.fixture
def profile(redis_url: str, tmp_path: Path) -> Profile:
    now = time.time()
    with closing(redis.Redis.from_url(redis_url)) as server:
        pipeline = server.pipeline(transaction=False)
        for number in range(MANY):
            made = Entry(
                name=f"e{number:04}",
                task=f"shop.t{number % 3}",
                schedule=Crontab(str(number % 60), str(number % 24)),
                args=[number],
                last_run_at=now,
                total_run_count=1,
            )
            key = f"redbeat:{made.name}"
            pipeline.hset(key, mapping={"definition": definition_text(made), "meta": meta_text(made, now)})
            pipeline.zadd("redbeat::schedule", {key: now + 3600 + number})
        pipeline.execute()
    return Profile.from_url(redis_url, name="shop", history=str(tmp_path / "shop.sqlite"))


def sort_by(view: Any, key: str) -> None:
    view.table.sortByColumn([one.key for one in view.table.columns].index(key), Qt.SortOrder.AscendingOrder)


def test_what_is_not_all_says_so(
    profile: Profile, run: Run, qapp: QApplication, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("_READ_SECONDS", "_STEP_SECONDS"):
        monkeypatch.setattr(following, name, 0.001)  # a part at a time
    monkeypatch.setattr(following, "_SHOW_SECONDS", 0.0)
    said: list[tuple[str, int, bool]] = []

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(profile, start=False)
            app.window.show()
            view: Any = app.window.show_view("shop", "schedules")
            refused: list[str] = []

            def heard() -> None:
                one = view.schedules
                said.append((view.totals.text(), len(one.rows), all(row.row.looked_at for row in one.rows)))
                if not one.summary.complete and not refused:
                    refused.append("asked")
                    view.spawn(view.files.write(tmp_path / "part.toml"), "export")

            view.schedules.changed.connect(heard)
            await until(lambda: said and "so far" not in said[-1][0] and said[-1][2])
            await until(lambda: view.model.rowCount() == MANY and all(one.row.next_run for one in view.model.rows()))
            assert refused
            assert not (tmp_path / "part.toml").exists()
            words = [each.text.text() for each in app.window.findChildren(UndoOffer)]
            assert any("Still loading schedules" in each for each in words)
            at = [one.row.next_run.at for one in view.model.rows()]
            assert at == sorted(at)

    run(scenario())
    first, count, _ = said[0]
    assert first == f"{count:,} of {MANY:,} schedules read so far"
    assert count < MANY
    for text, count, all_known in said:
        if count < MANY:
            assert text == f"{count:,} of {MANY:,} schedules read so far"
        else:
            assert text.startswith(f"{MANY:,} schedules · {MANY:,} enabled")
            assert ("still unknown" in text) is not all_known
    assert any("next run of " in text for text, _, _ in said)


def test_an_edit_is_seen_while_the_rest_is_still_computed(
    profile: Profile, redis_url: str, run: Run, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "READ_MS", 3_600_000)  # only who asks has it read again

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(profile, start=False)
            app.window.show()
            view: Any = app.window.show_view("shop", "schedules")
            await until(view.model.rowCount)
            view.schedules._timer.stop()
            assert view.schedules._reading
            one = view.model.row_at(0)
            with closing(open_store(redis_url)) as store:
                store.replace(one.entry, replace(one.entry, args=["new"]))
            view.schedules.refresh()  # as an edit does: what is being read may be older
            await until(lambda: view.model.row_at(view.model.line_of(one.place)).entry.args == ["new"])
            await until(lambda: not view.schedules._reading)
            assert view.schedules.summary.unknown == 0

    run(scenario())


def test_sorted_by_the_history_all_are_looked_up(profile: Profile, run: Run, qapp: QApplication) -> None:
    history = History(profile.history_path())
    uuid = "00000000-0000-4000-8000-000000000001"
    told: dict[str, Any] = {"hostname": "w@h", "pid": 1, "timestamp": 1_795_000_000.0}
    record = history.record(uuid, 1_795_000_000.0)
    task = f"shop.t{(MANY - 1) % 3}"
    record.add(Event(type="task-received", uuid=uuid, clock=1, name=task, args=f"[{MANY - 1}]", kwargs="{}", **told))
    record.add(Event(type="task-failed", uuid=uuid, clock=2, exception="E", **told))
    history.commit(1_795_000_010.0)
    history.close()

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(profile, start=False)
            app.window.show()
            view: Any = app.window.show_view("shop", "schedules")
            await until(lambda: view.model.rowCount() == MANY and view.schedules.summary.looked_up)
            assert view.schedules.summary.looked_up < MANY  # those in sight
            assert "looked up" not in view.totals.text()
            sort_by(view, "outcome")
            await until(lambda: "Outcome looked up for" in view.totals.text())
            await until(lambda: view.schedules.summary.looked_up == MANY)
            await until(lambda: "looked up" not in view.totals.text())
            await asyncio.sleep(0)
            await until(lambda: view.model.rows()[0].seen)
            assert view.model.rows()[0].entry.args == [MANY - 1]  # “failure” before a dash

    run(scenario())


def test_many_changes_are_planned_off_the_gui_thread(
    profile: Profile, run: Run, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []

    def planned(*args: Any, **more: Any) -> Plan[Step]:
        threads.append(threading.current_thread().name)
        return plan_changes(*args, **more)

    monkeypatch.setattr(schedule_edits, "plan_changes", planned)

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(profile, start=False)
            app.window.show()
            view: Any = app.window.show_view("shop", "schedules")
            await until(lambda: view.schedules.summary.complete and view.model.rowCount() == MANY)
            view.table.selectAll()
            app.window.run_command("disable_schedule")
            await until(lambda: child(app, "StepsDialog"), what="the preview")
            preview = child(app, "StepsDialog")
            assert len(preview.plan.items) == MANY
            assert "Disable" in preview.go.text()
            preview.reject()
            view.table.clearSelection()
            view.table.selectRow(0)
            app.window.run_command("disable_schedule")
            assert len(child(app, "StepsDialog").plan.items) == 1  # at once
            child(app, "StepsDialog").reject()

    run(scenario())
    assert threads[0] != threading.main_thread().name
    assert threads[1] == threading.main_thread().name


def test_words_of_the_heading() -> None:
    assert total_words(ScheduleSummary()) == ""
    assert total_words(ScheduleSummary(count=1, on=0, expected=1)) == "1 schedule · 0 enabled"
    assert total_words(ScheduleSummary(count=100, on=90, expected=10_000)) == "100 of 10,000 schedules read so far"
    assert total_words(ScheduleSummary(count=3, on=3, expected=3, unknown_stores=1)) == "3 schedules so far"
    known = ScheduleSummary(count=10_000, on=9_000, expected=10_000, unknown=40, looked_up=60)
    assert total_words(known) == "10,000 schedules · 9,000 enabled · next run of 40 still unknown"
    assert total_words(known, "Runtime").endswith("Runtime looked up for 60 so far")
