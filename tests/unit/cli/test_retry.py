"""`deskq retry` of tasks that are named twice, or that somebody else retries meanwhile; and of hostile names."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from deskq.actions.journal.journal import Journal, journal_path
from deskq.actions.messages.argument_sources import gather
from deskq.actions.messages.earlier import refuse_overtaken
from deskq.actions.messages.retry_candidates import plan_retry
from deskq.actions.plan import Item, Outcome, Plan
from deskq.actions.runners import executor_for
from deskq.actions.safety import Confirmation
from deskq.actions.workers.revoke import plan_revoke
from deskq.brokers.publishing import OutgoingMessage, PublishResult, sent_events
from deskq.brokers.redis.publisher import RedisPublisher
from deskq.cli import main
from deskq.errors import UserError
from deskq.history.reading.reader import HistoryReader
from deskq.history.writing.message_cache import MessageKeep
from deskq.history.writing.writer import History
from deskq.profiles import Profile
from deskq.protocol.events import Event, decode_body
from deskq.protocol.message import new_message
from tests.unit.history.test_history import NOW, add_task, uuid_of


@pytest.fixture
def history(tmp_path: Path) -> Path:
    history = History(tmp_path / "shop.sqlite")
    for number in range(1, 4):
        queue = "emails" if number < 3 else ""
        add_task(history, number, state="failed", name="mail.send\x1b[31m", kwargs="{}", queue=queue)
    history.commit(NOW)
    history.close()
    return history.path


def test_an_id_that_is_given_twice_is_sent_once(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["retry", "redis://127.0.0.1:1/0", "--history", str(history), "--queue", "q", "--dry-run"]
    assert main([*command, "--format", "json", uuid_of(1), uuid_of(2), uuid_of(1)]) == 0
    assert [item["retry_of"] for item in json.loads(capsys.readouterr().out)["items"]] == [uuid_of(1), uuid_of(2)]


def test_names_do_nothing_to_a_terminal(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "q\x1b[31m\u202e\x07"
    command = ["retry", "redis://127.0.0.1:1/0", "--history", str(history), "--dry-run"]
    assert main([*command, "--queue", hostile, uuid_of(1)]) == 0
    assert main([*command, "--queue", hostile, f"no-task{hostile}"]) == 2
    assert main([*command, uuid_of(3)]) == 2  # no queue is known
    shown = capsys.readouterr()
    assert "mail.send<U+001B>[31m" in shown.out
    assert not set("\x1b\u202e\x07") & set(shown.out + shown.err)


def plan_of(history: Path, profile: Profile) -> Plan[Item]:
    with closing(HistoryReader(history)) as reader:
        rows = [row for number in (1, 2) if (row := reader.task_row(uuid_of(number)))]
    return plan_retry(gather(profile, rows, queue="q"), profile, now=NOW)


def test_what_somebody_else_retried_since_it_was_shown_is_not_sent_again(history: Path, redis_url: str) -> None:
    profile = Profile.from_url(redis_url, name="shop", history=str(history))
    first, second = plan_of(history, profile), plan_of(history, profile)
    with closing(Journal()) as journal:
        assert executor_for(first, profile, journal).run(Confirmation(first.id)).done == 2
    with closing(Journal()) as journal:
        with pytest.raises(UserError, match=f"2 of these tasks were retried since the preview .action {first.id}"):
            executor_for(second, profile, journal).run(Confirmation(second.id))
        assert [action.id for action in journal.actions()] == [first.id]
    publisher = RedisPublisher(profile)
    assert publisher._redis().llen("q") == 2
    publisher.close()
    third = plan_of(history, profile)  # who looks anew is told, and may
    assert "it has already been retried" in third.items[0].losses
    with closing(Journal()) as journal:
        assert executor_for(third, profile, journal).run(Confirmation(third.id)).done == 2


def test_what_was_retried_before_is_left_out(history: Path, redis_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A script that says the same again sends nothing twice, and that is no failure."""
    command = ["retry", redis_url, "--history", str(history), "--queue", "q", "--yes"]
    failures = ["--state", "FAILURE"]
    publisher = RedisPublisher(Profile.from_url(redis_url))
    for options, there, said in (
        ([uuid_of(1)], 1, ""),
        (failures, 3, "1 left out: retried before. Add --again to retry it again."),
        (failures, 3, "3 left out: retried before. Add --again to retry them again."),
        ([*failures, "--format", "json"], 3, "3 left out: retried before."),
        ([*failures, "--again"], 6, ""),
    ):
        assert main([*command, *options]) == 0
        shown = capsys.readouterr()
        assert said in shown.err
        assert ("left out" in shown.err) is bool(said)
        assert publisher._redis().llen("q") == there
        if "json" in options:
            assert json.loads(shown.out)["items"] == []
    publisher.close()


def test_a_retry_that_is_planned_or_was_never_sent(history: Path) -> None:
    profile = Profile.from_url("redis://127.0.0.1:1/0", name="shop", history=str(history))
    running = plan_of(history, profile)
    with closing(Journal()) as journal:
        journal.begin(running, profile)
        assert plan_of(history, profile).items[0].earlier == {running.items[0].id}  # it will be sent in a moment
        journal.end(running.id)
    assert plan_of(history, profile).items[0].earlier == frozenset()


def told_of(uuid: str, source: str, *, root: str, at: float) -> Event:
    """What deskq's own publisher tells of a retry that it sent."""
    message = new_message("mail.send", uuid, [1], {}, origin="o", retry_of=source, root_id=root)
    (event,) = sent_events([OutgoingMessage(uuid, "q", message)], [PublishResult(True)], at)
    return decode_body(json.dumps(event).encode(), "application/json", "utf-8")[0]


def test_what_somebody_else_retried_is_known_by_the_event_stream(history: Path) -> None:
    profile = Profile.from_url("redis://127.0.0.1:1/0", name="shop", history=str(history))
    plan = plan_of(history, profile)
    assert not any(item.earlier for item in plan.items)
    writer = History(history)
    writer.record("own-root", NOW).add(told_of("own-root", uuid_of(1), root="", at=NOW))
    writer.record("kept-root", NOW).add(told_of("kept-root", uuid_of(2), root="r", at=NOW))
    child = Event(
        type="task-received", timestamp=NOW, hostname="w1", pid=1, uuid="a-child", name="mail.send", root_id="r",
        parent_id=uuid_of(1), retries=0,
    )  # fmt: skip
    writer.record("a-child", NOW).add(child)
    writer.commit(NOW)
    writer.close()
    first, second = plan_of(history, profile).items
    assert [set(item.earlier) for item in (first, second)] == [{"own-root"}, {"kept-root"}]  # a child is no retry
    assert "it has already been retried" in first.losses
    with pytest.raises(UserError, match=r"Someone else has already retried .*, as own-root"):
        refuse_overtaken(plan, profile)
    refuse_overtaken(plan_of(history, profile), profile)  # who knows of it may


def test_what_somebody_else_retried_is_known_by_what_waits(history: Path) -> None:
    profile = Profile.from_url("redis://127.0.0.1:1/0", name="shop", history=str(history))
    keep = MessageKeep(history)
    keep.keep([], NOW, retries=[("waiting", uuid_of(2))])
    keep.close()
    first, second = plan_of(history, profile).items
    assert [set(item.earlier) for item in (first, second)] == [set(), {"waiting"}]


def test_a_revoked_task_was_not_retried(history: Path) -> None:
    profile = Profile.from_url("redis://127.0.0.1:1/0", name="shop", history=str(history))
    revoked = plan_revoke([(uuid_of(1), "mail.send")], profile)
    with closing(Journal()) as journal:
        journal.begin(revoked, profile)
        journal.mark(revoked.id, [(0, Outcome.DONE, "")])
        journal.end(revoked.id)
    assert not any(item.earlier for item in plan_of(history, profile).items)


def test_options_may_stand_between_what_they_are_about(capsys: pytest.CaptureFixture[str]) -> None:
    url = "redis://127.0.0.1:1/0"
    assert main(["control", url, "rate-limit", "--worker", "w1", "mail.send", "--dry-run", "10/m"]) == 0
    assert "rate_limit task_name=mail.send rate_limit=10/m → w1" in capsys.readouterr().out
    assert main(["revoke", url, "--terminate", "one", "--dry-run", "two", "--signal", "INT"]) == 0
    shown = capsys.readouterr().out
    assert "terminate one by SIGINT" in shown
    assert "terminate two by SIGINT" in shown


def test_looking_at_a_resume_makes_no_journal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["control", "redis://127.0.0.1:1/0", "resume-queue", "emails", "--dry-run"]) == 2
    assert "is not paused" in capsys.readouterr().err
    assert not journal_path().exists()


def test_an_option_does_not_lower_a_level(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "add", "watched", "redis://127.0.0.1:1/0", "--safety", "read-only"]) == 0
    assert main(["profiles", "add", "prod", "redis://127.0.0.1:1/0", "--safety", "ask-name", "--yes"]) == 0
    for name, level in (("watched", "free"), ("watched", "ask-name"), ("prod", "ask"), ("prod", "free")):
        assert main(["send", name, "t", "--safety", level, "--yes", "--confirm-name", name]) == 2
        assert "options cannot lower that" in capsys.readouterr().err
    assert main(["send", "prod", "t", "--safety", "read-only", "--dry-run"]) == 0
    assert main(["send", "redis://127.0.0.1:2/0", "t", "--safety", "free", "--dry-run"]) == 0


def test_a_url_is_no_way_around_the_level_of_a_saved_profile(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "add", "watched", "redis://anna@localhost:1/0", "--safety", "read-only"]) == 0
    assert main(["profiles", "add", "prod", "redis://127.0.0.1:1/0", "--safety", "ask-name", "--yes"]) == 0
    url = "redis://127.0.0.1:1/0"
    assert main(["send", url, "t", "--yes"]) == 2
    assert "read-only" in capsys.readouterr().err
    assert main(["send", url, "t", "--safety", "free", "--yes"]) == 2
    assert "“watched” is read-only; options cannot lower that" in capsys.readouterr().err
    assert main(["send", "redis://127.0.0.1:1/1", "t", "--safety", "free", "--dry-run"]) == 0
