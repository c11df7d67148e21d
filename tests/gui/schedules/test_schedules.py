"""The Schedules view on real stores: what it shows, and every change through preview, journal and undo."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from deskq.app import App
from deskq.history.writing.writer import History
from deskq.profiles import Profile, Safety
from deskq.protocol.events import Event
from deskq.schedules.model import Crontab, Entry, Interval, ScheduleStore
from deskq.schedules.opening import open_store
from deskq.views.actions.plan_dialog import StepsDialog
from deskq.views.widgets.toast import UndoOffer
from tests.gui.conftest import Run, until
from tests.gui.shell.test_window import opened
from tests.support.schedule_entries import added, entry, names

NIGHTLY = Crontab("30", "2", day_of_week="mon-fri")


@pytest.fixture
def store(redis_url: str) -> Iterator[ScheduleStore]:
    with closing(open_store(redis_url)) as opened_store:
        yield opened_store


@pytest.fixture
def profile(redis_url: str, tmp_path: Path) -> Profile:
    return Profile.from_url(redis_url, name="shop", history=str(tmp_path / "shop.sqlite"))


def child(app: App, kind: str) -> Any:
    found = [each for each in app.window.findChildren(QWidget) if type(each).__name__ == kind and each.isVisible()]
    return found[0] if found else None


async def shown(app: App, profile: Profile, rows: int) -> Any:
    """The view, once it shows so many rows; no recorder is started."""
    app.add(profile, start=False)
    app.window.show()
    view = app.window.show_view(profile.name, "schedules")
    assert view is not None
    some: Any = view
    await until(lambda: some.model.rowCount() == rows, what=f"{rows} rows")
    return some


async def said_yes(app: App) -> None:
    """Press the one button that changes something, and wait until it is done."""
    await until(lambda: child(app, "StepsDialog"), what="the preview")
    dialog = child(app, "StepsDialog")
    ended: list[object] = []
    dialog.ended.connect(ended.append)
    await until(dialog.go.isEnabled)
    dialog.go.click()
    await until(lambda: ended, what="the outcome")


def column(view: Any, key: str, line: int = 0) -> str:
    number = next(n for n, each in enumerate(view.table.columns) if each.key == key)
    return str(view.model.index(line, number).data())


def test_what_the_store_and_the_history_say(
    profile: Profile, store: ScheduleStore, run: Run, qapp: QApplication
) -> None:
    added(store, entry("nightly", NIGHTLY, options={"queue": "slow"}, last_run_at=time.time(), total_run_count=3))
    history = History(profile.history_path())
    for number, (state, args) in enumerate((("succeeded", "(1, 2)"), ("failed", "[1, 2]"), ("succeeded", "(3,)"))):
        uuid = f"00000000-0000-4000-8000-{number:012}"
        told: dict[str, Any] = {"hostname": "w@h", "pid": 1, "clock": number + 1, "timestamp": 1_795_000_000.0 + number}
        received = Event(type="task-received", uuid=uuid, name="sample.add", args=args, kwargs="{}", **told)
        history.record(uuid, 1_795_000_000.0 + number).add(received)
        history.record(uuid, 1_795_000_000.0 + number).add(Event(type=f"task-{state}", uuid=uuid, runtime=0.5, **told))
    history.commit(1_795_000_010.0)

    async def scenario() -> None:
        async with opened(qapp) as app:
            view = await shown(app, profile, 1)
            await until(lambda: view.model.row_at(0).seen)
            assert column(view, "schedule") == "every weekday at 02:30, UTC"
            assert column(view, "next").startswith("in ")
            assert column(view, "queue") == "slow"
            assert column(view, "runs") == "3"
            # The third task has other arguments, so it was not this entry's.
            assert [row.state for row in view.model.row_at(0).seen] == ["FAILURE", "SUCCESS"]
            await until(lambda: view.detail.model.rowCount() == 10)
            assert "sends sample.add(1, 2)" in view.detail.facts.text()
            asked: list[str] = []
            view.requested.connect(lambda request: asked.append(request.text))
            app.window.run_command("schedule_tasks")
            assert asked == ["task:sample.add"]
            view.line.setText("nothing like it")
            assert not view.model.rowCount()
            assert view.stack.currentWidget() is view.empty

    run(scenario())
    history.close()


def test_switch_delete_undo_and_redo(profile: Profile, store: ScheduleStore, run: Run, qapp: QApplication) -> None:
    for name in ("a", "b"):
        added(store, entry(name))

    async def scenario() -> None:
        async with opened(qapp) as app:
            view = await shown(app, profile, 2)
            view.table.selectAll()
            app.window.run_command("disable_schedule")
            await said_yes(app)
            assert [each.enabled for each in names(store).values()] == [False, False]
            await until(lambda: column(view, "enabled") == column(view, "enabled", 1) == "off", what="both off")
            assert child(app, "UndoOffer").text.text().startswith("Disable 2 schedules")
            view.table.selectRow(0)
            app.window.run_command("delete_schedule")
            await said_yes(app)
            await until(lambda: view.model.rowCount() == 1)
            app.window.run_command("undo")
            await said_yes(app)
            await until(lambda: view.model.rowCount() == 2)
            app.window.run_command("undo")
            await said_yes(app)
            assert all(each.enabled for each in names(store).values())
            app.window.run_command("redo")
            await said_yes(app)
            assert not any(each.enabled for each in names(store).values())
            app.window.run_command("redo")
            await said_yes(app)
            assert len(names(store)) == 1
            app.window.run_command("redo")
            await until(lambda: [each for each in app.window.findChildren(UndoOffer) if "nothing" in each.text.text()])

    run(scenario())


def test_new_edit_and_duplicate(profile: Profile, store: ScheduleStore, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        async with opened(qapp) as app:
            view = await shown(app, profile, 0)
            await until(lambda: "No schedules yet" in view.empty.title.text())
            app.window.run_command("new_schedule")
            editor = child(app, "ScheduleDialog")
            assert not editor.save.isEnabled()
            assert "name" in editor.problem.text()
            QTest.keyClicks(editor.fields.name, "nightly")
            editor.fields.task.setEditText("report.build")
            editor.fields.args.setText('["Q3"')
            editor.fields.changed.emit()
            assert "line 1, column 6" in editor.problem.text()
            editor.fields.args.setText('["Q3"]')
            editor.when.raw.setText("30 2 * * mon-fri")
            editor.when.raw.textEdited.emit("30 2 * * mon-fri")
            assert editor.when.panes["crontab"].fields["hour"].text() == "2"
            assert editor.when.sentence.text() == "every weekday at 02:30, UTC"
            await until(lambda: editor.after_model.rowCount() == 10, what="its next runs")
            editor.save.click()
            await said_yes(app)
            assert names(store)["nightly"].schedule == NIGHTLY
            assert names(store)["nightly"].args == ["Q3"]
            await until(lambda: view.model.rowCount() == 1)
            assert child(app, "ScheduleDialog") is None  # it went when it was written

            view.table.selectRow(0)
            app.window.run_command("detail")
            editor = child(app, "ScheduleDialog")
            assert editor.problem.text() == "No changes yet."
            editor.when.radios["interval"].click()
            editor.when.panes["interval"].number.setValue(90)
            editor.when.panes["interval"].unit.setCurrentIndex(0)
            assert editor.when.raw.text() == "90s"
            await until(lambda: editor.before_model.rowCount() == editor.after_model.rowCount() == 10)
            QTest.keyClick(editor.fields.name, Qt.Key.Key_End)
            QTest.keyClicks(editor.fields.name, "-now")  # renamed with the same stroke
            editor.save.click()
            await said_yes(app)
            assert set(names(store)) == {"nightly-now"}
            assert names(store)["nightly-now"].schedule == Interval(90.0)

            await until(lambda: column(view, "name") == "nightly-now")
            view.table.selectRow(0)
            app.window.run_command("duplicate_schedule")
            editor = child(app, "ScheduleDialog")
            assert editor.fields.name.text() == "nightly-now (2)"
            editor.fields.args.setText("[8]")
            editor.reject()  # as Esc does
            box = child(app, "QMessageBox")
            box.defaultButton().click()
            assert editor.isVisible()  # what was typed is not thrown away
            editor.fields.args.setText('["Q3"]')
            editor.save.click()
            await said_yes(app)
            assert set(names(store)) == {"nightly-now", "nightly-now (2)"}

    run(scenario())


def test_somebody_elses_change_meanwhile(profile: Profile, store: ScheduleStore, run: Run, qapp: QApplication) -> None:
    added(store, entry("a", description=""))

    async def edited(app: App, view: Any, args: str, meanwhile: Callable[[Entry], object]) -> Any:
        view.table.selectRow(0)
        app.window.run_command("detail")
        editor = child(app, "ScheduleDialog")
        editor.fields.args.setText(args)
        editor.fields.queue.setEditText("mine")
        editor.fields.changed.emit()
        meanwhile(names(store)["a"])
        editor.save.click()
        await said_yes(app)
        child(app, "StepsDialog").reject()
        await until(lambda: child(app, "ScheduleConflict"), what="the conflict")
        return child(app, "ScheduleConflict")

    async def scenario() -> None:
        async with opened(qapp) as app:
            view = await shown(app, profile, 1)

            def change(now: Entry) -> None:
                store.replace(now, replace(now, args=[8], kwargs={"b": 1}))

            conflict = await edited(app, view, "[7]", change)
            assert names(store)["a"].args == [8]  # nothing was overwritten
            assert set(conflict.choices) == {"args", "kwargs", "options"}
            assert not conflict.go.isEnabled()  # both changed args: a person has to choose
            conflict.choices["args"].button(3).click()
            conflict.go.click()
            await said_yes(app)
            merged = names(store)["a"]
            assert (merged.args, merged.kwargs, merged.queue) == ([7], {"b": 1}, "mine")

            await until(lambda: column(view, "queue") == "mine")
            view.schedules.stop()  # it must not hear of the deletion
            conflict = await edited(app, view, "[9]", lambda now: store.replace(now, None))
            assert conflict.go.text() == "Add it again…"
            assert names(store) == {}
            conflict.go.click()
            await said_yes(app)
            assert names(store)["a"].args == [9]

    run(scenario())


def test_what_is_overdue_is_said(
    redis_url: str, profile: Profile, store: ScheduleStore, run: Run, qapp: QApplication
) -> None:
    for name in ("late", "later", "off"):
        added(store, entry(name, enabled=name != "off"))
    with closing(redis.Redis.from_url(redis_url)) as server:
        server.zadd("redbeat::schedule", {f"redbeat:{name}": time.time() - 600 for name in ("later", "off")})

    async def scenario() -> None:
        async with opened(qapp) as app:
            view = await shown(app, profile, 3)
            await until(view.problems.isVisible)
            assert "“later” should have run 10 min ago. Check that beat is running." in view.problems.text()

    run(scenario())


def test_stores_that_fail_and_profiles_that_only_watch(
    redis_url: str, store: ScheduleStore, tmp_path: Path, run: Run, qapp: QApplication
) -> None:
    added(store, entry("a"))
    missing = f"django-celery-beat:sqlite:///{tmp_path}/none.sqlite3"
    profile = Profile.from_url(
        redis_url,
        name="watched",
        history=str(tmp_path / "h.sqlite"),
        safety=Safety.READ_ONLY,
        schedule_stores=(missing, "nonsense"),
    )

    async def scenario() -> None:
        async with opened(qapp) as app:
            view = await shown(app, profile, 1)
            await until(lambda: "nonsense" in view.problems.text() and view.problems.isVisible())
            assert "none.sqlite3" in view.problems.text()
            commands = view.commands()
            assert not {"new_schedule", "delete_schedule", "disable_schedule", "undo"} & set(commands)
            assert not view.new_button.isVisible()
            assert all(button.isHidden() for button in view.detail.buttons.values())
            view.table.selectRow(0)
            view.edit()
            view.chosen.switch(enabled=False)  # were it called all the same
            assert not [each for each in app.window.findChildren(StepsDialog) if each.go.isEnabled()]
            assert names(store)["a"].enabled

    run(scenario())


def test_files_copies_and_the_other_store(
    redis_url: str, store: ScheduleStore, tmp_path: Path, run: Run, qapp: QApplication
) -> None:
    added(store, entry("a", NIGHTLY, options={"queue": "slow", "priority": 3}))
    other_url = f"redbeat:{redis_url}?prefix=other:"
    profile = Profile.from_url(redis_url, name="shop", history=str(tmp_path / "h.sqlite"))
    profile = replace(profile, schedule_stores=(f"redbeat:{redis_url}", other_url))

    async def scenario(other: ScheduleStore) -> None:
        async with opened(qapp) as app:
            view = await shown(app, profile, 1)
            await until(lambda: view.into.count() == 2 and view.into.isVisible())
            view.table.selectRow(0)
            app.window.run_command("copy_python")
            assert "crontab(" in QApplication.clipboard().text()
            app.window.run_command("copy_redbeat")
            assert '"__type__": "crontab"' in QApplication.clipboard().text()
            app.window.run_command("run_schedule")
            sending = child(app, "SendDialog")
            call = sending.fields.call()
            assert (call.task, call.args, call.queue, call.priority) == ("sample.add", [1, 2], "slow", 3)
            sending.reject()
            await view.files.write(tmp_path / "s.toml")
            view.into.setCurrentIndex(1)
            await view.files.bring(tmp_path / "s.toml")
            await said_yes(app)
            assert names(other)["a"].schedule == NIGHTLY
            await until(lambda: view.model.rowCount() == 2)
            view.into.setCurrentIndex(1)
            await view.files.bring(tmp_path / "s.toml")
            said = [each.text.text() for each in app.window.findChildren(UndoOffer) if each.isVisible()]
            assert said == ["The store already matches the file."]
            (tmp_path / "s.toml").write_text("nonsense")
            await view.files.bring(tmp_path / "s.toml")
            assert child(app, "StepsDialog") is None
            one = next(row for row in view.model.rows() if "other:" not in row.row.url)
            state = next(each for each in view.schedules.stores if "other:" in each.url)
            view.acts.copy_to(one, state)
            editor = child(app, "ScheduleDialog")
            assert editor.fields.name.text() == "a (2)"
            editor.save.click()
            await said_yes(app)
            assert set(names(other)) == {"a", "a (2)"}

    with closing(open_store(other_url)) as other:
        run(scenario(other))
