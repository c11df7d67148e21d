"""What is noted of tasks that are said to wait, and what is not certain enough to be noted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deskq.brokers.ports import QueueSample
from deskq.history.writing.writer import History
from deskq.profiles import Profile
from deskq.protocol.events import Event
from deskq.protocol.task_summary import derive
from deskq.recorder.tracking.worker_tracker import WorkerWatch
from deskq.recorder.unfinished.waiting_tasks import ABSENT_AGAIN, EXPIRED_AFTER, GAP_OVER, WaitingTasks
from deskq.recorder.unfinished.witnesses import WitnessAnswer, Witnesses, WitnessQuestion
from deskq.results.record import ResultRecord

NOW = 1_795_000_000.0
TASK = "00000000-0000-4000-8000-000000000001"


class Scene:
    """A task that was sent, and a worker. The last gap ended a second later, if there was one."""

    def __init__(self, folder: Path, *, gap: bool = True, drops_expired: bool = False, **profile: Any) -> None:
        self.workers = WorkerWatch()
        self.history = History(folder / "h.sqlite")
        witnesses = Witnesses(Profile.from_url("redis://127.0.0.1:1", name="shop", **profile))
        self.waiting = WaitingTasks(self.history, self.workers, witnesses, drops_expired=drops_expired)
        self.workers.worker_event(Event(type="worker-heartbeat", hostname="w1", pid=1, timestamp=NOW, freq=2.0), NOW)
        self.gap = NOW + 1 if gap else None

    def sent(self, *, ahead: float = 0.0, expires: float | None = None, **more: Any) -> None:
        fields: dict[str, Any] = {"name": "t", "queue": "q", "retries": 0} | more
        if expires is not None:
            fields["expires"] = _iso(NOW + ahead + expires)
        self.tell(Event(type="task-sent", hostname="client", timestamp=NOW + ahead, uuid=TASK, **fields))

    def received(self, at: float = 0.0) -> None:
        self.tell(
            Event(
                type="task-received", hostname="w1", pid=1, clock=1, timestamp=NOW + at, uuid=TASK, name="t", retries=0
            )
        )

    def tell(self, event: Event) -> None:
        self.history.record(TASK, NOW).add(event)
        self.history.commit(NOW)

    def check(self, second: float) -> None:
        for _ in range(4):
            self.waiting.check(NOW + second, self.gap)
        self.history.commit(NOW + second)

    def answer(self, second: float, **found: Any) -> None:
        """Everybody said what they have, unless told otherwise."""
        ids = self.waiting.to_ask(NOW + second)
        answer = WitnessAnswer(WitnessQuestion(waits=ids), NOW + second, runs={"w1": {}}, holds={"w1": set()})
        for name, value in found.items():
            setattr(answer, name, value)
        self.waiting.answered(answer, NOW + second)
        self.history.commit(NOW + second)

    def sample(self, second: float, ready: int | None, unacked: int | None = 0, name: str = "q") -> None:
        self.waiting.sampled([QueueSample(name, NOW + second, ready, unacked, None)])

    def asked_twice(self, **found: Any) -> str:
        """What becomes of it after two answers."""
        self.check(1 + GAP_OVER)
        self.answer(7, **found)
        self.answer(7 + ABSENT_AGAIN, **found)
        return self.state

    @property
    def state(self) -> str:
        return derive(self.history.peek(TASK, NOW)).state


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    made.sent()
    yield made
    made.history.close()


def test_what_is_nowhere_after_a_gap_has_ended_in_it(scene: Scene) -> None:
    scene.sample(6, 0)
    scene.check(1 + GAP_OVER)
    scene.answer(7)
    assert scene.state == "SENT"  # it may have been on its way
    assert scene.waiting.to_ask(NOW + 7.5) == set()
    scene.answer(7 + ABSENT_AGAIN)
    assert scene.state == "UNSEEN"


def test_what_is_received_meanwhile_was_on_its_way(scene: Scene) -> None:
    scene.sample(6, 0)
    scene.check(1 + GAP_OVER)
    scene.answer(7)
    scene.received(8)
    scene.answer(7 + ABSENT_AGAIN)
    assert scene.state == "RECEIVED"


@pytest.mark.parametrize(
    ("ready", "unacked", "found"),
    [
        (1, 0, {}),  # it may be the one that waits
        (None, None, {}),
        (0, 1, {}),  # a worker that died may have it, until it is restored
        (0, 0, {"holds": None}),  # nobody was asked
        (0, 0, {"holds": {}}),  # a worker is silent
        (0, 0, {"holds": {"w1": {TASK}}}),
        (0, 0, {"runs": {"w1": {TASK: NOW}}}),
        (0, 0, {"limited": {"t"}}),  # a worker keeps it where no question finds it
    ],
)
def test_what_may_still_wait_waits(scene: Scene, ready: int | None, unacked: int | None, found: dict[str, Any]) -> None:
    scene.sample(6, ready, unacked)
    assert scene.asked_twice(**found) == "SENT"


def test_messages_that_living_workers_hold_are_no_dead_one_s(scene: Scene) -> None:
    scene.sample(6, 0, 2)
    assert scene.asked_twice(holds={"w1": {"another", "third"}}) == "UNSEEN"


def test_without_a_gap_nothing_is_asked(tmp_path: Path) -> None:
    scene = Scene(tmp_path, gap=False)
    scene.sent()
    scene.check(60)
    assert scene.waiting.to_ask(NOW + 60) == set()
    scene.history.close()


def test_where_an_exchange_decided_every_queue_is_looked_at(tmp_path: Path) -> None:
    """task-sent names the default queue then."""
    scene = Scene(tmp_path)
    scene.sent(exchange="mail", routing_key="mail.urgent")
    scene.sample(6, 0)
    scene.sample(6, 1, name="urgent")
    assert scene.asked_twice() == "SENT"
    scene.sample(60, 0)
    scene.sample(60, 0, name="urgent")
    for second in (60, 60 + ABSENT_AGAIN):
        scene.answer(second)
    assert scene.state == "UNSEEN"
    scene.history.close()


def test_what_the_result_backend_has_counts_most(tmp_path: Path) -> None:
    scene = Scene(tmp_path, silent=True, result_backend="redis://127.0.0.1:1/1")
    scene.sent()
    scene.check(1 + GAP_OVER)
    assert scene.waiting.to_ask(NOW + 7) == {TASK}
    stored = ResultRecord(task_id=TASK, state="SUCCESS", date_done=_iso(NOW + 0.5), result="3", kind="json")
    scene.answer(7, holds=None, runs={}, stored={TASK: stored})
    assert scene.state == "SUCCESS"
    scene.history.close()


@pytest.mark.parametrize("ahead", [0.0, 3_600.0, -3_600.0])
def test_what_expired_is_judged_by_the_clock_of_its_sender(tmp_path: Path, ahead: float) -> None:
    scene = Scene(tmp_path, gap=False, drops_expired=True)
    scene.sent(ahead=ahead, expires=10)
    scene.check(10 + EXPIRED_AFTER - 0.5)
    assert scene.state == "SENT"
    scene.check(10 + EXPIRED_AFTER + 6)
    assert scene.state == "REVOKED"
    assert derive(scene.history.peek(TASK, NOW)).finished == pytest.approx(NOW + ahead + 10)
    scene.history.close()


@pytest.mark.parametrize(("drops", "gap"), [(False, False), (True, True)])
def test_what_expired_may_have_been_received(tmp_path: Path, drops: bool, gap: bool) -> None:
    """In a gap; and where a broker keeps it, a worker takes it and says so."""
    scene = Scene(tmp_path, gap=gap, drops_expired=drops)
    scene.sent(expires=0.5)
    scene.check(60)
    assert scene.state == "SENT"
    scene.history.close()


def test_what_was_received_has_not_expired(tmp_path: Path) -> None:
    scene = Scene(tmp_path, gap=False, drops_expired=True)
    scene.sent(expires=10)
    scene.received()
    scene.check(60)
    assert scene.state == "RECEIVED"
    scene.history.close()


def test_a_worker_without_events_may_have_run_what_expired(tmp_path: Path) -> None:
    scene = Scene(tmp_path, gap=False, drops_expired=True)
    worker = scene.workers.workers["w1"]
    worker.events_enabled, worker.queues = False, ("q",)
    scene.sent(expires=10)
    scene.check(60)
    assert scene.state == "UNSEEN"
    scene.history.close()


@pytest.mark.parametrize(("eta", "state"), [(3_600, "SENT"), (-3_600, "UNSEEN")])
def test_what_rabbitmq_delays_is_in_no_queue_and_not_gone(tmp_path: Path, eta: float, state: str) -> None:
    scene = Scene(tmp_path, drops_expired=True)
    key = ".".join("0" * 16 + "1" * 12) + ".orders"
    scene.sent(queue="orders", exchange="celery_delayed_27", routing_key=key, eta=_iso(NOW + eta))
    for name in ("orders", "q"):
        scene.sample(6, 0, name=name)
    assert scene.asked_twice() == state
    scene.history.close()
