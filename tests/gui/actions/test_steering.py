"""Revoking, steering and pausing in the window, and the journal of it: a real worker, every answer, the way back."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QInputDialog, QWidget

from deskq.actions.journal.journal import Journal
from deskq.actions.plan import Outcome, Plan, Step, Verb
from deskq.actions.workers.verbs import VERBS
from deskq.app import App
from deskq.brokers.remote_control import RemoteControl
from deskq.profiles import Profile, Safety
from deskq.views.widgets.toast import UndoOffer
from deskq.views.workers.menu import worker_menu
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened
from tests.support.celery_worker import CeleryWorker
from tests.support.sample_app import sample_client


def child(app: App, kind: str) -> Any:
    found = [each for each in app.window.findChildren(QWidget) if type(each).__name__ == kind and each.isVisible()]
    return found[-1] if found else None


async def said_yes(app: App) -> Any:
    """Press the one button that changes something, and wait until it is done; the dialog."""
    await until(lambda: child(app, "StepsDialog"), what="the preview")
    dialog = child(app, "StepsDialog")
    await until(dialog.go.isEnabled)
    dialog.go.click()
    await until(lambda: dialog.cancel.text() == "Close", 30, "the outcome")
    return dialog


def test_workers_are_told_tasks_ended_and_queues_paused(
    redis_url: str, tmp_path: Path, run: Run, qapp: QApplication
) -> None:
    profile = Profile.from_url(redis_url, name="shop", history=str(tmp_path / "h.sqlite"))

    async def scenario(worker: CeleryWorker, client: Any) -> None:
        async with opened(qapp) as app:
            session = app.add(profile)
            window = app.window
            window.show()
            await until(lambda: session.status is not None and session.status.state == "recording", 30)
            uuid = client.send_task("sample.sleep_for", (90,)).id
            tasks: Any = window.show_view("shop", "tasks")
            await until(lambda: tasks.model.rowCount() and tasks.model.task_at(0).state == "STARTED", 30, "its start")
            tasks.table.selectRow(0)
            window.run_command("terminate")
            await until(lambda: child(app, "QInputDialog"), what="the signal")
            asked: QInputDialog = child(app, "QInputDialog")
            assert asked.textValue() == "TERM"
            asked.accept()
            dialog = await said_yes(app)
            assert dialog.model.rows()[0].words == f"terminated on {worker.hostname}"
            dialog.reject()
            await until(lambda: tasks.model.task_at(0).state == "REVOKED", 30, "the event")
            tasks.shown.show(uuid)
            await until(lambda: tasks.detail.traces.texts, what="what was done about it")
            assert tasks.detail.traces.texts[0].startswith("revoked by")
            assert "no event yet" not in tasks.detail.traces.texts[0]

            workers: Any = window.show_view("shop", "workers")
            await until(lambda: workers.model.rowCount() == 1)
            workers.table.selectRow(0)
            workers.control("ping", workers.selected())
            await until(lambda: child(app, "RepliesDialog"), what="the answers")
            replies = child(app, "RepliesDialog")
            assert replies.text.toPlainText() == "pong"
            replies.accept()
            workers.control("rate-limit", workers.selected())
            await until(lambda: child(app, "ControlDialog"), what="the arguments")
            arguments = child(app, "ControlDialog")
            assert not arguments.go.isEnabled()
            arguments.fields["task_name"].setEditText("sample.add")
            arguments.fields["rate_limit"].setText("often")
            assert "10/m" in arguments.says.text()
            arguments.fields["rate_limit"].setText("10/m")
            arguments.go.click()
            dialog = await said_yes(app)
            assert dialog.model.rows()[0].words == "new rate limit set successfully"
            assert "until the worker restarts" in dialog.note.text()
            dialog.reject()

            window.run_command("revoke_stamped")
            stamp: QInputDialog = child(app, "QInputDialog")
            stamp.setTextValue("customer")
            stamp.accept()
            assert [each for each in window.findChildren(UndoOffer) if "NAME=VALUE" in each.text.text()]
            window.run_command("revoke_stamped")
            stamp = child(app, "QInputDialog")
            stamp.setTextValue("customer=8812")
            stamp.accept()
            dialog = await said_yes(app)
            assert dialog.model.rows()[0].target == "customer=8812"
            assert "noted by 1 worker" in dialog.model.rows()[0].words
            dialog.reject()

            queues: Any = window.show_view("shop", "queues")
            await until(lambda: queues.model.line_of("celery") is not None and queues.model.row_at(0).workers, 30)
            window.show_queue("shop", "celery")
            window.run_command("pause_queue")
            dialog = await said_yes(app)
            assert dialog.model.rows()[0].outcome is Outcome.DONE
            dialog.reject()
            state = next(n for n, column in enumerate(queues.table.columns) if column.key == "state")
            await until(lambda: "paused by" in queues.model.index(0, state).data(), 20, "the mark")
            waiting = client.send_task("sample.note", (str(tmp_path / "note"),)).id
            window.run_command("resume_queue")
            await said_yes(app)
            await until((tmp_path / "note").exists, 20, what=f"{waiting} to run")
            await until(lambda: "paused" not in queues.model.index(0, state).data(), 20, "the mark to go")

            child(app, "StepsDialog").reject()
            journal: Any = window.show_overall("journal")
            await until(lambda: journal.model.rowCount() == 5)
            verbs = [row.verb for row in journal.model.rows()]
            assert verbs == ["pause", "pause", "revoke", "tell workers", "revoke"]
            journal.table.selectRow(3)
            await until(journal.detail.undo.isVisible)
            assert "rate_limit" in journal.detail.model.row_at(0).command
            window.run_command("undo")
            dialog = await said_yes(app)
            dialog.reject()
            await until(lambda: journal.model.rowCount() == 6)
            with closing(RemoteControl(profile)) as remote:
                told = remote.inspect("registered", arguments={"taskinfoitems": ["rate_limit"]})
            lines: Any = told[worker.hostname]
            assert "10/m" not in next(line for line in lines if line.startswith("sample.add"))

    with CeleryWorker(redis_url) as worker, sample_client(redis_url) as client:
        run(scenario(worker, client))


def test_every_question_has_a_row_for_each_worker(redis_url: str, tmp_path: Path, run: Run, qapp: QApplication) -> None:
    profile = Profile.from_url(redis_url, name="shop", history=str(tmp_path / "h.sqlite"))
    expected = {
        "ping": "pong",
        "report": "platform",
        "clock": "",
        "active-queues": '"celery"',
        "memsample": "psutil is not installed",
        "memdump": "psutil not installed",
        "stats": '"pool"',
    }

    async def scenario(worker: CeleryWorker) -> None:
        async with opened(qapp) as app:
            app.add(profile, start=False)
            app.window.show()
            steering = app.window.acting.steering("shop")
            for name, words in expected.items():
                steering.control(name, [worker.hostname, "silent@nowhere"])
                await until(lambda: child(app, "RepliesDialog"), 20, f"answers to {name}")
                dialog = child(app, "RepliesDialog")
                rows = {row.worker: row.answer for row in dialog.model.rows()}
                assert list(rows) == sorted([worker.hostname, "silent@nowhere"])
                assert rows["silent@nowhere"] is None
                assert words in (rows[worker.hostname] or "")
                assert rows[worker.hostname]
                assert "1 without a reply" in dialog.summary.text()
                dialog.accept()
                await until(lambda: not child(app, "RepliesDialog"))

    assert set(expected) == {verb.name for verb in VERBS.values() if not verb.changes}
    with CeleryWorker(redis_url, pool="solo") as worker:
        run(scenario(worker))


def test_an_abortable_task_is_asked_to_stop(redis_url: str, tmp_path: Path, run: Run, qapp: QApplication) -> None:
    profile = Profile.from_url(redis_url, name="shop", history=str(tmp_path / "h.sqlite"), result_backend=redis_url)

    async def scenario(client: Any) -> None:
        async with opened(qapp) as app:
            session = app.add(profile)
            window = app.window
            window.show()
            await until(lambda: session.status is not None and session.status.state == "recording", 30)
            uuid = client.send_task("sample.abortable").id
            tasks: Any = window.show_view("shop", "tasks")
            await until(lambda: tasks.model.rowCount() and tasks.model.task_at(0).state == "STARTED", 30, "its start")
            tasks.table.selectRow(0)
            window.run_command("abort")
            dialog = await said_yes(app)
            assert dialog.go.text() == "Abort"
            assert "is_aborted()" in dialog.note.text()
            assert dialog.model.rows()[0].command.endswith("stored now: nothing")
            assert dialog.model.rows()[0].words == "stored; there was no record before"
            dialog.reject()
            await until(lambda: tasks.model.task_at(0).state == "SUCCESS", 30, "its end")
            tasks.shown.show(uuid)
            await until(lambda: tasks.detail.traces.texts, what="what was done about it")
            assert tasks.detail.traces.texts[0].startswith("abort asked by")
            window.run_command("abort")  # it has ended: its result stays
            dialog = await said_yes(app)
            assert dialog.model.rows()[0].outcome is Outcome.GONE
            dialog.reject()
            assert client.AsyncResult(uuid).get(timeout=160) == "stopped"

    with CeleryWorker(redis_url), sample_client(redis_url) as client:
        run(scenario(client))


def test_the_journal_filters_exports_and_says_what_is_unknown(
    recorded: Recorded, tmp_path: Path, run: Run, qapp: QApplication
) -> None:
    profile = recorded.profile
    with closing(Journal()) as journal:
        for title, outcome in (("Tell <b>one</b>", Outcome.DONE), ("=cmd()", Outcome.UNKNOWN)):
            step = Step(target="w1@host", command=title, detail={}, undo={"method": "ping", "command": "back"})
            plan = Plan(
                verb=Verb.CONTROL, profile="shop", environment="development", title=title, items=(step,), undoes=""
            )
            journal.begin(plan, profile)
            journal.mark(plan.id, [(0, outcome, "it said so")])
            journal.end(plan.id)

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(profile, start=False)
            app.window.show()
            await app.look_after_journal()
            offer = app.window.findChildren(UndoOffer)[0]
            assert "1 change" in offer.text.text()
            offer.button.click()
            view: Any = app.window.view()
            assert view.title == "Journal"
            await until(lambda: view.model.rowCount() == 2)
            view.outcome.setCurrentText("unknown")
            assert [row.title for row in view.model.rows()] == ["=cmd()"]
            view.table.selectRow(0)
            assert view.detail.resolve.isVisible()
            assert not view.detail.undo.isVisible()  # nobody knows whether it was done
            view.outcome.setCurrentIndex(0)
            view.line.setText("one")
            await until(lambda: view.model.rowCount() == 1)
            view.table.selectRow(0)
            await until(view.detail.undo.isVisible)
            view.line.setText("no such thing")
            await until(lambda: not view.model.rowCount())
            assert view.empty.title.text() == "No action matches"
            view.line.clear()
            await until(lambda: view.model.rowCount() == 2)
            for name in ("j.jsonl", "j.csv"):
                await view._export(tmp_path / name)
            lines = [json.loads(line) for line in (tmp_path / "j.jsonl").read_text().splitlines()]
            assert {line["title"] for line in lines} == {"Tell <b>one</b>", "=cmd()"}
            assert {line["words"] for line in lines} == {"it said so"}
            assert ",'=cmd()," in (tmp_path / "j.csv").read_text()
            assert (tmp_path / "j.csv").stat().st_mode & 0o777 == 0o600

    run(scenario())


def test_what_a_retry_became_is_told_and_linked(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    old, new, waiting = recorded.add(1, "failed")[0], recorded.add(1)[0], recorded.add(1, "received")[0]
    with closing(Journal()) as journal:
        for verb, target, source in ((Verb.RETRY, new, old), (Verb.REVOKE, waiting, waiting)):
            step = Step(target="celery", command="c", detail={}, source=source, id=target)
            plan = Plan(verb=verb, profile="shop", environment="development", title="t", items=(step,))
            journal.begin(plan, recorded.profile)
            journal.mark(plan.id, [(0, Outcome.DONE, "")])
            journal.end(plan.id)

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            view: Any = app.window.show_view("shop", "tasks")
            await until(lambda: view.model.rowCount() == 3)
            view.shown.show(old)
            await until(lambda: view.detail.traces.texts == [f"retried as {new}"])
            view.detail.traces.open_task.emit(new)
            await until(lambda: view.detail.traces.texts == [f"retry of {old}"])
            view.shown.show(waiting)
            await until(lambda: view.detail.traces.texts and "no event yet" in view.detail.traces.texts[0])

    run(scenario())


@pytest.mark.parametrize(("safety", "silent"), [(Safety.READ_ONLY, False), (Safety.ASK, True), (Safety.ASK, False)])
def test_what_a_profile_allows_is_in_the_menu(qapp: QApplication, safety: Safety, silent: bool) -> None:
    profile = Profile.from_url("redis://127.0.0.1:1/0", name="shop", safety=safety, silent=silent)
    parent = QWidget()
    menu = worker_menu(profile, ["w1@host"], lambda *_: None, parent)
    shown = {action.text(): action.isEnabled() for action in menu.actions() if action.text()}
    assert ("Shut down…" in shown) is (safety is not Safety.READ_ONLY)
    assert shown["Ping"] is not silent
    parent.deleteLater()
