"""The very message: seen while it waited, kept within bounds, and sent again as it was."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest
import redis

from deskq.actions.messages.argument_sources import known_messages
from deskq.brokers.redis.broker import RedisBroker
from deskq.brokers.redis.ready_messages import LARGEST, PASSED_BYTES, PER_LIST
from deskq.cli import main
from deskq.history.reading.reader import HistoryReader
from deskq.history.writing.message_cache import KEPT_BYTES, MessageKeep, messages_path, read_messages
from deskq.profiles import Profile
from deskq.protocol.message import new_message, read_body, write_redis_message
from tests.support.celery_worker import CeleryWorker
from tests.support.recording import Recording
from tests.support.sample_app import sample_client
from tests.support.waiting import wait_until

LARGE = {"grüße": ["东京", None, {"n": 1.5}], "text": "x" * 5_000}


def test_what_waited_is_retried_as_it_was(redis_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history = tmp_path / "h.sqlite"
    note, gate = tmp_path / "note", tmp_path / "note.fail"
    gate.touch()
    with Recording(redis_url, history=history), sample_client(redis_url) as client:
        uuid = client.send_task("sample.note", (str(note), LARGE), {"k": "v"}).id
        wait_until(lambda: read_messages(history, [uuid]), 20, "the message to be kept")
        assert (messages_path(history).stat().st_mode & 0o777) == 0o600
        with CeleryWorker(redis_url):

            def failed() -> bool:
                with contextlib.closing(HistoryReader(history)) as reader:
                    row = reader.task_row(uuid)
                return row is not None and row.state == "FAILURE"

            wait_until(failed, 30, "it to fail")
            gate.unlink()
            capsys.readouterr()
            assert main(["retry", redis_url, uuid, "--history", str(history), "--yes"]) == 0
            assert "1 exact" in capsys.readouterr().err
            wait_until(note.exists, 30, "it to run")
    line = json.loads(note.read_text().splitlines()[-1])
    assert LARGE in line["args"] if "args" in line else json.dumps(LARGE, ensure_ascii=False)[:20] in note.read_text()


def test_looking_moves_nothing_and_passes_large_ones_over(redis_url: str) -> None:
    profile = Profile.from_url(redis_url, name="shop")
    with contextlib.closing(redis.Redis.from_url(redis_url)) as server:
        server.lpush("q", *(f"m{n}" for n in range(PER_LIST + 20)))
        server.lpush("large", "first", "x" * (LARGEST + 1), "last")
        server.lpush("huge", "first", "x" * (PASSED_BYTES + 1), "last")
        server.lpush("many", *(f"{n:02}" + "x" * 200_000 for n in range(PER_LIST)))
        server.set("no-list", "1")
        before = {key: server.dump(key) for key in ("q", "large", "huge", "many", "no-list")}
        with contextlib.closing(RedisBroker(profile)) as broker:
            found = broker.waiting(["q"])
            assert found == [f"m{n}".encode() for n in range(PER_LIST)]  # those that run first
            assert broker.waiting(["large", "no-list"]) == [b"first", b"last"]
            assert broker.waiting(["large"]) == [b"first", b"last"]
            assert [broker.waiting(["huge"]) for _ in range(3)] == [
                [b"first"],
                [b"last"],  # behind what cost much
                [],  # and then left alone for a while
            ]
            seen = [message[:2] for _ in range(6) for message in broker.waiting(["many"])]
            assert seen[:PER_LIST] == [f"{n:02}".encode() for n in range(PER_LIST)]  # round by round, each once
        assert {key: server.dump(key) for key in before} == before


def test_a_user_who_may_run_no_scripts_is_no_problem(redis_url: str) -> None:
    with contextlib.closing(redis.Redis.from_url(redis_url)) as server:
        server.lpush("q", "m")
        server.execute_command("ACL", "SETUSER", "watcher", "on", ">pw", "~*", "&*", "+@all", "-@scripting")
        try:
            profile = Profile.from_url(redis_url.replace("redis://", "redis://watcher:pw@"), name="shop")
            with contextlib.closing(RedisBroker(profile)) as broker:
                assert broker.waiting(["q"]) == []
                assert broker.sample(["q"])[0].ready == 1
        finally:
            server.execute_command("ACL", "DELUSER", "watcher")


def test_it_is_bounded_and_its_damage_harms_nobody(tmp_path: Path) -> None:
    history = tmp_path / "h.sqlite"
    keep = MessageKeep(history)
    body = os.urandom(200_000)
    for number in range(KEPT_BYTES // len(body) + 20):
        keep.keep([(f"t{number}", body)], 1_000.0 + number)
    keep.keep([("too-large", b"x" * 300_000), ("", b"no id")], 2_000.0)
    keep.close()
    assert messages_path(history).stat().st_size < KEPT_BYTES * 1.3
    assert read_messages(history, ["t0", "too-large"]) == {}  # the oldest went
    assert read_messages(history, [f"t{number}"])[f"t{number}"] == body
    keep.keep([("newer", b"m")], 1_000.0 + 8 * 86_400)
    assert read_messages(history, [f"t{number}"])[f"t{number}"] == body  # one clock alone lets nothing go
    keep.keep([("new", b"m")], 1_000.0 + 8 * 86_400, 1_000.0 + 8 * 86_400)
    assert read_messages(history, [f"t{number}"]) == {}  # older than a week
    keep.close()
    messages_path(history).write_bytes(b"garbage" * 10_000)
    assert read_messages(history, ["new"]) == {}
    keep.keep([("a", b"m")], 1.0)  # finds the damage, and begins anew
    keep.keep([("b", b"m")], 1.0)
    assert read_messages(history, ["b"]) == {"b": b"m"}
    keep.close()


def test_what_deskq_sent_is_known_from_the_journal(redis_url: str, tmp_path: Path) -> None:
    history = str(tmp_path / "h.sqlite")
    assert (
        main(["send", redis_url, "mail.send", "--args", '["grüße"]', "--id", "i1", "--yes", "--history", history]) == 0
    )
    profile = Profile.from_url(redis_url, name="shop", history=history)
    message = known_messages(profile, ["i1", "i2"])["i1"]
    body = read_body(message)
    assert body is not None
    assert body.args == ["grüße"]
    foreign = write_redis_message(new_message("t", "other", [], {}, origin="x"), "q", "tag")
    keep = MessageKeep(Path(history))
    keep.keep([("i3", foreign)], 1.0)
    keep.close()
    assert known_messages(profile, ["i3"]) == {}  # a message that names another task is not this one's
