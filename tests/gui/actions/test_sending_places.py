"""The send dialog's exchange, and its form of arguments: what is shown, and what a real worker then runs."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox

from deskq.actions.messages.call import Call
from deskq.actions.messages.seen_arguments import SeenArgument, SeenArguments, seen_arguments
from deskq.errors import UserError
from deskq.history.rows import TaskRow, WorkerRow
from deskq.profiles import Profile
from deskq.profiles.transport import REDIS
from deskq.schedules.model import Entry, Interval
from deskq.services.call_routes import place_of
from deskq.views.actions.send.argument_form import ArgumentForm
from deskq.views.actions.send.fields import SendFields
from deskq.views.schedules.commands import call_of
from tests.brokers.test_exchanges import QUEUES
from tests.gui.conftest import Recorded, Run, until
from tests.gui.shell.test_window import opened
from tests.support.celery_worker import CeleryWorker

SEEN = SeenArguments(
    12,
    1,
    (SeenArgument("", 12, "a number"), SeenArgument("", 3, 'a "text"')),
    (SeenArgument("retry", 9, "true or false"), SeenArgument("tenant", 2, "")),
)


@pytest.fixture(params=["redis_url", "rabbit_vhost_url"])
def broker_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    return url


def test_a_task_is_sent_through_an_exchange(broker_url: str, tmp_path: Path, run: Run, qapp: QApplication) -> None:
    profile = Profile.from_url(broker_url, name="shop", history=str(tmp_path / "h.sqlite"))
    on_redis = profile.transport is REDIS

    async def scenario() -> None:
        async with opened(qapp) as app:
            session = app.add(profile)
            app.window.show()
            await until(lambda: session.status is not None and session.status.state == "recording", 30)
            dialog: Any = app.window.acting.send("shop", call=Call(task="sample.note", args=[f"{tmp_path}/note"]))
            fields, place = dialog.fields, dialog.fields.place
            assert not place.exchange.isVisible()
            await until(dialog.go.isEnabled)
            place.turn.click()
            assert not place.queue.isVisible()
            assert "Enter an exchange name" in dialog.message.text()
            await until(lambda: place.exchange.findText("pool") >= 0, 20, "the exchanges that workers told")
            place.exchange.setEditText("nowhere")
            await until(lambda: "exchange “nowhere”" in dialog.message.text(), 20, "that it is not there")
            assert not dialog.go.isEnabled()
            place.exchange.setEditText("pool")
            place.routing_key.setText("media.video.cut")
            assert not dialog.go.isEnabled()  # it is looked up first
            await until(dialog.go.isEnabled, 20, "where it leads")
            assert place.told.text() == (
                "Goes to “cuts”, “media”; the task runs once per queue."
                if on_redis
                else "The exchange exists. RabbitMQ chooses the queues; an unroutable message is reported as an error."
            )
            assert "through the exchange “pool” with the routing key “media.video.cut”" in dialog.heading.text()
            assert json.loads(dialog.texts["Message"].toPlainText())["routing_key"] == "media.video.cut"
            assert "exchange='pool', routing_key='media.video.cut'" in dialog.texts["Python"].toPlainText()
            assert "--exchange pool --routing-key media.video.cut" in dialog.texts["celery call"].toPlainText()
            await until(dialog.go.isEnabled)
            dialog.go.click()
            await until(lambda: dialog.message.text().startswith("success after"), 30, "its end")
            assert (tmp_path / "note").exists()
            if on_redis:
                place.exchange.setEditText("news")
                await until(lambda: "fanout" in dialog.message.text(), 20, "the refusal")
                place.exchange.setEditText("pool")
                await until(dialog.go.isEnabled, 20, "where it leads")
                with redis.Redis.from_url(broker_url) as server:
                    server.srem("_kombu.binding.pool", *server.smembers("_kombu.binding.pool"))
                await until(dialog.go.isEnabled)
                dialog.go.click()
                await until(lambda: "No queue is bound" in dialog.message.text(), 20, "that it changed")
                assert not dialog.go.isEnabled()
            place.turn.click()
            assert (fields.call().queue, fields.call().exchange) == ("celery", "")
            await until(dialog.go.isEnabled)
            dialog.reject()

    with CeleryWorker(broker_url, queues=("media", "cuts", "everyone"), config={"task_queues": QUEUES}):
        run(scenario())


def test_the_form_and_the_json_are_one_value(qapp: QApplication) -> None:
    fields = SendFields()
    fields.task.setEditText("t")
    both = fields.arguments
    both.args.setPlainText("[1]")
    fields.show()
    assert not both.sides.isEnabled()  # nothing was seen: there is no form to choose
    both.expect(SEEN)
    assert both.sides.isEnabled()
    assert both.seen.text() == "from 12 of 13 runs"
    assert both.args.isVisible()
    both.sides.setCurrentIndex(1)
    assert both.form.isVisible()
    assert not both.args.isVisible()
    form = both.form.fields
    assert list(form) == [0, 1, "retry", "tenant"]
    assert [field.text() for field in form.values()] == ["1", "", "", ""]  # nothing that was not given
    assert [field.placeholderText() for field in form.values()] == [
        "a number, as last seen",
        'a "text", as last seen',
        "true or false, as last seen",
        "",
    ]
    assert "9 of 12 runs" in form["retry"].toolTip()
    QTest.keyClicks(form["retry"], "true")
    assert both.kwargs.toPlainText() == '{"retry": true}'
    QTest.keyClicks(form[1], "anna")
    with pytest.raises(UserError, match=r"argument 2 is not valid JSON.* Put strings in double quotes"):
        fields.call()
    assert both.args.toPlainText() == "[1]"  # as it was last in order
    form[1].clear()
    QTest.keyClicks(form[1], '"anna"')
    assert fields.call().args == [1, "anna"]
    form[0].setFocus()
    form[0].clear()
    QTest.keyClicks(form[0], " ")
    with pytest.raises(UserError, match=r"argument 1 is empty but argument 2 is set"):
        fields.call()

    both.kwargs.setPlainText('{"tenant": {"a": [null]}, "other": 2}')  # the other side, live
    form = both.form.fields
    assert list(form) == [0, 1, "retry", "tenant", "other"]
    assert [field.text() for field in form.values()] == ["1", '"anna"', "", '{"a": [null]}', "2"]
    assert fields.call().args == [1, "anna"]
    both.args.setPlainText("[1,")
    assert not both.form.fields[0].isEnabled()
    assert both.form._note.text().startswith("args is not JSON")
    both.args.setPlainText(json.dumps(list(range(1_000))))
    assert "Too many" in both.form._note.text()
    assert len(fields.call().args) == 1_000
    both.args.setPlainText("[]")
    both.expect(SeenArguments())  # another task
    assert both.args.isVisible()
    assert not both.form.isVisible()
    fields.close()
    fields.deleteLater()


def test_names_in_a_form_are_plain_text(qapp: QApplication) -> None:
    form = ArgumentForm()
    form.expect(SeenArguments(1, 0, (), (SeenArgument("<b>\u202ex", 1, "a number"),)))
    (field,) = form.fields.values()
    assert "\u202e" not in field.accessibleName()
    form.deleteLater()


def test_the_form_comes_from_the_history(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    for number, (args, kwargs) in enumerate(
        [
            ("(8812, 'anna@…')", "{'tenant': 'eu-1'}"),
            ("(1,)", "{'tenant': '***', 'retry': True}"),
            ("('cut...',)", "{}"),
        ]
    ):
        uuid = f"10000000-0000-4000-8000-00000000000{number}"
        recorded.tell(uuid, "received", name="mail.send", args=args, kwargs=kwargs, root_id=uuid)
    recorded.add(1, name="other")

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            dialog: Any = app.window.acting.send("shop")
            both = dialog.fields.arguments
            dialog.fields.task.setEditText("mail.send")
            await until(lambda: both.known)
            assert both.seen.text() == "from 2 of 3 runs"
            both.sides.setCurrentIndex(1)
            assert list(both.form.fields) == [0, 1, "tenant", "retry"]
            assert all(field.text() == "" for field in both.form.fields.values())
            assert both.form.fields["tenant"].placeholderText() == 'a "text", as last seen'  # of the one not masked
            QTest.keyClicks(both.form.fields[0], "8812")
            QTest.keyClicks(both.form.fields["tenant"], '"eu-1"')
            await until(dialog.go.isEnabled)
            assert json.loads(dialog.texts["Message"].toPlainText())["body"][:2] == [[8812], {"tenant": "eu-1"}]
            dialog.fields.serializer.setCurrentText("yaml")
            assert "accept_content" in dialog.message.text()
            assert "- tenant: eu-1" in json.loads(dialog.texts["Message"].toPlainText())["body"]
            await until(dialog.go.isEnabled)
            dialog.fields.task.setEditText("nobody.knows")
            assert not both.known  # another task's names would mislead
            assert dialog.fields.call().args == [8812]
            dialog.reject()

    run(scenario())


def row(args: str, kwargs: str) -> TaskRow:
    return TaskRow(
        *(1, "u", "t", "SUCCESS", "", "", 0.0, None, None, None, None, None, None, None),
        *(args, kwargs, "", "", 0, 0, "", "", "", False),
    )


def test_a_queue_that_nobody_takes_from_is_told_of_before(recorded: Recorded, run: Run, qapp: QApplication) -> None:
    now = time.time()
    recorded.history.put_workers([WorkerRow("w1@host", True, now, now, now, queues=("emails",))])
    (failed,) = recorded.add(1, "failed")
    lonely = "No online worker consumes the queue “emials”"

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.add(recorded.profile)
            app.window.show()
            sending: Any = app.window.acting.send("shop", call=Call(task="mail.send", queue="emials"))
            await until(lambda: lonely in sending.message.text())
            await until(sending.go.isEnabled)
            sending.fields.place.queue.setEditText("emails")
            assert not sending.message.text()
            sending.reject()
            retrying: Any = app.window.acting.retry("shop", [failed], "shop", "emials")
            await until(lambda: f"1 × {lonely}" in retrying.losses.text())
            retrying.queue.setEditText("emails")
            assert lonely not in retrying.losses.text()
            retrying.reject()

    run(scenario())


def test_what_was_seen_of_arguments() -> None:
    seen = seen_arguments(
        [
            row("(1, None)", "{'a': [1], 'b': '***'}"),
            row("[2.5]", "{'b': {'x': 1}}"),
            row("('***', 'x')", "{}"),
            row("", ""),  # its event told nothing
            row("(1, ...)", "{}"),
            row("<hidden>", "{'c': 1}"),
            row("(1,)", "{1: 2}"),
            row("(Decimal('1'),)", "{}"),
        ]
    )
    assert (seen.runs, seen.unread) == (3, 4)
    assert seen.positional == (SeenArgument("", 3, "a number"), SeenArgument("", 2, "null"))
    assert seen.named == (SeenArgument("b", 2, "an {object}"), SeenArgument("a", 1, "a [list]"))
    assert not seen_arguments([]).any


def test_serializers_that_are_there_are_offered(monkeypatch: pytest.MonkeyPatch, qapp: QApplication) -> None:
    fields = SendFields()
    fields.show_call(Call(task="t", serializer="yaml"))
    assert fields.call().serializer == "yaml"
    assert fields.serializer.isVisibleTo(fields)
    call = Call(task="t", queue="", exchange="pool", routing_key="a.b", args=[1], serializer="msgpack")
    fields.show_call(call)
    assert fields.call() == call
    fields.deleteLater()
    monkeypatch.setattr("deskq.views.actions.send.fields.serializers", lambda: ("json",))
    plain = SendFields()
    plain.show_call(Call(task="t", serializer="yaml"))
    assert plain.call().serializer == "json"
    assert not any(box.accessibleName() == "Serializer" for box in plain.findChildren(QComboBox))
    plain.deleteLater()


def test_an_entry_that_names_an_exchange_is_sent_there() -> None:
    options = {"exchange": "pool", "routing_key": "a.b"}
    entry = Entry(name="n", task="t", schedule=Interval(60.0), options=options)
    call = call_of(entry)
    assert (call.queue, call.exchange, call.routing_key) == ("", "pool", "a.b")
    queued = call_of(replace(entry, options={"queue": "q", "exchange": "pool"}))
    assert (queued.queue, queued.exchange) == ("q", "")


def test_an_entry_s_countdown_is_sent_with_it_by_delayed_delivery_where_there_is_one(qapp: QApplication) -> None:
    entry = Entry(name="n", task="t", schedule=Interval(60.0), options={"queue": "q", "countdown": 7200})
    fields = SendFields()
    fields.show_call(call_of(entry))
    call = fields.call()
    assert call.countdown == 7200
    place = place_of(call, Profile.from_url("amqp://h//"), 0.0)
    assert place is not None
    assert place.late
    assert call_of(replace(entry, options={"countdown": "soon"})).countdown is None
    fields.deleteLater()
