"""The whole window, driven by its public actions: on a history of the test's own, and on real brokers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QMenu

from deskq.app import App
from deskq.history.rows import QueueRow, WorkerRow
from deskq.models.table.model import TableModel
from deskq.models.tasks.table import TasksModel
from deskq.profiles import Environment, Profile, Safety
from deskq.views.shell.keys_overlay import KeysOverlay
from deskq.views.shell.main_window import KINDS
from deskq.views.shell.palette import Palette, score
from deskq.views.widgets import theme
from deskq.views.widgets.commands import COMMANDS
from tests.gui.conftest import Recorded, Run, until
from tests.support.celery_worker import CeleryWorker
from tests.support.sample_app import sample_client

NOW = 1_795_000_000.0


@contextlib.asynccontextmanager
async def opened(qapp: QApplication) -> AsyncIterator[App]:
    """The window's parts, taken down again also when the test fails."""
    app = App(qapp)
    try:
        yield app
    finally:
        app.window.close()
        await app.stop()


def test_every_view_of_a_history(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        recorded.add(4)
        (failed,) = recorded.add(1, state="failed")
        recorded.history.put_workers([WorkerRow("w1@host", True, NOW, NOW, events_enabled=False, queues=("emails",))])
        recorded.history.put_queues([QueueRow("emails", 3, 1, 0, None, None, None, None, NOW, True, (1, 2, 3))], [])
        async with opened(qapp) as app:
            app.add(recorded.profile)
            window = app.window
            window.show()
            assert "shop (development)" in window.windowTitle()
            view: Any = window.show_view("shop", "tasks")
            await until(lambda: view.model.rowCount() == 5)
            view.set_filter("state:FAILURE")
            await until(lambda: view.model.rowCount() == 1)
            view.shown.show_current()
            await until(lambda: view.detail.detail is not None)
            assert view.detail.detail.row.uuid == failed
            assert view.detail.heading.textFormat() == Qt.TextFormat.PlainText
            assert view.detail.traceback.toPlainText().index(
                "/srv/shop/mail.py:7"
            ) < view.detail.traceback.toPlainText().index("site-packages")
            window.run_command("copy_call")
            call = "app.send_task('mail.send', args=(5,), kwargs={})"
            await until(lambda: QApplication.clipboard().text() == call)
            window.run_command("copy_uuid")
            await until(lambda: QApplication.clipboard().text() == failed)
            window.run_command("back")
            assert not view.detail.isVisible()
            view.set_filter("nothing like this")
            await until(lambda: view.empty.title.text() == "No task matches")
            view.empty.button.click()
            await until(lambda: view.model.rowCount() == 5)

            window.show_queue("shop", "emails")
            queues: Any = window.view()
            await until(lambda: queues.detail.heading.text() == "emails" and queues.model.rowCount() == 1)
            assert queues.model.index(0, len(queues.table.columns) - 1).data() == "no consumer"

            workers: Any = window.show_view("shop", "workers")
            await until(lambda: workers.model.rowCount() == 1)
            await until(workers.banner.isVisible)
            assert workers.enable.isVisible()

            overview: Any = window.show_view("shop", "overview")
            await until(lambda: overview.failures.rowCount() == 1)
            for scheme in ("dark", "light"):
                window.set_theme(scheme)
                assert theme.is_dark() == (scheme == "dark")

    run(scenario())


def test_two_brokers_at_once_and_one_removed(tmp_path: Path, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        shop, staging = Recorded(tmp_path, "shop"), Recorded(tmp_path, "staging")
        shop.add(2)
        staging.add(3)
        async with opened(qapp) as app:
            app.add(shop.profile)
            app.add(staging.profile)
            window = app.window
            window.show()
            view: Any = window.show_view("staging", "tasks")
            await until(lambda: view.model.rowCount() == 3)
            QTest.keyClick(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
            await until(lambda: window.session() is not None and window.session().profile.name == "shop")  # type: ignore[union-attr]
            everything: Any = window.show_overall("everything")
            await until(lambda: "staging" in everything._by_broker.text() and "shop" in everything._by_broker.text())
            await app.remove("staging")
            assert list(app.sessions) == ["shop"]
            shop.history.close()
            staging.history.close()

    run(scenario())


def test_the_arrangement_that_was_seen_last_comes_again(tmp_path: Path, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        names = ("shop", "bank")
        async with opened(qapp) as app:
            for number, name in enumerate(names):
                app.add(Profile.from_url(f"redis://127.0.0.1:{number + 1}/0", name=name), start=False)
            app.window.show()
            views: list[Any] = [app.window.show_view(name, "workers") for name in names]
            app.window.show_view("shop", "workers")
            views[0].table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
            app.window.show_overall("journal")
        async with opened(qapp) as app:
            app.add(Profile.from_url("redis://127.0.0.1:2/0", name="bank"), start=False)
            again: Any = app.window.show_view("bank", "workers")
            assert again.table.horizontalHeader().sortIndicatorSection() == 1
            assert again.model.sorted_by == (1, Qt.SortOrder.DescendingOrder)

    run(scenario())


def test_the_view_that_was_shown_last_comes_again(
    recorded: Recorded, deskq_home: Path, run: Run, qapp: QApplication
) -> None:
    def written() -> list[int]:
        return [path.stat().st_mtime_ns for path in deskq_home.rglob("*.ini")]

    async def scenario() -> None:
        for shown, wanted in (("Tasks", "queues"), ("Queues", "workers"), ("Workers", "journal")):
            async with opened(qapp) as app:
                app.add(recorded.profile, start=False)
                app.window.show()
                assert app.window.view().title == shown
                before = written()
                app.window.show_view("shop", wanted)
                await asyncio.sleep(0)
                # Switching writes nothing: what does, syncs the disk in the thread of the window.
                assert written() == before

    run(scenario())


def test_palette_and_keys(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile)
            window = app.window
            window.show()
            window.run_command("palette")
            palette = window.findChild(Palette)
            assert palette is not None
            QTest.keyClicks(palette.line, "shop: queues")
            QTest.keyClick(palette.line, Qt.Key.Key_Return)
            assert window.view().title == "Queues"
            window.run_command("keys")
            overlay = window.findChild(KeysOverlay)
            assert overlay is not None
            texts = {label.text() for label in overlay.findChildren(QLabel)}
            assert {"Ctrl+1…9", "G, O", "Ctrl+Q"} <= texts
            assert overlay.sizeHint().height() < 700  # all of it is in sight on a small screen
            assert overlay.sizeHint().width() < 1280
            QTest.keyClicks(overlay, "?")
            await until(lambda: not overlay.isVisible(), what="? closes it, too")
            window.activateWindow()
            await until(window.isActiveWindow)
            QTest.keyClicks(window, "gt")
            await until(lambda: window.view().title == "Tasks")
            QTest.keyClicks(window, "/")
            tasks: Any = window.view()
            await until(tasks.filter_bar.line.hasFocus)

    run(scenario())


def test_menus_grey_what_means_nothing_here(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    def enabled(menu: QMenu, title: str) -> bool:
        return next(action for action in menu.actions() if action.text().startswith(title)).isEnabled()

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile, start=False)
            app.window.show()
            file = next(menu for menu in app.window.menuBar().findChildren(QMenu) if menu.title() == "&File")
            for kind, may_import in (("tasks", False), ("schedules", True)):
                app.window.show_view("shop", kind)
                file.popup(app.window.mapToGlobal(QPoint(20, 40)))
                assert enabled(file, "Import schedules…") == may_import
                assert not enabled(file, "Export the journal…")
                assert enabled(file, "Quit")
                file.close()
                assert enabled(file, "Import schedules…")  # its keys, if it has some, work in the next view

    run(scenario())


def test_a_read_only_profile_offers_no_change(tmp_path: Path, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        recorded = Recorded(tmp_path)
        recorded.history.put_workers([WorkerRow("w1@host", True, NOW, NOW, events_enabled=False)])
        profile = Profile.from_url(
            "redis://127.0.0.1:1/0",
            name="shop",
            history=str(recorded.profile.history_path()),
            safety=Safety.READ_ONLY,
            environment=Environment.PRODUCTION,
        )
        async with opened(qapp) as app:
            app.add(profile)
            app.window.show()
            workers: Any = app.window.show_view("shop", "workers")
            await until(workers.banner.isVisible)
            assert not workers.enable.isVisible()
            assert "read-only" in workers.banner_text.text()
            await until(lambda: workers.detail._parts[0].message.title.text() == "Not inspected")
            recorded.history.close()

    run(scenario())


def test_an_empty_window_says_what_to_do(run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        async with opened(qapp) as app:
            app.window.show()
            assert app.window.view() is app.window.welcome
            app.window.welcome.button.click()
            dialog = app._dialog
            assert dialog is not None
            dialog.url.setText("redis://:s3cret@broker.example:6380/2")
            assert dialog.url.text() == "redis://broker.example:6380/2"
            assert dialog.password.text() == "s3cret"
            assert dialog.name.text() == "broker.example:6380/2"
            dialog.save.click()
            await until(app.profiles.path.exists)
            await until(lambda: "Saved" in dialog.message.text())
            assert "s3cret" not in app.profiles.path.read_text()
            saved = app.passwords.get("broker.example:6380/2")
            assert saved is not None
            assert saved.reveal() == "s3cret"
            dialog.close()
            await until(lambda: app._dialog is None)

    run(scenario())


@pytest.mark.parametrize("fixture", ["redis_url", "rabbit_vhost_url"])
def test_the_window_on_a_real_broker(
    fixture: str, request: pytest.FixtureRequest, run: Run, qapp: QApplication
) -> None:
    """The window starts its own recorder, sees a real worker and its tasks, and inspects it."""
    url = request.getfixturevalue(fixture)
    with CeleryWorker(url, pool="threads") as worker, sample_client(url) as client:

        async def scenario() -> None:
            async with opened(qapp) as app:
                session = app.add(Profile.from_url(url, name="real"))
                app.window.show()
                await until(lambda: session.status is not None and session.status.state == "recording", 40, "recording")
                client.send_task("sample.add", (2, 3))
                client.send_task("sample.fail")
                view: Any = app.window.show_view("real", "tasks")
                await until(lambda: set(view.model.counts.by_state) == {"SUCCESS", "FAILURE"}, 30, "both tasks")
                workers: Any = app.window.show_view("real", "workers")
                await until(lambda: workers.model.rowCount() == 1, 15, "the worker")
                workers.detail.tabs.setCurrentIndex(4)
                await until(
                    lambda: workers.detail._parts[4].pane.currentWidget() is workers.detail._parts[4].view, 20, "tasks"
                )
                assert workers.detail.heading.text() == worker.hostname
                queues: Any = app.window.show_view("real", "queues")
                await until(lambda: queues.model.rowCount() >= 1, 20, "the queue")
            assert not session.connected

        run(scenario())


def test_two_real_brokers_at_once(redis_url: str, rabbit_vhost_url: str, run: Run, qapp: QApplication) -> None:
    """Queues, workers and tasks of Redis and RabbitMQ side by side; each tells its own."""
    with (
        CeleryWorker(redis_url, pool="threads", hostname="one@redis"),
        CeleryWorker(rabbit_vhost_url, pool="threads", hostname="two@rabbit"),
        sample_client(redis_url) as redis_client,
        sample_client(rabbit_vhost_url) as rabbit_client,
    ):

        async def scenario() -> None:
            async with opened(qapp) as app:
                app.add(Profile.from_url(redis_url, name="shop"))
                app.add(Profile.from_url(rabbit_vhost_url, name="bank"))
                app.window.show()
                sessions = list(app.sessions.values())
                await until(lambda: all(s.status and s.status.state == "recording" for s in sessions), 40, "recording")
                redis_client.send_task("sample.add", (1, 2), queue="celery")
                rabbit_client.send_task("sample.fail", queue="celery")
                rabbit_client.send_task("sample.add", (1, 2), queue="unconsumed")
                for name, state, worker in (("shop", "SUCCESS", "one@redis"), ("bank", "FAILURE", "two@rabbit")):
                    tasks: Any = app.window.show_view(name, "tasks")
                    await until(partial(has_state, tasks.model, state), 30, f"{state} at {name}")
                    workers: Any = app.window.show_view(name, "workers")
                    await until(partial(is_shown, workers.model, worker), 20, worker)
                queues: Any = app.window.show_view("bank", "queues")
                await until(partial(is_shown, queues.model, "unconsumed"), 30, "the queue without a consumer")
                everything: Any = app.window.show_overall("everything")
                await until(lambda: "1 failed" in everything._by_broker.text(), 20, "both in the overview")

        run(scenario())


def has_state(model: TasksModel, state: str) -> bool:
    return state in model.counts.by_state


def is_shown(model: TableModel[Any], text: str) -> bool:
    return any(model.index(row, 0).data() == text for row in range(model.rowCount()))


def test_commands_are_told_apart() -> None:
    keys = [key for command in COMMANDS for key in command.keys]
    assert len(keys) == len(set(keys))
    assert len({command.key for command in COMMANDS}) == len(COMMANDS)
    assert set(KINDS) <= {command.key for command in COMMANDS}


@pytest.mark.parametrize(
    ("query", "better", "worse"), [("tas", "Tasks", "Tabular results"), ("gq", "go queues", "gadget quiz")]
)
def test_the_palette_finds_the_nearer(query: str, better: str, worse: str) -> None:
    one, other = score(query, better), score(query, worse)
    assert one is not None
    assert other is None or one <= other
    assert score("zzz", better) is None


def test_every_task_of_the_loop_is_named(recorded: Recorded, run: Run) -> None:
    async def scenario() -> None:
        session = recorded.session()
        session.start()
        await asyncio.sleep(0)
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert {"shop: recorder", "shop: watch"} <= names
        await session.stop()

    run(scenario())
