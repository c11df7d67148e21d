"""What the task table says of retries and revocations: from the journal, whoever wrote it, asked seldom and bounded."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QMenu

from deskq.actions.journal.journal import Journal, journal_path
from deskq.actions.journal.stamp import journal_stamp
from deskq.actions.plan import Outcome, Plan, Step, Verb
from deskq.history.rows import TaskRow
from deskq.models.tasks.table import TasksModel
from deskq.profiles import Profile
from tests.gui.actions.test_retry import dialog_of
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened
from tests.support.celery_worker import CeleryWorker
from tests.support.sample_app import sample_client


class Counted:
    """The ids of each question that reached the journal, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.questions: list[list[str]] = []
        self.opened = 0
        ask, make = Journal.items_about, Journal.__init__

        def items_about(journal: Journal, uuids: Sequence[str]) -> Any:
            self.questions.append(list(uuids))
            return ask(journal, uuids)

        def init(journal: Journal, path: Path | None = None) -> None:
            self.opened += 1
            make(journal, path)

        monkeypatch.setattr(Journal, "items_about", items_about)
        monkeypatch.setattr(Journal, "__init__", init)


def plan_of(verb: Verb, source: str, new: str) -> Plan[Step]:
    step = Step(target="celery", command="c", detail={}, source=source, id=new)
    return Plan(verb=verb, profile="shop", environment="development", title="t", items=(step,))


def wrote(recorded: Recorded, verb: Verb, source: str, new: str, *outcomes: Outcome) -> None:
    """An action on one task, as deskq journals it; where its last outcome is SENDING, its process then died."""
    plan = plan_of(verb, source, new)
    with closing(Journal()) as journal:
        journal.begin(plan, recorded.profile)
        for outcome in outcomes:
            journal.mark(plan.id, [(0, outcome, "")])
        if outcomes[-1] is not Outcome.SENDING:
            journal.end(plan.id)


def states(model: TasksModel) -> dict[str, str]:
    found = {}
    for line in range(model.rowCount()):
        task = model.task_at(line)
        if task is not None:
            found[task.uuid] = str(model.index(line, 0).data())
    return found


def grew(model: TasksModel, count: int) -> bool:
    return model.rowCount() > count


def tip(model: TasksModel, uuid: str) -> str:
    line = next(n for n in range(model.rowCount()) if (task := model.task_at(n)) and task.uuid == uuid)
    return str(model.index(line, 0).data(Qt.ItemDataRole.ToolTipRole))


def menu_of(view: Any, uuid: str) -> dict[str, QAction]:
    """The context menu on a task's row."""
    for menu in view.findChildren(QMenu):
        menu.close()
    line = next(n for n in range(view.model.rowCount()) if view.model.task_at(n).uuid == uuid)
    view.table.selectRow(line)
    view.table.open_menu()
    return {action.text(): action for action in view.findChildren(QMenu)[-1].actions()}


@pytest.mark.parametrize("kind", ["redis_url", "rabbit_vhost_url"])
def test_a_retry_marks_both_rows_and_links_them(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, run: Run, qapp: QApplication
) -> None:
    url: str = request.getfixturevalue(kind)
    file = tmp_path / "notes"
    gate = Path(f"{file}.fail")
    gate.touch()
    profile = Profile.from_url(url, name="shop", history=str(tmp_path / "h.sqlite"))

    async def scenario(client: Any) -> None:
        async with opened(qapp) as app:
            session = app.add(profile)
            window = app.window
            window.show()
            await until(lambda: session.status is not None and session.status.state == "recording", 30)
            old = client.send_task("sample.note", (str(file), 1, "x")).id
            view: Any = window.show_view("shop", "tasks")
            await until(lambda: states(view.model) == {old: "Failed"}, 30, "the failure")
            assert not {"Go to the retry", "Go to the original"} & set(menu_of(view, old))
            gate.unlink()  # noqa: ASYNC240 - a moment, in a test
            view.shown.show(old)
            window.run_command("retry")
            await until(lambda: dialog_of(app).model.rowCount() == 1, 30, "the preview")
            dialog = dialog_of(app)
            dialog.queue.setEditText("celery")
            await until(dialog.go.isEnabled)
            dialog.go.click()
            await until(lambda: "1 task sent" in dialog.message.text(), 30, "the end")
            dialog.cancel.click()
            with closing(Journal()) as journal:
                (item,) = journal.items(journal.actions()[0].id)
                person = journal.actions()[0].person
            expected = {old: "Failed (retried)", item.new_id: "Success (retry)"}
            await until(lambda: states(view.model) == expected, 30, "the words")
            assert f"retried as {item.new_id}, by {person}, " in tip(view.model, old)
            assert f"retry of {old}, by {person}, " in tip(view.model, item.new_id)
            await until(lambda: view.detail.traces.texts == [f"retried as {item.new_id}"])  # though it was open before
            menu_of(view, old)["Go to the retry"].trigger()
            await until(lambda: view.detail.traces.texts == [f"retry of {old}"])
            assert view.model.task_at(view.table.currentIndex().row()).uuid == item.new_id
            menu_of(view, item.new_id)["Go to the original"].trigger()
            await until(lambda: view.detail.traces.texts == [f"retried as {item.new_id}"])
            window.run_command("copy_row")
            await until(lambda: "Failed (retried)" in QApplication.clipboard().text())

    with sample_client(url) as client, CeleryWorker(url):
        run(scenario(client))


def test_a_retry_by_another_process_appears(redis_url: str, recorded: Recorded, run: Run, qapp: QApplication) -> None:
    (failed,) = recorded.add(1, "failed")
    recorded.add(2)
    profile = Profile.from_url(redis_url, name="shop", history=recorded.profile.history)
    command = [sys.executable, "-m", "deskq", "retry", redis_url, failed, "--history", str(profile.history_path())]
    gone: list[str] = []

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            view.requested.connect(lambda request: gone.append(request.reason))
            await until(lambda: states(view.model).get(failed) == "Failed")
            process = await asyncio.create_subprocess_exec(
                *command, "--queue", "emails", "--yes", stdout=asyncio.subprocess.DEVNULL
            )
            assert await process.wait() == 0
            await until(lambda: states(view.model)[failed] == "Failed (retried)", 20, "the words")
            menu_of(view, failed)["Go to the retry"].trigger()  # nobody runs it: it is in no history
            await until(lambda: gone)

    run(scenario())
    assert "is not in this history" in gone[0]


def test_a_revocation_is_shown_until_its_event_comes(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    waiting, running = recorded.add(1, "received")[0], recorded.add(1, "running")[0]
    recorded.tell(waiting2 := "00000000-0000-4000-8000-0000000000aa", "received", name="mail.send", args="()")
    recorded.history.commit(time.time())
    for uuid in (waiting2, running):
        wrote(recorded, Verb.REVOKE, uuid, f"step of {uuid}", Outcome.SENDING, Outcome.DONE)

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            await until(lambda: states(view.model).get(running) == "Running (revoked)")
            assert states(view.model)[waiting2] == "Waiting (revoked)"
            assert "revoked" not in states(view.model)[waiting]
            assert tip(view.model, waiting2).endswith("; no event yet")
            recorded.tell(waiting2, "revoked", terminated=False, expired=False)
            recorded.tell(running, "succeeded", result="1", runtime=1.0)  # no worker listened
            recorded.history.commit(time.time())
            await until(lambda: states(view.model)[waiting2] == "Revoked")
            await until(lambda: states(view.model)[running] == "Success")
            for uuid in (waiting2, running):
                assert "revoked" in tip(view.model, uuid)
                assert "no event yet" not in tip(view.model, uuid)

    run(scenario())


def test_what_nobody_knows_is_said_and_what_failed_is_not(recorded: Recorded, run: Run) -> None:
    (died, refused, cut, revoked) = recorded.add(4, "failed")
    (never,) = recorded.add(1, "running")
    wrote(recorded, Verb.RETRY, died, "new-1", Outcome.SENDING)
    wrote(recorded, Verb.RETRY, refused, "new-2", Outcome.SENDING, Outcome.FAILED)
    wrote(recorded, Verb.RETRY, cut, "new-3", Outcome.SENDING, Outcome.UNKNOWN)
    wrote(recorded, Verb.REVOKE, never, "step", Outcome.SENDING, Outcome.UNKNOWN)
    (again,) = recorded.add(1, "failed")
    wrote(recorded, Verb.RETRY, again, "<b>new</b>", Outcome.SENDING, Outcome.UNKNOWN)
    wrote(recorded, Verb.RETRY, again, revoked, Outcome.SENDING, Outcome.DONE)

    async def scenario() -> None:
        session = recorded.session()
        session.start()
        model = TasksModel(session)
        expected = {
            died: "Failed (retry outcome unknown)",
            refused: "Failed",
            cut: "Failed (retry outcome unknown)",
            never: "Running (revoke outcome unknown)",
            again: "Failed (retried)",
            revoked: "Failed (retry)",
        }
        await until(lambda: states(model) == expected)
        assert tip(model, refused).endswith("(failed)")
        assert list(model.deeds.links(refused)) == []
        assert tip(model, cut).endswith("(unknown)")
        assert "&lt;b&gt;new" in tip(model, again)
        assert model.deeds.links(again)["Go to the retry"].other == revoked
        plan = plan_of(Verb.RETRY, refused, "new-4")
        with closing(Journal()) as journal:
            journal.begin(plan, recorded.profile)
            journal.mark(plan.id, [(0, Outcome.SENDING, "")])
            await until(lambda: states(model)[refused] == "Failed (being retried)")
            journal.mark(plan.id, [(0, Outcome.DONE, "")])
            await until(lambda: states(model)[refused] == "Failed (retried)")
        await session.stop()

    run(scenario())


def test_without_a_journal_nothing_is_asked(recorded: Recorded, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    (failed,) = recorded.add(1, "failed")

    async def scenario() -> None:
        session = recorded.session()
        session.start()
        model = TasksModel(session)
        looked: list[int] = []

        def rows() -> list[TaskRow]:
            looked.append(len(model.near_rows()))
            return model.near_rows()

        monkeypatch.setattr(model.deeds, "_rows", rows)
        for _ in range(5):
            recorded.add(3)
        await until(lambda: looked.count(16) >= 3, what="looking three times, when the rows are there")
        assert counted.opened == 0
        assert not journal_path().exists()
        wrote(recorded, Verb.RETRY, failed, "new", Outcome.DONE)
        await until(lambda: states(model)[failed] == "Failed (retried)")
        assert counted.questions
        await session.stop()

    run(scenario())


def test_rows_that_pour_in_make_few_questions(recorded: Recorded, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (failed,) = recorded.add(1, "failed")
    wrote(recorded, Verb.RETRY, failed, "new", Outcome.DONE)
    counted = Counted(monkeypatch)

    async def scenario() -> None:
        session = recorded.session()
        session.start()
        model = TasksModel(session)
        began = time.monotonic()
        await until(lambda: states(model).get(failed) == "Failed (retried)")
        for _ in range(60):
            before = model.rowCount()
            recorded.add(50)
            await until(partial(grew, model, before))
        (newest,) = recorded.add(1)
        await until(lambda: any(newest in question for question in counted.questions), what="the newest one")
        assert len(counted.questions) <= (time.monotonic() - began) / 0.5 + 1
        asked = [uuid for question in counted.questions for uuid in question]
        assert len(asked) == len(set(asked))  # each once
        count = len(counted.questions)
        model.set_active(False)
        wrote(recorded, Verb.RETRY, newest, "newer", Outcome.DONE)
        for _ in range(10_000):
            model.deeds.look()
        assert not model.deeds._pause.isActive()
        model.set_active(True)
        await until(lambda: states(model)[newest] == "Success (retried)")
        assert len(counted.questions) == count + 1
        await session.stop()

    run(scenario())


def test_a_journal_that_cannot_be_read_is_opened_once(
    recorded: Recorded, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded.add(2)
    journal_path().parent.mkdir(parents=True, exist_ok=True)
    journal_path().write_bytes(b"no journal at all" * 500)
    counted = Counted(monkeypatch)

    async def scenario() -> None:
        session = recorded.session()
        session.start()
        model = TasksModel(session)
        await until(lambda: counted.opened)
        looked: list[None] = []

        def rows() -> list[TaskRow]:
            looked.append(None)
            return model.near_rows()

        monkeypatch.setattr(model.deeds, "_rows", rows)
        await until(lambda: len(looked) >= 3)
        assert counted.opened == 1
        assert set(states(model).values()) == {"Success"}
        await session.stop()

    run(scenario())
    assert journal_path().read_bytes().startswith(b"no journal at all")


def test_who_only_reads_the_journal_has_nobody_look_anew(recorded: Recorded) -> None:
    wrote(recorded, Verb.RETRY, "old", "new", Outcome.DONE)
    before = journal_stamp()
    with closing(Journal()) as journal:
        assert journal.actions()
        assert journal_stamp() == before
    assert journal_stamp() == before
    wrote(recorded, Verb.RETRY, "old", "newer", Outcome.DONE)
    assert journal_stamp() != before
