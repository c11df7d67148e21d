"""Abortable tasks that are asked to stop: real workers on Redis and on databases, and never over a result."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
import sqlalchemy
from celery.contrib.abortable import AbortableAsyncResult

from deskq.actions.executor import PlanExecutor
from deskq.actions.journal.journal import ItemRow, Journal
from deskq.actions.plan import Outcome
from deskq.actions.safety import Confirmation, Forbidden
from deskq.actions.workers.abort import AbortRunner, plan_abort, stored_states
from deskq.cli import main
from deskq.errors import UserError
from deskq.profiles import Profile, Safety
from deskq.results.abort import port as aborting
from deskq.results.opening import open_marker
from deskq.results.redis import KEY
from deskq.results.store import ResultsUnreadable
from tests.brokers.conftest import Needs
from tests.support.celery_worker import CeleryWorker
from tests.support.sample_app import sample_client
from tests.support.servers import RedisServer
from tests.support.waiting import wait_until


def shop(broker: str, backend: str, **fields: Any) -> Profile:
    return Profile.from_url(broker, name="shop", result_backend=backend, **fields)


def aborted(profile: Profile, ids: Sequence[str]) -> list[ItemRow]:
    """Plan it, say yes, carry it out; each item as the journal has it."""
    plan = plan_abort([(uuid, "sample.abortable") for uuid in ids], stored_states(profile, ids), profile)
    with closing(Journal()) as journal:
        PlanExecutor(plan, profile, journal, AbortRunner(profile)).run(Confirmation(plan.id))
        return journal.items(plan.id)


@pytest.fixture
def server(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def stored(server: redis.Redis, task_id: str) -> Any:
    raw: Any = server.get(KEY + task_id)
    return json.loads(raw)


@pytest.mark.parametrize("backend", ["redis", "sqlite"])
def test_a_task_that_looks_for_it_stops(redis_url: str, tmp_path: Path, backend: str) -> None:
    url = redis_url if backend == "redis" else f"db+sqlite:///{tmp_path}/results.sqlite"
    config = {"result_backend": url, "task_track_started": True, "result_expires": 900}
    profile = shop(redis_url, url)
    with CeleryWorker(redis_url, config=config), sample_client(redis_url, **config) as client:
        assert client.send_task("sample.add", (1, 2)).get(timeout=120) == 3  # a database's table is made by now
        done, running = client.send_task("sample.abortable", (0,)), client.send_task("sample.abortable")
        done.get(timeout=120)
        wait_until(lambda: running.state == "STARTED", 30)
        assert stored_states(profile, [done.id, running.id, "never"]) == {done.id: "SUCCESS", running.id: "STARTED"}
        items = aborted(profile, [running.id, done.id])
        assert [item.outcome for item in items] == [Outcome.DONE, Outcome.GONE]
        assert items[0].words == "stored; it was STARTED"
        assert items[0].command.endswith("stored now: STARTED")
        assert "its result stays" in items[1].words
        assert running.get(timeout=120) == "stopped"
        assert done.get(timeout=120) == "ran to its end"
        (again,) = aborted(profile, [running.id])
        assert (again.outcome, "SUCCESS" in again.words) == (Outcome.GONE, True)


def test_what_is_stored_is_what_celery_stores(redis_url: str, server: redis.Redis) -> None:
    profile, listener = shop(redis_url, redis_url, silent=True), server.pubsub()
    with sample_client(redis_url, result_expires=900) as client:
        AbortableAsyncResult("theirs", app=client).abort()
        listener.subscribe(f"{KEY}ours")
        wait_until(lambda: listener.get_message(timeout=0.1), 10)
        (item,) = aborted(profile, ["ours"])
        assert (item.outcome, item.words) == (Outcome.DONE, "stored; there was no record before")
        theirs, ours = (stored(server, uuid) for uuid in ("theirs", "ours"))
        assert ours == {**theirs, "task_id": "ours"}
        told: Any = wait_until(lambda: listener.get_message(timeout=0.1), 10)
        assert json.loads(told["data"]) == ours
        assert AbortableAsyncResult("ours", app=client).is_aborted()
    listener.close()
    assert 86_000 < server.ttl(f"{KEY}ours") <= 86_400  # no worker was asked: Celery's default
    (again,) = aborted(profile, ["ours"])
    assert (again.outcome, again.words) == (Outcome.GONE, "The task was already aborted.")


def test_what_the_record_says_besides_and_its_expiry_stay(redis_url: str, server: redis.Redis) -> None:
    meta: dict[str, Any] = {
        "status": "PROGRESS",
        "result": {"done": 1},
        "group_id": "g1",
        "children": [],
        "traceback": None,
    }
    server.set(f"{KEY}a", json.dumps(meta), px=500_000)
    server.set(f"{KEY}b", json.dumps(meta))
    items = aborted(shop(redis_url, redis_url, silent=True), ["a", "b"])
    assert [item.words for item in items] == ["stored; it was PROGRESS"] * 2
    assert 400 < server.ttl(f"{KEY}a") <= 500
    assert server.ttl(f"{KEY}b") == -1
    kept = stored(server, "a")
    assert kept["group_id"] == "g1"
    assert (kept["status"], kept["result"]) == ("ABORTED", None)


def test_workers_say_how_long_and_in_which_format(redis_url: str, server: redis.Redis) -> None:
    server.set(f"{KEY}pickled", pickle.dumps({"status": "STARTED"}))
    server.set(f"{KEY}odd", "[1, 2]")
    profile = shop(redis_url, redis_url)
    with CeleryWorker(redis_url, config={"result_expires": 900}, pool="solo"):
        items = aborted(profile, ["new", "pickled", "odd"])
        assert [item.outcome for item in items] == [Outcome.DONE, Outcome.FAILED, Outcome.FAILED]
        assert "not a JSON record" in items[1].words
        assert server.get(f"{KEY}odd") == b"[1, 2]"
        assert 800 < server.ttl(f"{KEY}new") <= 900
    with CeleryWorker(redis_url, config={"result_serializer": "pickle"}, pool="solo"):
        (item,) = aborted(profile, ["another"])
    assert item.outcome == Outcome.FAILED
    assert "do not store results as JSON" in item.words
    assert server.get(f"{KEY}another") is None


def test_a_result_that_comes_in_this_moment_stays(redis_url: str, server: redis.Redis) -> None:
    """Workers store results while marks are set, over and over: whatever comes first, each result stays."""
    ids, stop = [f"t{number}" for number in range(400)], threading.Event()
    started = json.dumps({"status": "STARTED", "result": None})
    for uuid in ids:
        server.set(KEY + uuid, started)

    def work() -> None:
        with redis.Redis.from_url(redis_url) as worker:
            for uuid in ids:
                for done in range(20):  # it tells of its progress, then ends
                    worker.set(KEY + uuid, json.dumps({"status": "PROGRESS", "result": done}))
                worker.set(KEY + uuid, json.dumps({"status": "SUCCESS", "result": uuid}))
        stop.set()

    thread = threading.Thread(target=work)
    outcomes: dict[str, set[str]] = {uuid: set() for uuid in ids}
    with closing(open_marker(shop(redis_url, redis_url))) as marker:
        thread.start()
        while not stop.is_set():
            for uuid in ids:
                outcomes[uuid].add(marker.mark(uuid, expires=None, create_missing=True).outcome)
        thread.join()
        for uuid in ids:
            assert marker.mark(uuid, expires=None, create_missing=True).outcome == "gone"
    results = [stored(server, uuid) for uuid in ids]
    assert [(each["status"], each["result"]) for each in results] == [("SUCCESS", uuid) for uuid in ids]
    assert any("done" in each for each in outcomes.values())


def test_a_mark_is_set_only_over_what_was_looked_at(
    redis_url: str, server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result comes between the look and the write: the very moment that a plain write would lose."""
    server.set(f"{KEY}t", json.dumps({"status": "STARTED"}))
    honest, told = aborting.meta_of, []

    def meta_of(task_id: str, before: Any) -> Any:
        told.append(task_id)
        server.set(f"{KEY}t", json.dumps({"status": "FAILURE", "result": None}))
        return honest(task_id, before)

    monkeypatch.setattr(aborting, "meta_of", meta_of)
    with closing(open_marker(shop(redis_url, redis_url))) as marker:
        found = marker.mark("t", expires=None, create_missing=True)
    assert told == ["t"]
    assert (found.outcome, "FAILURE" in found.words) == ("gone", True)
    assert stored(server, "t")["status"] == "FAILURE"


def test_a_connection_that_ends_meanwhile(needs: Needs, monkeypatch: pytest.MonkeyPatch) -> None:
    with needs(RedisServer) as server:
        profile = shop(server.url, server.url)
        honest = aborting.meta_of

        def meta_of(task_id: str, before: Any) -> Any:
            server.kill()
            return honest(task_id, before)

        with closing(open_marker(profile)) as marker:
            assert marker.mark("a", expires=None, create_missing=True).outcome == "done"
            with server.new_client(0) as client:
                client.config_set("maxmemory", 1)
                full = marker.mark("full", expires=None, create_missing=True)
                assert (full.outcome, "maxmemory" in full.words) == ("failed", True)
                assert client.get(f"{KEY}full") is None
                client.config_set("maxmemory", 0)
            monkeypatch.setattr(aborting, "meta_of", meta_of)
            found = marker.mark("b", expires=None, create_missing=True)
            assert found == aborting.NOT_KNOWN
            with pytest.raises(UserError, match="Nothing is listening"):
                marker.mark("c", expires=None, create_missing=True)


@pytest.mark.parametrize("kind", ["postgres", "maria"])
def test_celerys_table_on_a_server(request: pytest.FixtureRequest, redis_url: str, kind: str) -> None:
    """A new row gets its number as Celery's do; a result that another transaction stores meanwhile stays."""
    url = request.getfixturevalue(kind)[0].url
    for plain, driver in (("postgresql:", "postgresql+psycopg:"), ("mysql:", "mysql+pymysql:")):
        url = url.replace(plain, driver) if url.startswith(plain) else url
    profile = shop(redis_url, f"db+{url}", silent=True)
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
    found: list[Any] = []

    def mark(task_id: str) -> None:
        with closing(open_marker(profile)) as marker:
            found.append(marker.mark(task_id, expires=None, create_missing=True))

    def meanwhile(task_id: str, sql: str) -> Any:
        """Mark it while a transaction has written and not yet committed; what became of it."""
        with engine.connect() as other:
            other.execute(sqlalchemy.text(sql), {"id": task_id})
            thread = threading.Thread(target=mark, args=(task_id,))
            thread.start()
            thread.join(1.0)
            assert thread.is_alive()  # it waits for the row
            other.commit()
        thread.join(20)
        return found.pop()

    with sample_client(redis_url, result_backend=f"db+{url}") as client:
        client.backend.store_result("late", None, "STARTED")
        assert [item.outcome for item in aborted(profile, ["fresh"])] == [Outcome.DONE]
        assert AbortableAsyncResult("fresh", app=client).is_aborted()
        ending = "UPDATE celery_taskmeta SET status = 'SUCCESS' WHERE task_id = :id"
        assert meanwhile("late", ending).outcome == "gone"
        number = "nextval('task_id_sequence')" if kind == "postgres" else "nextval(task_id_sequence)"
        first = f"INSERT INTO celery_taskmeta (id, task_id, status) VALUES ({number}, :id, 'FAILURE')"
        assert meanwhile("first", first).outcome == "gone"
        states = {uuid: client.AsyncResult(uuid).state for uuid in ("late", "first")}
        assert states == {"late": "SUCCESS", "first": "FAILURE"}
        client.backend.store_result("fresh", "stopped", "SUCCESS")
        assert client.AsyncResult("fresh").result == "stopped"
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("DELETE FROM celery_taskmeta"))
    engine.dispose()


def test_who_is_refused(redis_url: str, tmp_path: Path) -> None:
    for backend, words in (
        (f"file://{tmp_path}", "could overwrite a result"),
        ("rpc://", "delivers each result once"),
        ("", "has no result backend"),
        (f"db+sqlite:///{tmp_path}/none.sqlite", "cannot be read"),
    ):
        with pytest.raises(ResultsUnreadable, match=words):
            stored_states(Profile.from_url(redis_url, name="shop", result_backend=backend or None), ["a"])
    profile = shop(redis_url, redis_url)
    plan = plan_abort([("a", "")], {}, profile)
    watched = replace(profile, safety=Safety.READ_ONLY)
    with closing(Journal()) as journal, pytest.raises(Forbidden):
        PlanExecutor(plan, watched, journal, AbortRunner(watched)).run(Confirmation(plan.id))
    with redis.Redis.from_url(redis_url) as server:
        assert server.keys() == []


def test_the_command_line(redis_url: str, server: redis.Redis, capsys: pytest.CaptureFixture[str]) -> None:
    server.set(f"{KEY}done", json.dumps({"status": "SUCCESS", "result": 1}))
    call = ["abort", redis_url, "fresh", "done", "--backend", redis_url]
    assert main([*call, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "stored now: nothing" in shown
    assert "stored now: SUCCESS" in shown
    assert "is_aborted()" in shown
    assert server.get(f"{KEY}fresh") is None
    assert main([*call, "--yes", "--format", "json"]) == 0
    outcomes = json.loads(capsys.readouterr().out.splitlines()[1])["outcomes"]
    assert [(each["task"], each["outcome"]) for each in outcomes] == [("fresh", "done"), ("done", "gone")]
    assert stored(server, "done")["result"] == 1
    assert main(["abort", redis_url, "a", "--yes"]) == 2
    assert "has no result backend" in capsys.readouterr().err
