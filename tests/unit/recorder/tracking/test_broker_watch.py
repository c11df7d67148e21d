"""A broker that lost its data at a restart is the same one where its workers are."""

from __future__ import annotations

from pathlib import Path

from deskq.history.known_broker import keep_broker, known_broker
from deskq.protocol.identity import Identity
from deskq.recorder.tracking.broker_watch import BrokerWatch
from deskq.recorder.tracking.worker import Worker

OLD, NEW = Identity(product="Redis", ids=("old",)), Identity(product="Redis", ids=("new",))


def worker(pid: int, heard: float, name: str = "w@h") -> Worker:
    return Worker(name, 0.0, pids={pid: heard})


def test_the_first_broker_is_the_history_s(tmp_path: Path) -> None:
    watch = BrokerWatch(tmp_path / "h.sqlite")
    watch.told(OLD, 1.0)
    assert known_broker(tmp_path / "h.sqlite") == OLD
    assert watch.notice == ""


def test_a_worker_that_is_heard_again_tells_that_it_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    watch = BrokerWatch(path)
    watch.told(OLD, 1.0)
    watch.heard([worker(4711, 1.5), worker(1, 1.5, "c@h")])
    watch.told(NEW, 2.0)
    assert "it was Redis “old”, now it is Redis “new”" in watch.notice
    for others in ([worker(4711, 1.9)], [worker(4712, 3.0)], [worker(1, 3.0, "c@h")], [worker(4711, 3.0, "x@h")]):
        watch.heard(others)
        assert watch.notice, others
    assert known_broker(path) == OLD
    watch.heard([worker(4711, 3.0)])
    assert (watch.notice, known_broker(path)) == ("", NEW)


def test_what_a_person_said_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    watch = BrokerWatch(path)
    watch.told(OLD, 1.0)
    watch.told(NEW, 2.0)
    keep_broker(path, NEW)
    watch.heard([])
    assert watch.notice == ""


def test_another_id_of_the_same_broker_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    watch = BrokerWatch(path)
    watch.told(OLD, 1.0)
    after_failover = Identity(product="Redis", ids=("new", "old"))
    watch.told(after_failover, 2.0)
    assert (watch.notice, known_broker(path)) == ("", after_failover)
