"""Retrying in the window: by dragging onto a queue, by key, with the preview between; real brokers and workers."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import redis
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QWidget

from deskq.actions.journal.journal import Journal, journal_path
from deskq.app import App
from deskq.history.rows import QueueRow
from deskq.models.tasks.mime import mime_of, tasks_in
from deskq.profiles import Environment, Profile, Safety
from deskq.views.widgets.commands import CommandKey
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened
from tests.support.celery_worker import CeleryWorker
from tests.support.sample_app import sample_client
from tests.support.soak import rounds

NOW = 1_795_000_000.0
TASKS_OF_DIALOGS = ("shop: retry", "shop: send")


def dialog_of(app: App) -> Any:
    return next(child for child in app.window.findChildren(QWidget) if type(child).__name__ == "RetryDialog")


def drag(viewport: QWidget, place: QPoint, data: QMimeData, *, drop: bool) -> bool:
    """What Qt sends to a viewport while something is dragged over it; returns whether it would be taken."""
    copy, button, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(viewport, QDragEnterEvent(place, copy, data, button, none))
    move = QDragMoveEvent(place, copy, data, button, none)
    move.ignore()
    QApplication.sendEvent(viewport, move)
    if drop and move.isAccepted():
        QApplication.sendEvent(viewport, QDropEvent(QPointF(place), copy, data, button, none, QEvent.Type.Drop))
    else:
        QApplication.sendEvent(viewport, QDragLeaveEvent())
    return move.isAccepted()


def test_tasks_travel_by_profile_and_id() -> None:
    assert tasks_in(mime_of("shop", ["a", "b"])) == ("shop", ["a", "b"])
    assert tasks_in(mime_of("shop", ["a", 7])) == ("shop", ["a", 7])
    assert mime_of("shop", ["a", "b", 7]).text() == "a\nb"
    for raw in (b"", b"{", b"[]", b'{"profile": 1, "tasks": []}', b'{"profile": "x", "tasks": [null]}', b"[" * 99_999):
        foreign = QMimeData()
        foreign.setData("application/x-deskq-tasks", raw)
        assert tasks_in(foreign) is None


def test_hovering_says_what_a_drop_would_do_and_read_only_takes_nothing(
    recorded: Recorded, tmp_path: Path, run: Run, qapp: QApplication
) -> None:
    recorded.add(3, state="failed")
    queue = QueueRow("emails", 3, 1, 0, None, None, None, None, NOW, True, (1, 2, 3))
    recorded.history.put_queues([queue], [])
    watched = Recorded(tmp_path / "other", "watched")
    watched.history.put_queues([queue], [])
    production = Profile.from_url("redis://127.0.0.1:1/0", name="shop", history=recorded.profile.history,
                                  environment=Environment.PRODUCTION)  # fmt: skip
    read_only = Profile.from_url("redis://127.0.0.1:1/1", name="watched", history=watched.profile.history,
                                 safety=Safety.READ_ONLY)  # fmt: skip

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(production)
            app.add(read_only)
            window = app.window
            window.show()
            tree, sidebar = window.tree, window.sidebar
            await until(lambda: all(tree.index_of(name, "queue", "emails").data() == "emails" for name in app.sessions))
            said: list[str] = []
            sidebar.drop.hovered.connect(said.append)
            viewport = sidebar.viewport()

            def middle(name: str) -> QPoint:
                sidebar.expandAll()
                return sidebar.visualRect(tree.index_of(name, "queue", "emails")).center()

            data = mime_of("shop", ["a", "b"])
            assert drag(viewport, middle("shop"), data, drop=False)
            assert "Retry 2 tasks on emails at shop (PROD)" in said
            assert said[-1] == ""
            assert not drag(viewport, middle("watched"), data, drop=True)
            assert "watched is read-only: tasks cannot be retried" in said
            assert not drag(viewport, sidebar.visualRect(tree.index_of("shop", "tasks")).center(), data, drop=True)
            text = QMimeData()
            text.setText("anything")
            assert not drag(viewport, middle("shop"), text, drop=True)
            assert not [child for child in window.findChildren(QWidget) if type(child).__name__ == "RetryDialog"]

    run(scenario())
    watched.history.close()


@pytest.mark.parametrize("kind", ["redis_url", "rabbit_vhost_url"])
def test_failed_tasks_dragged_onto_a_queue_run_once_each(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, run: Run, qapp: QApplication
) -> None:
    url: str = request.getfixturevalue(kind)
    count = rounds(60, 1_000)
    file = tmp_path / "notes"
    gate = Path(f"{file}.fail")
    gate.touch()
    profile = Profile.from_url(url, name="shop", history=str(tmp_path / "h.sqlite"))

    def notes() -> list[dict[str, Any]]:
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    async def scenario(client: Any) -> None:
        async with opened(qapp) as app:
            session = app.add(profile)
            window = app.window
            window.show()
            await until(lambda: session.status is not None and session.status.state == "recording", 30)
            sent = {client.send_task("sample.note", (str(file), n, f"grüße {n}")).id: n for n in range(count)}
            view: Any = window.show_view("shop", "tasks")
            view.set_filter("state:FAILURE")
            await until(lambda: view.model.rowCount() == count, 60, "the failures")
            gate.unlink()  # noqa: ASYNC240 - a moment, in a test
            await until(lambda: window.tree.index_of("shop", "queue", "second").data() == "second", 30, "the queue")
            view.table.selectAll()
            window.sidebar.expandAll()
            place = window.sidebar.visualRect(window.tree.index_of("shop", "queue", "second")).center()
            data = mime_of("shop", view.table.selected_tasks())  # also those that were never in sight
            assert drag(window.sidebar.viewport(), place, data, drop=True)
            dialog = dialog_of(app)
            await until(lambda: dialog.model.rowCount() == count, 30, "the preview")
            assert dialog.heading.text() == f"Retry {count:,} tasks on “second” at shop (DEV)"
            assert not dialog.go.isDefault()
            assert dialog.go.text() == f"Retry {count:,} tasks"
            dialog.rate.setValue(0)
            await until(dialog.go.isEnabled)
            dialog.go.click()
            await until(lambda: "sent" in dialog.message.text(), 60, "the end")
            assert dialog.message.text() == f"{count:,} tasks sent."
            dialog.cancel.click()
            await until(lambda: len(notes()) >= count, 60, "the retries")
            await asyncio.sleep(0)
            assert sorted(note["args"][0] for note in notes()) == sorted(sent.values())
            assert all(note["args"][1] == f"grüße {note['args'][0]}" for note in notes())
            journal = Journal()
            (action,) = journal.actions()
            assert action.outcomes == {"done": count}
            assert {item.source for item in journal.items(action.id)} == set(sent)
            journal.close()

    with sample_client(url) as client, CeleryWorker(url, concurrency=4, queues=("celery", "second")):
        run(scenario(client))


def test_arguments_that_are_not_known_are_filled_in_by_a_person(
    recorded: Recorded, run: Run, qapp: QApplication
) -> None:
    (cut,) = recorded.add(1, state="failed")
    recorded.tell(cut, "received", name="mail.send", args="('x...',)", kwargs="{}", retries=1, root_id=cut)
    recorded.history.commit(NOW)

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile)
            window = app.window
            window.show()
            view: Any = window.show_view("shop", "tasks")
            await until(lambda: view.model.rowCount() == 1)
            view.table.selectRow(0)
            window.run_command("retry_to")
            dialog = dialog_of(app)
            await until(lambda: dialog.model.rowCount() == 1)
            assert not dialog.go.isEnabled()
            assert "left out" in dialog.summary.text()
            dialog.queue.setEditText("emails")
            assert not dialog.go.isEnabled()
            dialog.args.selectAll()
            QTest.keyClicks(dialog.args, "[1,")
            assert "args is not JSON" in dialog.message.text()
            QTest.keyClicks(dialog.args, " 2]")
            await until(dialog.go.isEnabled)  # once it is known whether anybody takes from the queue
            assert "On" not in dialog.message.text()
            dialog.go.click()
            await until(lambda: "Nothing is listening" in dialog.message.text(), 20)
            dialog.reject()

    run(scenario())
    assert Journal().actions() == []


@pytest.mark.parametrize("command", ["retry_to", "send_like"])
def test_a_dialog_may_be_closed_while_it_still_reads(
    command: CommandKey, recorded: Recorded, run: Run, qapp: QApplication
) -> None:
    recorded.add(1, state="failed")

    async def scenario() -> None:
        async with opened(qapp) as app:
            session = app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            await until(lambda: view.model.rowCount() == 1)
            view.table.selectRow(0)
            answered = threading.Event()
            waiting = asyncio.ensure_future(session.ask(lambda _: answered.wait(20), slot="slow"))
            await asyncio.sleep(0)  # the thread that reads is taken from here on
            app.window.run_command(command)
            (dialog,) = app.window.findChildren(QDialog)
            dialog.reject()
            await until(lambda: not app.window.findChildren(QDialog))
            answered.set()
            await waiting
            await until(lambda: not [task for task in asyncio.all_tasks() if task.get_name() in TASKS_OF_DIALOGS])

    run(scenario())  # the loop hears of no error


def test_where_the_name_must_be_typed_nothing_goes_without(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    (failed,) = recorded.add(1, state="failed")
    profile = Profile.from_url(
        "redis://127.0.0.1:1/0", name="shop", history=recorded.profile.history, safety=Safety.ASK_NAME
    )

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(profile)
            app.window.show()
            dialog: Any = app.window.acting.retry("shop", [failed], "shop", "emails")
            await until(lambda: dialog.model.rowCount() == 1)
            assert not dialog.go.isEnabled()
            QTest.keyClicks(dialog.name, "shop")
            await until(dialog.go.isEnabled)
            dialog.reject()

    run(scenario())


def test_what_was_retried_before_is_left_out_unless_asked_for(
    redis_url: str, recorded: Recorded, run: Run, qapp: QApplication
) -> None:
    first, second = recorded.add(2, state="failed")
    for task in (first, second):
        recorded.tell(task, "received", name="mail.send", args="(1,)", kwargs="{}")
    recorded.history.commit(NOW)
    profile = Profile.from_url(redis_url, name="shop", history=recorded.profile.history)

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(profile)
            app.window.show()
            for tasks, shown in (
                ([first], "Retry 1 task on"),
                ([first, second], "Retry 1 task on"),
                ([first, second], "Every task was retried before"),
            ):
                await one_retry(app.window.acting.retry("shop", [*tasks], "shop", "emails"), len(tasks), shown)

    async def one_retry(dialog: Any, tasks: int, shown: str) -> None:
        await until(lambda: dialog.model.rowCount() == tasks)
        await until(lambda: shown in dialog.heading.text())
        assert dialog.again.isVisible() is (tasks > 1)
        again = shown.startswith("Every")
        if again:
            assert "2 left out: retried before" in dialog.summary.text()
            assert not dialog.go.isEnabled()
            dialog.again.click()
            assert "Retry 2 tasks on" in dialog.heading.text()
        await until(dialog.go.isEnabled)
        dialog.go.click()
        await until(lambda: f"{'2 tasks' if again else '1 task'} sent" in dialog.message.text(), 20)
        dialog.reject()

    run(scenario())
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen("emails") == 4


@pytest.mark.parametrize("keep", [False, True])
def test_the_root_id_is_kept_only_if_asked(
    keep: bool, redis_url: str, recorded: Recorded, run: Run, qapp: QApplication
) -> None:
    (alone, member) = recorded.add(2, state="failed")
    root = "00000000-0000-4000-8000-00000000000f"
    recorded.tell(member, "received", name="mail.send", args="(1,)", kwargs="{}", retries=1, root_id=root)
    recorded.history.commit(NOW)
    profile = Profile.from_url(redis_url, name="shop", history=recorded.profile.history)

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(profile)
            app.window.show()
            dialog: Any = app.window.acting.retry("shop", [alone], "shop", "emails")
            await until(lambda: dialog.model.rowCount() == 1)
            assert dialog.keep_root.isHidden()
            dialog.reject()
            dialog = app.window.acting.retry("shop", [member], "shop", "emails")
            await until(lambda: dialog.model.rowCount() == 1)
            assert dialog.keep_root.isVisible()
            assert not dialog.keep_root.isChecked()
            dialog.keep_root.setChecked(keep)
            await until(dialog.go.isEnabled)
            dialog.go.click()
            await until(lambda: "1 task sent" in dialog.message.text(), 20)
            dialog.reject()

    run(scenario())
    with redis.Redis.from_url(redis_url) as client:
        headers = json.loads(client.lindex("emails", 0))["headers"]
    assert headers["root_id"] == (root if keep else headers["id"])


def test_tasks_may_lie_on_the_clipboard_when_the_program_ends() -> None:
    """Qt destroys them there after Python has ended."""
    program = (
        "from PySide6.QtWidgets import QApplication\n"
        "from deskq.models.tasks.mime import mime_of, tasks_in\n"
        "app = QApplication([])\n"
        "app.clipboard().setMimeData(mime_of('shop', ['a', 'b']))\n"
        "assert tasks_in(app.clipboard().mimeData()) == ('shop', ['a', 'b'])\n"
        "assert app.clipboard().text() == 'a\\nb'\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stderr


def test_copied_tasks_are_pasted_onto_a_queue(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    failed = recorded.add(2, "failed")
    recorded.history.put_queues([QueueRow("emails", 3, 1, 0, None, None, None, None, NOW, True, ())], [])

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile)
            window = app.window
            window.show()
            view: Any = window.show_view("shop", "tasks")
            await until(lambda: view.model.rowCount() == 2)
            view.table.selectAll()
            QTest.keyClick(view.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
            clipboard = QApplication.clipboard()
            assert clipboard.text().count("\n") == 2  # for other programs it is a table
            assert tasks_in(clipboard.mimeData()) == ("shop", failed[::-1])
            tree = window.tree
            await until(lambda: tree.index_of("shop", "queue", "emails").data() == "emails")
            window.sidebar.setCurrentIndex(tree.index_of("shop", "tasks"))
            QTest.keyClick(window.sidebar, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
            assert not [child for child in window.findChildren(QWidget) if type(child).__name__ == "RetryDialog"]
            window.sidebar.setCurrentIndex(tree.index_of("shop", "queue", "emails"))
            QTest.keyClick(window.sidebar, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
            dialog = dialog_of(app)
            await until(lambda: dialog.model.rowCount() == 2)
            assert dialog.queue.currentText() == "emails"
            dialog.reject()
            assert not journal_path().exists()  # nothing was done: a preview does not make it

    run(scenario())
