"""What nobody has counted is not 0: a broker that cannot be reached, a recorder that has not begun."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QApplication

from deskq.history.rows import QueueRow, RecorderStatus, WorkerRow
from deskq.history.writing.writer import History
from deskq.models.broker_tree import NoteRole
from deskq.models.tasks.table import TasksModel
from deskq.profiles import Profile
from deskq.protocol.events import Event
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened

REASON = "Nothing is listening on 127.0.0.1:1"
NOW = 1_795_000_000.0
UNKNOWN_CHIPS = ("All –", "Waiting –", "Running –", "Succeeded –", "Failed –")
UNKNOWN_QUEUES = "The queues are unknown"


def chips(tasks: Any) -> list[str]:
    """The counts above the task table, as far as they are shown."""
    return [button.text() for button in tasks.counts_bar._buttons.values() if not button.isHidden()]


def test_a_dead_host_has_no_numbers(run: Run, qapp: QApplication) -> None:
    """With a recorder of its own, which begins a history and never reaches the broker."""

    async def scenario() -> None:
        async with opened(qapp) as app:
            session = app.add(Profile.from_url("redis://127.0.0.1:1/0", name="dead"))
            app.window.show()
            tasks: Any = app.window.show_view("dead", "tasks")
            said: set[tuple[str, str]] = set()

            def told() -> bool:
                said.add((tasks.empty.title.text(), tasks.empty.reason.text()))
                return REASON in tasks.empty.reason.text()

            await until(told, 40, "the reason")
            assert REASON in session.problem
            assert not any("No history" in reason or "-E" in reason for _, reason in said)
            assert chips(tasks) == [*UNKNOWN_CHIPS]
            overview: Any = app.window.show_view("dead", "overview")
            await until(lambda: overview._facts, 20, "an answer of the history")
            texts = [button.text() for button in overview.numbers]
            assert texts == ["Waiting –", "Running –", "Failed –", "Workers unknown", "Queues unknown", ""]
            assert REASON in overview._by_broker.text()
            assert overview._by_broker.isVisible()
            # Nobody listened: that is a gap with its reason, and no throughput of 0.
            await until(lambda: overview._facts["dead"].gaps, 20, "the gap")
            (gap,) = overview._facts["dead"].gaps
            assert REASON in gap.cause
            assert overview.throughput.nothing.isVisibleTo(overview)
            tree = app.window.tree
            assert {tree.index_of("dead", kind).data(NoteRole) or "" for kind in ("workers", "queues")} == {""}
            queues: Any = app.window.show_view("dead", "queues")
            expected = (UNKNOWN_QUEUES, session.problem)
            await until(lambda: (queues.empty.title.text(), queues.empty.reason.text()) == expected, 20, "the reason")
            assert queues.totals.text() == ""
            assert not queues.detail.isVisible()
            workers: Any = app.window.show_view("dead", "workers")
            assert workers.empty.title.text() == "The workers are unknown"

    run(scenario())


def test_a_recorder_that_has_not_told_yet(tmp_path: Path, run: Run, qapp: QApplication) -> None:
    """It holds its history, and has written nothing about itself: that was not in 1970."""

    async def scenario() -> None:
        profile = Profile.from_url("redis://127.0.0.1:1/0", name="new", history=str(tmp_path / "new.sqlite"))
        history = History(profile.history_path())
        try:
            async with opened(qapp) as app:
                session = app.add(profile)
                app.window.show()
                await until(lambda: session.status is not None, 20, "the status")
                assert session.status is not None
                assert session.status.updated == 0
                assert session.problem == ""
                now = time.time()
                history.put_status(RecorderStatus("connecting", now, REASON, updated=now))
                history.commit(now)
                await until(lambda: session.problem == REASON, 20, "the reason")
        finally:
            history.close()

    run(scenario())


def test_what_was_counted_is_0(redis_url: str, run: Run, qapp: QApplication) -> None:
    """An empty broker that answers: until then nothing is known, and then none is 0."""

    async def scenario() -> None:
        async with opened(qapp) as app:
            session = app.add(Profile.from_url(redis_url, name="empty"))
            app.window.show()
            tasks: Any = app.window.show_view("empty", "tasks")
            assert chips(tasks) == [*UNKNOWN_CHIPS]
            await until(lambda: session.heard, 30, "the recorder")
            await until(lambda: chips(tasks) == [text.replace("–", "0") for text in UNKNOWN_CHIPS], 20, "the counts")
            queues: Any = app.window.show_view("empty", "queues")
            told: set[tuple[bool, str]] = set()

            def counted() -> bool:
                told.add((session.queues_known, queues.totals.text()))
                return bool(queues.totals.text())

            await until(counted, 30, "the totals")
            assert queues.totals.text() == "0 queues · 0 ready · 0 unacked"
            assert (False, queues.totals.text()) not in told
            tree = app.window.tree
            await until(lambda: tree.index_of("empty", "workers").data(NoteRole) == "0", 30, "the number of workers")
            assert session.workers_known
            assert session.status is not None
            assert app.window.bar.text.text().startswith("recording")

    run(scenario())


def test_figures_that_are_missing_are_not_counted_as_0(run: Run, qapp: QApplication, recorded: Recorded) -> None:
    """A user without the rights to read a queue's depth, and a broker beside one that nobody hears."""

    async def scenario() -> None:
        rows = [
            QueueRow("emails", 3, None, 0, None, None, None, None, NOW, False),
            QueueRow("reports", None, None, None, None, None, None, None, NOW, False),
            QueueRow("gone", None, None, None, None, None, None, None, NOW, False, exists=False),
        ]
        recorded.history.put_queues(rows, [])
        recorded.add(1, state="failed")
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.add(Profile.from_url("redis://127.0.0.1:1/0", name="dead"))
            app.window.show()
            queues: Any = app.window.show_view("shop", "queues")
            await until(lambda: queues.totals.text() == "2 queues · ≥ 3 ready · – unacked", 20, "the totals")
            tree = app.window.tree
            await until(lambda: tree.index_of("shop", "queues").data(NoteRole) == "≥ 3", 20, "the note")
            overview: Any = app.window.show_overall("everything")
            dead = app.sessions["dead"]
            await until(lambda: len(overview._facts) == 2 and dead.problem, 20, "both answers")
            overview._write()
            assert overview.numbers[2].text().startswith("Failed ≥ 1")
            assert overview.numbers[4].text() == "Longest queue: emails (shop) 3"
            assert not overview.numbers[5].text()  # that every queue has a consumer nobody knows
            assert f"dead: {REASON}" in overview._by_broker.text()
            assert "shop: ≥ 3 ready, 1 failed, no workers seen." in overview._by_broker.text()

    run(scenario())


def test_a_retry_says_no_number_before_it_has_read_one(run: Run, qapp: QApplication, recorded: Recorded) -> None:
    async def scenario() -> None:
        (failed,) = recorded.add(1, state="failed")
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            dialog: Any = app.window.acting.retry("shop", [failed], "shop", "emails")
            assert (dialog.heading.text(), dialog.go.text()) == ("Retry tasks at shop (DEV)", "Retry")
            await until(lambda: dialog.model.rowCount() == 1, 30, "the task")
            await until(lambda: "1 task" in dialog.heading.text(), 30, "the title")
            dialog.reject()

    run(scenario())


def test_how_long_a_task_runs_is_told_by_this_clock(run: Run, recorded: Recorded) -> None:
    """Three workers whose clocks are an hour ahead, an hour behind, and an hour ahead without anybody knowing."""

    async def scenario() -> None:
        now = time.time()
        for number, (worker, ahead, known) in enumerate(
            (
                ("ahead@h", 3_600.0, True),
                ("behind@h", -3_600.0, True),
                ("new@h", 3_600.0, False),
                ("right@h", 0.0, True),
            )
        ):
            uuid = f"00000000-0000-4000-9000-{number:012}"
            for kind in ("received", "started"):
                event = Event(
                    type=f"task-{kind}", uuid=uuid, hostname=worker, name=worker, clock=1, timestamp=now + ahead - 65
                )
                recorded.history.record(uuid, now).add(event)
            difference = ahead if known else None
            recorded.history.put_workers([WorkerRow(worker, True, now, now, clock_difference=difference)])
        recorded.history.commit(now)
        session = recorded.session()
        session.start()
        model = TasksModel(session)
        await until(lambda: model.rowCount() == 4)
        column = next(number for number, column in enumerate(model.columns) if column.key == "runtime")
        shown = {model.index(row, 1).data(): model.index(row, column).data() for row in range(4)}
        assert shown.pop("new@h") == "unknown"  # it was 0 µs
        assert all(text.startswith("1 min ") and text.endswith(" s …") for text in shown.values()), shown
        model.deleteLater()
        await session.stop()

    run(scenario())
