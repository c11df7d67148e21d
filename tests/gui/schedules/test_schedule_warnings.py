"""What is wrong with schedules that beat can use: said where it is so, and nowhere else."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import celery.beat
import pytest
import redis
from PySide6.QtWidgets import QApplication

from deskq.brokers.remote_control import RemoteControl, is_beat
from deskq.doctor.connection.workers import ask_workers
from deskq.doctor.observed import Observed
from deskq.files.locks import WriterLock
from deskq.history.reading.consumed import consumed_queues
from deskq.history.rows import QueueRow, TaskRow, WorkerRow
from deskq.history.writing.writer import History
from deskq.profiles import Profile
from deskq.schedules.model import (
    Clocked,
    Crontab,
    Entry,
    Interval,
    RRule,
    Schedule,
    ScheduleStore,
    Solar,
    StoreKind,
)
from deskq.schedules.opening import open_store
from deskq.schedules.profile_reader import ScheduleReader, ScheduleRow
from deskq.services.schedules.warnings import late_since, warnings_of
from tests.gui.conftest import Run, until
from tests.gui.schedules.test_schedules import child, column, profile, shown, store
from tests.gui.shell.test_window import opened
from tests.support.django_project import DjangoProject, sqlite
from tests.support.processes import Process
from tests.support.sample_app import BROKER, CONFIG
from tests.support.schedule_entries import added, entry, names
from tests.support.waiting import wait_until

__all__ = ["profile", "store"]

NOW = 1_795_000_000.0
ROW = ScheduleRow(Entry(name="a", task="t", schedule=Interval(60.0)), "redbeat:x", "x", StoreKind.REDBEAT, "UTC")


def ran(runtime: float | None, sent: float | None = None) -> TaskRow:
    times = dict.fromkeys(("sent", "received", "started", "finished", "eta", "expires"))
    texts = dict.fromkeys(("args", "kwargs", "result", "exception", "root_id", "parent_id", "revoked"), "")
    told: dict[str, Any] = times | texts | {"sent": sent} | {"retries": 0, "deliveries": 1, "ran_twice": False}
    return TaskRow(1, "u", "t", "SUCCESS", "q", "w", NOW, runtime=runtime, **told)


def worker(name: str, *queues: str, online: bool = True) -> WorkerRow:
    return WorkerRow(name, online, NOW, NOW, queues=queues)


def queue(name: str, consumers: int | None) -> QueueRow:
    return QueueRow(name, 0, 0, consumers, None, None, None, None, NOW, False)


def test_who_consumes_is_known_or_not() -> None:
    assert consumed_queues([], []) is None
    assert consumed_queues([worker("w", "a", online=False)], []) is None
    assert consumed_queues([worker("w", "a"), worker("v")], []) is None  # one whose queues nobody knows
    assert consumed_queues([worker("w", "a"), worker("v", "b")], [queue("c", 1), queue("d", 0)]) == frozenset("abc")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, []),
        ({"expires_at": NOW - 5}, ["Ended"]),
        ({"expires_at": NOW + 5}, []),
        ({"options": {"queue": "slow"}}, ["“slow”"]),
        ({"options": {"queue": "fast"}}, []),
        ({"options": {"queue": ["slow"]}}, ["slow"]),
        ({"schedule": Interval(10.0)}, ["Runs overlap"]),
        ({"due_at": NOW - 600}, ["Overdue since"]),
        ({"due_at": NOW - 30}, []),
        ({"due_at": NOW - 600, "options": {"queue": "slow"}}, ["“slow”", "Overdue since"]),
        ({"due_at": NOW - 600, "expires_at": NOW - 5, "enabled": False}, []),
        ({"due_at": NOW - 600, "problem": "broken"}, []),
        ({"last_run_at": NOW + 180}, ["in the future: beat"]),
        ({"last_run_at": NOW + 2}, []),
    ],
)
def test_warnings(changes: dict[str, Any], says: list[str]) -> None:
    row = replace(ROW, entry=replace(ROW.entry, **changes))
    runs = [ran(runtime, NOW - number * 60.0) for number, runtime in enumerate((0.5, None, 12.0))]
    found = warnings_of(row, runs, frozenset({"fast"}), NOW)
    assert len(found) == len(says)
    assert all(words in text for words, text in zip(says, found, strict=True))
    assert not [text for text in warnings_of(row, None, None, NOW) if "queue" in text or "overlap" in text]


@pytest.mark.parametrize(
    ("schedule", "longest", "says"),
    [
        (Crontab("0,5", "3"), 400.0, "run took 6 min 40 s; its next runs are only 5 min 0 s apart."),
        (Crontab("0,5", "3"), 290.0, ""),
        (Crontab("0", "3"), 7_200.0, ""),
        (Crontab("*"), 61.0, "only 1 min 0 s"),
        (Crontab("0", "3", "29", "2"), 90_000.0, ""),
        (Crontab("0", "3", zone="No/Where"), 90_000.0, ""),
        (RRule("minutely", interval=2, dtstart=NOW - 1e6), 130.0, "only 2 min 0 s"),
        (RRule("daily", dtstart=NOW - 1e6, until=NOW - 1e5), 90_000.0, ""),  # it has ended
        (Solar("sunset", 52.5, 13.4), 90_000.0, "apart"),
        (Solar("sunset", 52.5, 13.4), 80_000.0, ""),
        (Clocked(NOW + 60), 90_000.0, ""),
    ],
)
def test_what_runs_longer_than_its_shortest_pause(schedule: Schedule, longest: float, says: str) -> None:
    row = replace(ROW, entry=replace(ROW.entry, schedule=schedule))
    runs = [ran(longest, NOW - 200_000.0), ran(0.5, NOW - 100_000.0), ran(None, NOW - 1.0)]
    found = " ".join(warnings_of(row, runs, None, NOW))
    assert says in found
    assert ("Runs overlap" in found) is bool(says)
    assert not warnings_of(replace(row, entry=replace(row.entry, one_off=True)), runs, None, NOW)


@pytest.mark.parametrize(
    ("times", "every", "twice"),
    [
        ((0.0, 0.2, 60.0, 60.1, 120.0, 120.4), 60.0, True),
        ((0.0, 0.2, 60.0, 120.0, 180.0), 60.0, False),  # once: somebody may have sent it by hand
        ((0.0, 60.0, 120.0), 60.0, False),
        ((0.0, 0.5, 1.0, 1.5), 0.5, False),  # that is how often it shall run
        ((), 60.0, False),
    ],
)
def test_two_beats_on_one_store(times: tuple[float, ...], every: float, twice: bool) -> None:
    row = replace(ROW, entry=replace(ROW.entry, schedule=Interval(every)))
    found = warnings_of(row, [ran(0.1, NOW - at) for at in times], None, NOW)
    assert all("a second beat" in text for text in found)
    assert bool(found) is twice


def test_a_store_without_times_to_come_is_late_by_its_last_run(tmp_path: Path) -> None:
    file = tmp_path / "django.sqlite3"
    DjangoProject(tmp_path / "project", {"default": sqlite(file)}).migrate({"default": ""})
    url = f"django-celery-beat:sqlite:///{file}"
    now = time.time()
    with closing(open_store(url)) as django:
        for name, age, schedule in (
            ("late", 3_000.0, Interval(60.0)),
            ("noted soon", 200.0, Interval(60.0)),
            ("in time", 30.0, Interval(60.0)),
            ("nightly", 60.0, Crontab("0", "3")),
        ):
            added(django, entry(name, schedule, last_run_at=now - age))
        added(django, entry("never ran"))
    profile = Profile.from_url("redis://127.0.0.1:1/0", schedule_stores=(url,))
    with closing(ScheduleReader(profile)) as reader:
        reader.read()
        while reader.look_ahead():
            pass
        rows = {row.entry.name: row for row in reader.rows()}
        found = {name: since for name, row in rows.items() if (since := late_since(row, now)) is not None}
        assert set(found) == {"late"}
        assert found["late"] == pytest.approx(now - 3_000 + 60, abs=0.01)


@pytest.mark.skipif(not hasattr(celery.beat, "BeatPidbox"), reason="this Celery's beat does not answer")
def test_a_beat_that_answers_is_named_and_is_no_worker(
    redis_url: str, profile: Profile, store: ScheduleStore, run: Run, qapp: QApplication, tmp_path: Path
) -> None:
    added(store, entry("a"))
    config = {"redbeat_redis_url": redis_url, "redbeat_redis_options": {}, "beat_enable_remote_control": True}
    arguments = [sys.executable, "-m", "celery", "-A", "tests.support.sample_app", "beat", "--pidfile="]
    arguments += ["-S", "redbeat.RedBeatScheduler"]
    environment = os.environ | {BROKER: redis_url, CONFIG: json.dumps(config)}
    beat = Process(arguments, log=tmp_path / "beat.log", env=environment, cwd=Path(__file__).parents[3])
    try:
        with closing(RemoteControl(profile)) as remote:
            wait_until(lambda: any(map(is_beat, remote.inspect("ping"))), 30, "beat to answer")
        observed = Observed()
        outcome = ask_workers(profile, observed, in_full=True)
        assert observed.answering == []
        assert outcome.state == "warning"  # nobody who works

        async def scenario() -> None:
            async with opened(qapp) as app:
                view = await shown(app, profile, 1)
                assert "replied at" not in view.problems.text()
                app.window.run_command("refresh")
                await until(lambda: "celerybeat@" in view.problems.text() and view.problems.isVisible())

        run(scenario())
    finally:
        beat.end(10)


def test_warnings_in_the_window(
    redis_url: str, profile: Profile, store: ScheduleStore, run: Run, qapp: QApplication
) -> None:
    added(store, entry("quiet", Interval(60.0), options={"queue": "nobody"}))
    added(store, entry("sound", Interval(60.0), options={"queue": "emails"}))
    with closing(redis.Redis.from_url(redis_url)) as server:
        server.sadd("redbeat::statics", "sound")
    history = History(profile.history_path())
    history.put_workers([WorkerRow("w1@host", True, time.time(), time.time(), queues=("emails",))])
    history.close()
    recorder = WriterLock(profile.history_path())
    assert recorder.acquire()

    async def scenario() -> None:
        async with opened(qapp) as app:
            view = await shown(app, profile, 2)
            lines = {one.entry.name: line for line, one in enumerate(view.model.rows())}
            await until(lambda: "on !" in [column(view, "enabled", line) for line in range(2)], what="a warning")
            lines = {one.entry.name: line for line, one in enumerate(view.model.rows())}
            assert column(view, "enabled", lines["sound"]) == "on"
            assert " · " in column(view, "next", lines["sound"]) or column(view, "next", lines["sound"]) == "now"
            view.table.selectRow(lines["quiet"])
            assert "consumes the queue “nobody”" in view.detail.problem.text()
            view.table.selectRow(lines["sound"])
            assert not view.detail.problem.text()
            app.window.run_command("disable_schedule")
            await until(lambda: child(app, "StepsDialog"), what="the preview")
            dialog = child(app, "StepsDialog")
            assert "Defined in code: “sound”. Beat reverts this change at its next start." in dialog.note.text()
            dialog.reject()
            assert names(store)["sound"].enabled
            recorder.release()  # nobody watches the workers any more, so nobody knows who is online
            view.schedules.refresh()
            await until(lambda: not any(one.warnings for one in view.model.rows()), what="no warning")

    try:
        run(scenario())
    finally:
        recorder.release()
