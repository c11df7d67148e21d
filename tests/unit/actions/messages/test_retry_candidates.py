"""The fidelity ladder: which source wins, what is never guessed, and what is said to be lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from deskq.actions.messages.call import Call, plan_send
from deskq.actions.messages.places import QueueSource, Workers, place_of
from deskq.actions.messages.retry_candidates import Grade, Stored, candidate, edited, grades, plan_retry, retargeted
from deskq.actions.safety import Confirmation, Forbidden, check, guard_at
from deskq.brokers.ports import Binding
from deskq.brokers.routing import Route
from deskq.errors import UserError
from deskq.history.rows import TaskRow
from deskq.profiles import Profile, Safety
from deskq.protocol.message import RETRY_OF, new_message, read_body

ROW = TaskRow(
    1, "old-id", "mail.send", "FAILURE", "emails", "w1", 0, 0, 0, 0, 0, 1.0, None, None, "(1, 'x')", "{'a': [2]}",
    "", "ValueError()", 0, 1, "old-id", "", "", False,
)  # fmt: skip
PROFILE = Profile.from_url("redis://h/0", name="shop")


def test_the_message_comes_first_then_the_record_then_the_repr() -> None:
    message = new_message("mail.send", "old-id", [1], {}, origin="o")
    stored = Stored("mail.send", [3], {})
    assert candidate(ROW, message=message, stored=stored).grade is Grade.EXACT
    assert candidate(ROW, stored=stored).grade is Grade.STORED
    rebuilt = candidate(ROW)
    assert rebuilt.grade is Grade.REBUILT
    assert rebuilt.body is not None
    assert (rebuilt.body.args, rebuilt.body.kwargs) == ([1, "x"], {"a": [2]})
    assert rebuilt.arguments == "(1, 'x', a=[2])"
    other = candidate(ROW, message=new_message("mail.send", "another-id", [1], {}, origin="o"))
    assert other.grade is Grade.REBUILT  # somebody else's message


@pytest.mark.parametrize(
    "args",
    [
        "('it was long...',)",
        "(1, ...)",
        "[1, 2, '...']",
        "(<Order 7>,)",
        "('***',)",
        r"('a\nb',)",
        r"('C:\temp',)",
        r"('x\\\'y',)",
        "('[redacted]',)",
        "({'password': '********'},)",
        "({1, 2},)",
        "(b'raw',)",
        "(1,",
        "",
        "{'not': 'a list'}",
    ],
)
def test_what_is_cut_masked_or_no_literal_is_never_guessed(args: str) -> None:
    found = candidate(replace(ROW, args=args))
    assert found.grade is Grade.MANUAL
    assert not found.sendable
    with pytest.raises(UserError, match=r"its arguments are uncertain\. Enter them\."):
        plan_retry([found], PROFILE, now=0)
    filled = edited(found, "[1]", "{}")
    assert filled.sendable
    assert filled.grade is Grade.MANUAL
    (item,) = plan_retry([filled], PROFILE, now=0).items
    assert item.message.headers[RETRY_OF] == "old-id"


@pytest.mark.parametrize(
    ("args", "kwargs", "says"),
    [
        ("[1,]", "{}", "args is not JSON: .*line 1, column"),
        ("[]", "[]", "kwargs is an object"),
        ("{}", "{}", "args is a list"),
        ("[" * 100_000, "{}", "nested too deeply|not JSON"),
    ],
)
def test_a_slip_in_the_arguments_is_placed(args: str, kwargs: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        edited(candidate(ROW), args, kwargs)


def test_a_plan_is_frozen_with_ids_that_are_new() -> None:
    other = replace(ROW, uuid="other-id", parent_id="p", root_id="r")
    plan = plan_retry([candidate(ROW), candidate(other, queue="slow")], PROFILE, now=0)
    first, second = plan.items
    assert (first.source, first.queue, second.queue) == ("old-id", "emails", "slow")
    assert len({first.id, second.id, "old-id", "other-id"}) == 4
    assert first.message.headers["id"] == first.id
    body = read_body(first.message)
    assert body is not None
    assert body.args == [1, "x"]
    assert "another task" in " ".join(second.losses)
    assert plan.title == "Retry 2 tasks on 2 queues at shop (development)"
    done = replace(other, state="SUCCESS")
    mixed = plan_retry([candidate(ROW), candidate(done)], PROFILE, now=0)
    assert mixed.title.startswith("Retry 2 tasks (1 succeeded) on")
    assert plan_retry([candidate(done)], PROFILE, now=0).title.startswith("Retry 1 task (it succeeded) on")
    assert grades([candidate(ROW), candidate(other)]) == "2 rebuilt"


def test_without_a_queue_nothing_is_planned() -> None:
    with pytest.raises(UserError, match="queue is unknown"):
        plan_retry([candidate(replace(ROW, queue=""))], PROFILE, now=0)


def test_safety_is_kept_where_plans_are_carried_out() -> None:
    plan = plan_retry([candidate(ROW)], PROFILE, now=0)
    yes = Confirmation(plan.id)
    with pytest.raises(Forbidden, match="read-only"):
        check(plan, replace(PROFILE, safety=Safety.READ_ONLY), yes)
    with pytest.raises(Forbidden, match="not confirmed"):
        check(plan, PROFILE, None)
    with pytest.raises(Forbidden, match="not confirmed"):
        check(plan, PROFILE, Confirmation("another plan"))
    check(plan, PROFILE, yes)
    named = replace(PROFILE, safety=Safety.ASK_NAME)
    with pytest.raises(Forbidden, match="Type the profile's name"):
        check(plan, named, yes)
    check(plan, named, Confirmation(plan.id, "shop"))
    free = replace(PROFILE, safety=Safety.FREE)
    check(plan, free, None)
    assert guard_at(free).asks(replace(plan, crosses=True))
    with pytest.raises(Forbidden, match="not for"):
        check(replace(plan, profile="other"), PROFILE, yes)


def test_what_an_app_hides_from_events_stays_hidden() -> None:
    found = candidate(replace(ROW, args="('***',)"), stored=Stored("mail.send", ["secret"], {"a": [2]}))
    (item,) = plan_retry([found], PROFILE, now=0).items
    assert (item.message.headers["argsrepr"], item.message.headers["kwargsrepr"]) == ("('***',)", "{'a': [2]}")
    body = read_body(item.message)
    assert body is not None
    assert body.args == ["secret"]
    (item,) = plan_retry([edited(found, '["new"]', "{}")], PROFILE, now=0).items
    assert item.message.headers["argsrepr"] == "('new',)"


def test_a_rate_that_is_none_is_refused() -> None:
    with pytest.raises(UserError, match="The rate must be"):
        plan_retry([candidate(ROW)], PROFILE, now=0, rate=-1.0)


def test_a_shadow_is_kept_and_the_record_says_the_name() -> None:
    shadowed = replace(ROW, name="pretty name")
    (item,) = plan_retry([candidate(shadowed, stored=Stored("mail.send", [1], {}))], PROFILE, now=0).items
    assert (item.task, item.message.headers["shadow"]) == ("mail.send", "pretty name")
    rebuilt = candidate(shadowed, stored=Stored("mail.send"))  # a record without the call
    assert (rebuilt.grade, rebuilt.name) == (Grade.REBUILT, "mail.send")
    message = replace(new_message("mail.send", "old-id", [1], {}, origin="o", headers={"shadow": "pretty name"}))
    (item,) = plan_retry([candidate(shadowed, message=message)], PROFILE, now=0).items
    assert (item.task, item.message.headers["shadow"]) == ("mail.send", "pretty name")


def test_what_a_group_or_a_body_that_cannot_be_read_loses_is_said() -> None:
    grouped = new_message("mail.send", "old-id", [1], {}, origin="o", headers={"group": "g"})
    assert "it belongs to a group" in " ".join(candidate(ROW, message=grouped).losses)
    assert "it belongs to a group" in " ".join(candidate(ROW, stored=Stored(in_group=True)).losses)
    packed = replace(grouped, headers={**grouped.headers, "compression": "application/zstd"}, body=b"?")
    assert "compressed as application/zstd" in " ".join(candidate(ROW, message=packed).losses)
    pickled = replace(grouped, content_type="application/x-python-serialize")
    assert "its body is not JSON" in " ".join(candidate(ROW, message=pickled).losses)


def test_a_retry_of_a_retry_was_started_by_no_other_task() -> None:
    again = replace(ROW, parent_id="first-id")
    assert again.retries_parent
    assert "sent by another task" not in " ".join(candidate(again).losses)
    child = replace(ROW, parent_id="first-id", root_id="first-id")
    assert "sent by another task" in " ".join(candidate(child).losses)


def test_another_queue_may_be_chosen_and_the_way_back_is_known() -> None:
    route = Route("orders", "new", ("orders.in",))
    one = candidate(replace(ROW, queue="celery"), origin=route)
    assert (one.queue, one.route, one.target) == ("", route, "orders.in")
    elsewhere = retargeted(one, "slow")
    assert (elsewhere.queue, elsewhere.route) == ("slow", None)
    assert retargeted(elsewhere, "") == one
    (item,) = plan_retry([one], PROFILE, now=0).items
    assert (item.queue, item.route) == ("", route)
    lost = candidate(ROW, origin=QueueSource(problem="its queue is unknown: its worker consumes “a”, “b”"))
    assert not lost.sendable
    assert "consumes “a”, “b”" in lost.why_not
    assert retargeted(lost, "a").sendable


AMBIGUOUS = "its queue is unknown: its worker consumes “a”, “b”"
MESSAGE = new_message("mail.send", "old-id", [1], {}, origin="o")


@pytest.mark.parametrize(
    ("row", "message", "recorded", "place"),
    [
        ({}, ("", "celery"), "", QueueSource("celery")),
        ({}, ("orders", "new"), "", QueueSource(exchange="orders", routing_key="new")),
        ({"queue": "", "exchange": "orders", "routing_key": "new"}, None, "", QueueSource("", "orders", "new")),
        ({"queue": "celery", "exchange": "orders", "routing_key": "new"}, None, "", QueueSource("", "orders", "new")),
        ({"queue": "slow", "exchange": "celery_delayed_27", "routing_key": "0.1.slow"}, None, "", QueueSource("slow")),
        ({"queue": ""}, None, "", QueueSource("only")),
        ({"queue": "", "worker": "w2"}, None, "b", QueueSource("b")),
        ({"queue": "", "worker": "w2"}, None, "orders.new", QueueSource("a")),
        ({"queue": "", "worker": "w2"}, None, "elsewhere", QueueSource(problem=AMBIGUOUS)),
        ({"queue": "", "worker": "gone"}, None, "a", QueueSource("a")),
        ({"queue": "", "worker": "gone"}, None, "", QueueSource(problem="its queue is unknown")),
    ],
)  # fmt: skip
def test_where_a_task_came_from(
    row: dict[str, Any], message: tuple[str, str] | None, recorded: str, place: QueueSource
) -> None:
    workers = Workers(
        {"w1": ["only"], "w2": ["a", "b"]}, [Binding("orders", "orders.*", "a", "topic"), Binding("x", "b", "b")]
    )
    sent = None
    if message is not None:
        told = {"delivery_info": {"exchange": message[0], "routing_key": message[1]}}
        sent = replace(MESSAGE, properties=told)
    assert place_of(replace(ROW, **row), workers, message=sent, recorded=recorded) == place


def test_what_deskq_cannot_send_is_not_even_planned() -> None:
    profile = Profile.from_url("memory://")
    with pytest.raises(UserError, match="not to “memory”"):
        plan_send(Call(task="t", queue="q"), profile, now=1.0)
    with pytest.raises(UserError, match="not to “memory”"):
        plan_retry([], profile, now=1.0)
