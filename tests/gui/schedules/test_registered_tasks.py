"""Schedules whose task no worker registers: said where all workers told, and asked for once."""

from __future__ import annotations

import base64
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest
import redis
from PySide6.QtWidgets import QApplication

from deskq.brokers.remote_control import registered_names
from deskq.history.rows import WorkerRow
from deskq.profiles import Profile, Safety
from deskq.schedules.model import ScheduleStore
from deskq.services.registered_tasks import Answers, Registered, registered_by
from deskq.services.schedules import following
from deskq.services.schedules.warnings import warnings_of
from tests.gui.conftest import Run, until
from tests.gui.schedules.test_schedule_warnings import NOW, ROW
from tests.gui.schedules.test_schedules import child, column, profile, store
from tests.gui.shell.test_window import opened
from tests.support.celery_worker import CeleryWorker
from tests.support.schedule_entries import added, entry

__all__ = ["profile", "store"]

ANSWERS = Answers(NOW, {"w": frozenset({"a"}), "v": frozenset({"b"})}, {"w": 7, "v": None})


def worker(name: str, *, online: bool = True, since: float = NOW - 60, pid: int = 7) -> WorkerRow:
    return WorkerRow(name, online, since, NOW - 60, pid=pid)


def test_what_workers_answer() -> None:
    replies: dict[str, object] = {"w": ["a [rate_limit=5/m]", "b", 3], "v": {"error": "no"}, "u": []}
    assert registered_names(replies) == {"w": frozenset({"a", "b"}), "u": frozenset()}


@pytest.mark.parametrize(
    ("answers", "workers", "known"),
    [
        (ANSWERS, [worker("w", pid=7), worker("v", pid=8)], True),
        (ANSWERS, [worker("w", pid=7), worker("u", online=False)], True),
        (ANSWERS, [worker("w", since=NOW + 2)], True),  # the recorder began when they were asked
        (ANSWERS, [worker("w", since=NOW + 60)], False),  # it came later: what it registers nobody asked
        (ANSWERS, [worker("w", pid=9)], False),  # another process by now
        (ANSWERS, [worker("w"), worker("u")], False),  # one has not answered
        (ANSWERS, [worker("w", online=False)], False),
        (ANSWERS, [], False),
        (replace(ANSWERS, tasks={}), [worker("w")], False),
        (None, [worker("w")], False),
    ],
)
def test_it_is_known_where_all_who_are_online_told(
    answers: Answers | None, workers: list[WorkerRow], known: bool
) -> None:
    assert registered_by(answers, workers) == (Registered(frozenset("ab"), 2, NOW) if known else None)


@pytest.mark.parametrize(
    ("task", "changes", "warns"),
    [
        ("shop.gone", {}, True),
        ("shop.gone", {"enabled": False}, False),
        ("a", {}, False),
        ("celery.backend_cleanup", {}, False),  # every worker has it, and tells nothing of it
        ("", {}, False),
    ],
)
def test_the_warning(task: str, changes: dict[str, Any], warns: bool) -> None:
    row = replace(ROW, entry=replace(ROW.entry, task=task, **changes))
    found = warnings_of(row, None, None, NOW, Registered(frozenset("ab"), 2, NOW))
    assert bool(found) is warns
    assert all(text.startswith(f"No worker has registered the task “{task}” (2 workers answered at ") for text in found)
    assert warnings_of(row, None, None, NOW, None) == ()


@contextmanager
def questions(redis_url: str) -> Iterator[Callable[[], int]]:
    """How often all workers were asked for what they registered."""
    asked = 0
    with closing(redis.Redis.from_url(redis_url)) as server, closing(server.pubsub()) as heard:
        heard.psubscribe(f"/{redis_url.rpartition('/')[2]}.*pidbox*")
        assert heard.get_message(timeout=20)

        def count() -> int:
            nonlocal asked
            while (message := heard.get_message()) is not None:
                body = base64.b64decode(json.loads(message["data"])["body"])
                asked += json.loads(body)["method"] == "registered"
            return asked

        yield count


def test_a_task_that_no_worker_registers(
    redis_url: str,
    profile: Profile,
    store: ScheduleStore,
    run: Run,
    qapp: QApplication,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(following, "READ_MS", 100)
    added(store, entry("sound"))
    added(store, replace(entry("gone"), task="shop.<b>gone"))
    added(store, replace(entry("cleanup"), task="celery.backend_cleanup"))

    async def scenario(workers: CeleryWorker, asked: Callable[[], int]) -> None:
        async with opened(qapp) as app:
            app.add(profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "schedules")

            def warned() -> set[str]:
                return {one.entry.name for one in view.model.rows() if one.warnings}

            await until(lambda: warned() == {"gone"}, 30, "the warning")
            lines = {one.entry.name: line for line, one in enumerate(view.model.rows())}
            assert column(view, "enabled", lines["gone"]) == "on !"
            view.table.selectRow(lines["gone"])
            assert "No worker has registered the task “shop.<b>gone” (1 worker answered" in view.detail.problem.text()
            turns: list[object] = []
            view.schedules.changed.connect(lambda: turns.append(None))
            await until(lambda: len(turns) > 10, 30, "more reading")
            app.window.show_view("shop", "tasks")
            app.window.show_view("shop", "schedules")
            turns.clear()
            await until(lambda: len(turns) > 3, 30, "more reading")
            assert asked() == 1

            app.window.run_command("new_schedule")
            dialog = child(app, "ScheduleDialog")
            tasks = dialog.fields.task
            assert tasks.findText("sample.total") >= 0  # which no schedule and no history names
            tasks.setEditText("shop.other")
            assert "No worker has registered the task “shop.other”" in dialog.unknown.text()
            assert dialog.unknown.isVisible()
            tasks.setEditText("sample.total")
            assert not dialog.unknown.isVisible()
            dialog.done(0)

            os.kill(workers.pid, signal.SIGSTOP)  # it is still taken for online, and answers nothing
            app.window.run_command("refresh")
            await until(lambda: not warned(), 30, "no more claim")
            os.kill(workers.pid, signal.SIGCONT)
            await until(lambda: not view.schedules._asking, 30)
            app.window.run_command("refresh")
            await until(lambda: warned() == {"gone"}, 30, "the warning again")

    with questions(redis_url) as asked, CeleryWorker(redis_url) as workers:
        run(scenario(workers, asked))


@pytest.mark.parametrize("closed", ["silent", "read_only"])
def test_who_may_not_be_asked_is_not(
    closed: str,
    redis_url: str,
    profile: Profile,
    store: ScheduleStore,
    run: Run,
    qapp: QApplication,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(following, "READ_MS", 100)
    added(store, replace(entry("gone"), task="shop.gone"))
    silent = closed == "silent"
    shut = replace(profile, silent=True) if silent else replace(profile, safety=Safety.READ_ONLY)

    async def scenario(asked: Callable[[], int]) -> None:
        async with opened(qapp) as app:
            app.add(shut)
            app.window.show()
            view: Any = app.window.show_view("shop", "schedules")
            await until(lambda: view.schedules._known.online, 30, "the worker")
            turns: list[object] = []
            view.schedules.changed.connect(lambda: turns.append(None))
            await until(lambda: len(turns) > 5, 30, "more reading")
            assert asked() == 0
            assert not any(one.warnings for one in view.model.rows())
            app.window.run_command("refresh")  # a person asks: of a silent profile nobody does
            if not silent:
                await until(lambda: any(one.warnings for one in view.model.rows()), 30, "the warning")
            turns.clear()
            await until(lambda: len(turns) > 5, 30, "more reading")
            assert asked() == (0 if silent else 1)

    with questions(redis_url) as asked, CeleryWorker(redis_url):
        run(scenario(asked))
