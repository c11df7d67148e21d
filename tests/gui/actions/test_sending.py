"""Sending a task from the window: what is checked, what is shown, and the task to its end on a real worker."""

from __future__ import annotations

import ast
import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QWidget

from deskq.actions.messages.call import Call, as_command, as_python, plan_send
from deskq.actions.messages.saved_calls import load_templates, save_template, templates_path
from deskq.app import App
from deskq.errors import UserError
from deskq.profiles import Environment, Profile, Safety
from deskq.views.widgets.fields import offer_names
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened
from tests.support.celery_worker import CeleryWorker

NOW = 1_795_000_000.0


def dialog_of(app: App) -> Any:
    found = [each for each in app.window.findChildren(QWidget) if type(each).__name__ == "SendDialog"]
    return found[-1] if found else None


def test_a_task_is_sent_and_followed_to_its_end(redis_url: str, tmp_path: Path, run: Run, qapp: QApplication) -> None:
    profile = Profile.from_url(
        redis_url,
        name="shop",
        history=str(tmp_path / "h.sqlite"),
        safety=Safety.ASK_NAME,
        environment=Environment.PRODUCTION,
    )

    async def scenario() -> None:
        async with opened(qapp) as app:
            session = app.add(profile)
            app.window.show()
            await until(lambda: session.status is not None and session.status.state == "recording", 30)
            app.window.run_command("send_task")
            dialog = dialog_of(app)
            fields = dialog.fields
            assert not dialog.go.isEnabled()
            await until(lambda: fields.task.findText("sample.unicode") >= 0, 20, "what the worker registered")
            fields.task.setEditText("sample.note")
            fields.args.setPlainText(f'["{tmp_path}/note",\n "grüße"')
            assert "line 2, column 9" in dialog.message.text()
            fields.args.setPlainText(f'["{tmp_path}/note", "grüße"]')
            fields.kwargs.setPlainText('{"n": 1}')
            assert not dialog.go.isEnabled()  # the profile's name is not typed
            dialog.name.setText("shop")
            await until(dialog.go.isEnabled)
            assert dialog.heading.text() == "Send 1 task on “celery” at shop (production)"
            assert json.loads(dialog.texts["Message"].toPlainText())["body"][1] == {"n": 1}
            await until(dialog.go.isEnabled)
            dialog.go.click()
            await until(lambda: dialog.message.text().startswith("success after"), 30, "its end")
            note = json.loads((tmp_path / "note").read_text())
            assert "grüße" in str(note)

            fields.task.setEditText("sample.fail")
            fields.args.setPlainText("[]")
            fields.kwargs.setPlainText("{}")
            fields.times.setValue(3)
            await until(dialog.go.isEnabled)
            dialog.go.click()
            await until(lambda: dialog.message.text() == "3 failure", 30, "their ends")
            opened_tasks: list[tuple[str, str]] = []
            dialog.open_task.connect(lambda *given: opened_tasks.append(given))
            dialog.show_task.click()
            assert opened_tasks[0][0] == "shop"

            fields.task.setEditText("sample.note")
            fields.args.clear()
            dialog.last.click()
            await until(lambda: "grüße" in fields.args.toPlainText(), what="the last arguments")
            fields.queue.setEditText("")
            assert not dialog.go.isEnabled()
            dialog.reject()

    with CeleryWorker(redis_url):
        run(scenario())


def test_a_queue_that_is_not_there_is_named(
    rabbit_vhost_url: str, tmp_path: Path, run: Run, qapp: QApplication
) -> None:
    profile = Profile.from_url(rabbit_vhost_url, name="shop", history=str(tmp_path / "h.sqlite"), silent=True)

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(profile, start=False)
            app.window.show()
            dialog: Any = app.window.acting.send("shop", "nowhere")
            dialog.fields.task.setEditText("sample.add")
            assert dialog.fields.queue.currentText() == "nowhere"
            await until(dialog.go.isEnabled)
            dialog.go.click()
            await until(lambda: "nowhere" in dialog.message.text(), 30, "the refusal")
            assert dialog.go.text() == "Send again"
            dialog.reject()

    run(scenario())


def test_like_a_task_only_what_is_certain(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    (whole,) = recorded.add(1, "failed")
    cut = "00000000-0000-4000-8000-0000000000ff"
    recorded.tell(cut, "received", name="mail.send", args="('a long one...', ...)", kwargs="{}", root_id=cut)
    recorded.add(1)

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            dialog: Any = app.window.acting.send("shop", like=whole)
            await until(lambda: dialog.fields.task.currentText() == "mail.send")
            assert dialog.fields.args.toPlainText() == "[1]"
            dialog.fields.id.setText(whole)
            await until(dialog.go.isEnabled)
            dialog.go.click()
            await until(lambda: "already" in dialog.message.text())  # nothing was sent with an id that is taken
            dialog.reject()
            other: Any = app.window.acting.send("shop", like=cut)
            await until(lambda: "cut or masked" in other.message.text())
            assert other.fields.args.toPlainText() == ""
            other.reject()

    run(scenario())


def test_saved_calls_come_back(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    call = Call(task="mail.send", args=[1, {"a": None}], queue="emails", countdown=5.0, headers={"h": "1"}, times=2)

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            dialog: Any = app.window.acting.send("shop")
            dialog.fields.show_call(call)
            assert dialog.fields.call() == call
            await dialog._save("welcome", call)
            names = [action.text() for action in dialog.saved.menu().actions()]
            assert names[0] == "welcome"
            dialog.fields.show_call(Call(task="other"))
            dialog.saved.menu().actions()[0].trigger()
            assert dialog.fields.call() == call
            dialog.reject()

    run(scenario())
    assert load_templates() == {"welcome": call}
    assert templates_path().stat().st_mode & 0o777 == 0o600
    written = json.loads(templates_path().read_text())
    written["welcome"]["priority_of_a_newer_deskq"] = 7
    templates_path().write_text(json.dumps(written))
    assert set(save_template("other", call)) == {"other", "welcome"}
    save_template("welcome", replace(call, countdown=9.0))
    written = json.loads(templates_path().read_text())["welcome"]
    assert (written["priority_of_a_newer_deskq"], written["countdown"]) == (7, 9.0)
    assert set(save_template("other", None)) == {"welcome"}
    assert save_template("welcome", None) == {}
    templates_path().write_text("[")
    with pytest.raises(UserError, match="Repair or remove"):
        load_templates()


def test_enter_in_a_field_throws_no_call_away(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            dialog: Any = app.window.acting.send("shop")
            dialog.fields.task.setEditText("mail.send")
            for field in (dialog.fields.task.lineEdit(), dialog.fields.headers, dialog.fields.times):
                field.setFocus()
                QTest.keyClick(field, Qt.Key.Key_Return)
                assert dialog.isVisible()
            assert dialog.fields.task.currentText() == "mail.send"
            dialog.cancel.setFocus()
            QTest.keyClick(dialog.cancel, Qt.Key.Key_Return)
            assert not dialog.isVisible()

    run(scenario())


def test_names_that_cannot_be_shown_are_not_offered(qapp: QApplication) -> None:
    field = QComboBox()
    field.setEditable(True)
    offer_names(field, ["emails", "emails\u202e", "a\nb", ""])
    assert [field.itemText(number) for number in range(field.count())] == ["emails"]


def test_profiles_that_only_watch_have_no_send(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    from dataclasses import replace

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(replace(recorded.profile, safety=Safety.READ_ONLY), start=False)
            assert app.window.acting.send("shop") is None
            assert app.window.acting.commands("shop") == {}

    run(scenario())


@pytest.mark.parametrize(
    "call",
    [
        Call(task="a.b"),
        Call(task="a.b", args=[1, "zwei", None], kwargs={"käse": True}, queue="q w", countdown=3.0, expires=9.0),
        Call(task="a.b", priority=3, time_limit=9.0, soft_time_limit=3.0, eta=NOW, headers={"x": "y"}, id="i"),
    ],
)
def test_the_same_call_in_other_words(call: Call) -> None:
    (parsed,) = ast.parse(as_python(call)).body
    assert isinstance(parsed, ast.Expr)
    assert isinstance(parsed.value, ast.Call)
    given = {word.arg: ast.literal_eval(word.value) for word in parsed.value.keywords}
    assert ast.literal_eval(parsed.value.args[0]) == call.task
    assert given.get("args", []) == call.args
    assert given["queue"] == call.queue
    command, missing = as_command(call)
    words = shlex.split(command)
    assert words[:5] == ["celery", "-A", "PROJ", "call", "a.b"]
    if call.args:
        assert json.loads(words[words.index("--args") + 1]) == call.args
    assert ("priority" in missing) is (call.priority is not None)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (Call(task=" "), "Enter a task name"),
        (Call(task="a", queue=""), "Enter a queue name"),
        (Call(task="a", id="x", times=2), "cannot share a task id"),
        (Call(task="a", eta=1.0, countdown=2.0), "not both"),
        (Call(task="a", priority=-1), "priority"),
        (Call(task="a", time_limit=1.0, soft_time_limit=2.0), "must not be longer"),
        (Call(task="a", headers={"id": 1}), "reserved"),
        (Call(task="a", args=[float("nan")]), "JSON"),
        (Call(task="a", eta=1e20), "out of range"),
    ],
)
def test_what_cannot_be_sent_is_said(call: Call, words: str) -> None:
    profile = Profile.from_url("redis://127.0.0.1:1/0", name="shop")
    with pytest.raises(UserError, match=words):
        plan_send(call, profile, now=NOW)
