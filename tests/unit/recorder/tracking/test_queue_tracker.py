"""Queues that are named, that are there or not, and whose consumers are known or not."""

from __future__ import annotations

from deskq.brokers.ports import QueueSample
from deskq.history.rows import QueueRow
from deskq.recorder.tracking.consumers import Consumers
from deskq.recorder.tracking.queue_tracker import MAX_NAMED, QueueWatch

NOW = 1_795_000_000.0
NOBODY = Consumers(complete=True)


def sample(name: str, ready: int | None = 0, consumers: int | None = None, *, exists: bool = True) -> QueueSample:
    return QueueSample(name, NOW, ready, 0, consumers, exists=exists)


def rows(watch: QueueWatch, *samples: QueueSample, consumers: Consumers = NOBODY) -> dict[str, QueueRow]:
    return {row.name: row for row in watch.rows(samples, consumers, {}, NOW)[0]}


def test_a_queue_that_only_a_task_or_the_journal_names_is_sampled_for_ever() -> None:
    watch = QueueWatch()
    watch.named(["adhoc"])
    watch.sent("emails", NOW)
    for _ in range(3):
        watch.found({"celery"}, [], complete=True)
        assert watch.names == {"celery", "adhoc", "emails"}
        row = rows(watch, sample("adhoc", 9))["adhoc"]
        assert (row.ready, row.no_consumer) == (9, True)
    assert watch.take_gone() == []


def test_a_named_queue_that_is_not_there_is_not_shown_and_looked_for_now_and_then() -> None:
    watch = QueueWatch()
    watch.named(["adhoc"])
    assert rows(watch, sample("adhoc", exists=False)) == {}
    assert (watch.names, watch.absent, watch.take_gone()) == (set(), {"adhoc"}, ["adhoc"])
    watch.found({"celery"}, [], complete=True)
    assert (watch.names, watch.absent) == ({"celery"}, {"adhoc"})
    assert rows(watch, sample("adhoc", 1))["adhoc"].ready == 1
    assert (watch.names, watch.absent, watch.take_gone()) == ({"celery", "adhoc"}, set(), [])


def test_a_watched_queue_that_is_not_there_is_said_to_be_so() -> None:
    watch = QueueWatch(watched=["celery"])
    row = rows(watch, sample("celery", exists=False))["celery"]
    assert (row.exists, row.no_consumer) == (False, False)
    assert (row.ready, row.unacked, row.consumers) == (None, None, None)  # no queue, no figures


def test_a_queue_that_was_deleted_under_its_worker_is_not_there() -> None:
    """RabbitMQ tells; on Redis a worker that consumes a queue makes it one."""
    watch = QueueWatch()
    watch.found({"other"}, ["celery"], complete=True)
    consumers = Consumers({"celery": ["w1"]}, {"celery": NOW}, complete=True)
    assert not rows(watch, sample("celery", None, exists=False), consumers=consumers)["celery"].exists
    assert rows(watch, sample("celery", 0, exists=False), consumers=consumers)["celery"].exists


def test_the_broker_knows_its_consumers_better_than_workers_that_are_gone() -> None:
    watch = QueueWatch()
    consumers = Consumers({"celery": ["w1"]}, {"celery": NOW}, complete=True)
    row = rows(watch, sample("celery", 9, consumers=0), consumers=consumers)["celery"]
    assert (row.consumers, row.no_consumer, row.workers, row.told) == (0, True, (), None)
    row = rows(watch, sample("celery", 9, consumers=1), consumers=Consumers())["celery"]
    assert (row.consumers, row.no_consumer) == (1, False)


def test_consumers_that_may_be_more_are_no_number() -> None:
    consumers = Consumers({"a": ["w1"]}, {"a": NOW})
    found = rows(QueueWatch(), sample("a"), sample("b"), consumers=consumers)
    assert (found["a"].consumers, found["a"].workers, found["a"].no_consumer) == (None, ("w1",), False)
    assert (found["b"].consumers, found["b"].no_consumer) == (None, False)


def test_of_ever_new_names_the_latest_are_kept() -> None:
    watch = QueueWatch()
    for number in range(3 * MAX_NAMED):
        watch.sent(f"q{number}", NOW)
    watch.found({"celery"}, [], complete=True)
    assert len(watch.names) == MAX_NAMED + 1
    assert {"celery", f"q{3 * MAX_NAMED - 1}"} < watch.names


def test_who_holds_a_message_consumes_the_queue() -> None:
    """A solo worker without heartbeats that was busy before anyone asked: nobody knows it, but a message is held."""
    assert Consumers(complete=True).count("q") == 0
    assert Consumers(complete=True).count("q", held=1) is None
    assert Consumers(complete=True, gone=frozenset({"q"})).count("q", held=1) == 0  # it died with the message
    assert Consumers(complete=True, gone=None).count("q", held=1) == 0
    assert Consumers({"q": ["w"]}, complete=True).count("q", held=1) == 1
