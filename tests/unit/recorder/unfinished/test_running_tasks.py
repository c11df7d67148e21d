"""What is noted of tasks that are said to run: by silence, by a worker's word, by the result backend's record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deskq.history.writing.writer import History
from deskq.profiles import Profile
from deskq.protocol.events import Event
from deskq.protocol.task_summary import TaskSummary, derive
from deskq.recorder.tracking.worker_tracker import WorkerWatch
from deskq.recorder.unfinished.running_tasks import ASK_AFTER, GRACE, LOOK_UP_WITHIN, SUSPECT_AFTER, RunningTasks
from deskq.recorder.unfinished.witnesses import WitnessAnswer, Witnesses, WitnessQuestion
from deskq.results.record import ResultRecord

NOW = 1_795_000_000.0
TASK = "00000000-0000-4000-8000-000000000001"
BROKER = "redis://127.0.0.1:1"
"""Nothing is asked there: what witnesses say is given."""


def event(kind: str, at: float, clock: int, worker: str = "w1", pid: int = 1, **fields: Any) -> Event:
    return Event(type=f"task-{kind}", hostname=worker, pid=pid, clock=clock, timestamp=at, uuid=TASK, **fields)


def beat(at: float, *, ahead: float = 0.0, pid: int = 1, active: int | None = None) -> Event:
    return Event(type="worker-heartbeat", hostname="w1", pid=pid, timestamp=at + ahead, freq=2.0, active=active)


class Scene:
    """A worker, and a task that it started; its clock may be ahead."""

    def __init__(self, folder: Path, *, ahead: float = 0.0, active: int | None = 1, **profile: Any) -> None:
        self.workers = WorkerWatch()
        self.history = History(folder / "h.sqlite")
        self.witnesses = Witnesses(Profile.from_url(BROKER, name="shop", **profile))
        self.running = RunningTasks(self.history, self.workers, self.witnesses)
        self.ahead = ahead
        self.workers.worker_event(beat(NOW, ahead=ahead, active=active), NOW)
        self.tell(event("started", NOW + ahead, 2))
        self.check(0)

    def tell(self, *events: Event) -> None:
        for one in events:
            self.history.record(TASK, NOW).add(one)
        self.history.commit(NOW)

    def check(self, second: float, gap: float | None = None) -> None:
        self.running.check(NOW + second, gap)
        self.history.commit(NOW + second)

    def beat(self, second: float, active: int) -> None:
        self.workers.worker_event(beat(NOW + second, ahead=self.ahead, active=active), NOW + second)

    def answer(
        self,
        second: float,
        runs: set[str] | None,
        *,
        worker: str = "w1",
        stored: dict[str, ResultRecord | None] | None = None,
        gap: float | None = None,
    ) -> None:
        """What a worker says; None is silence."""
        question = WitnessQuestion({worker: frozenset({TASK})})
        answer = WitnessAnswer(question, NOW + second)
        if runs is not None:
            answer.runs[worker] = dict.fromkeys(runs, -1.0)
        answer.stored = stored or {}
        self.running.answered(answer, NOW + second, gap)
        self.history.commit(NOW + second)

    def asked(self, second: float) -> list[str]:
        return sorted(self.running.to_ask(NOW + second))

    @property
    def summary(self) -> TaskSummary:
        return derive(self.history.peek(TASK, NOW))

    @property
    def state(self) -> str:
        return self.summary.state


@pytest.fixture
def scenes(tmp_path: Path) -> Iterator[list[Scene]]:
    made: list[Scene] = []
    yield made
    for scene in made:
        scene.history.close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.history.close()


def record(state: str, done: float | None = NOW + 1, **fields: Any) -> ResultRecord:
    date = None if done is None else datetime.fromtimestamp(done, UTC).isoformat()
    return ResultRecord(task_id=TASK, state=state, date_done=date, **fields)


def test_a_task_dies_with_its_worker(tmp_path: Path, scenes: list[Scene]) -> None:
    """Its end is the worker's last sign of life, by the worker's clock; when that was noticed is another time."""
    scene = Scene(tmp_path, ahead=3_600.0)
    scenes.append(scene)
    scene.beat(6, 1)
    scene.check(8)
    assert scene.state == "STARTED"
    scene.workers.check(NOW + 30)
    scene.check(30)
    summary = scene.summary
    assert (summary.state, summary.started, summary.finished) == ("LOST", NOW + 3_600, NOW + 3_606)
    assert summary.noticed == NOW + 30


@pytest.mark.parametrize(
    ("gap", "present", "state"),
    [(-5, None, "LOST"), (4, None, "UNSEEN"), (4, 3, "UNSEEN"), (4, 5, "LOST")],
    ids=["began after the gap", "never asked for", "was there before the gap", "was there after the gap"],
)
@pytest.mark.parametrize("ahead", [0.0, 3_600.0])
def test_a_task_that_may_have_ended_in_a_gap_did_not_die_with_its_worker(
    tmp_path: Path, scenes: list[Scene], ahead: float, gap: float, present: float | None, state: str
) -> None:
    scene = Scene(tmp_path, ahead=ahead)
    scenes.append(scene)
    if present is not None:
        scene.answer(present, {TASK}, gap=NOW + gap)
    scene.workers.check(NOW + 30)
    scene.check(30, NOW + gap)
    scene.check(30 + GRACE, NOW + gap)
    assert scene.state == state


def test_one_absence_after_the_last_event_is_enough(scene: Scene) -> None:
    assert scene.asked(1) == []
    scene.beat(1.5, 0)  # fewer than are said to run
    assert scene.asked(1.9) == []
    assert scene.asked(SUSPECT_AFTER) == ["w1"]
    scene.answer(2.2, set())
    scene.check(2.3)
    assert scene.state == "STARTED"  # its ending may be under way
    scene.check(2.2 + GRACE)
    summary = scene.summary
    assert (summary.state, summary.finished, summary.noticed) == ("ENDED", NOW, NOW + 2.2)


def test_an_ending_that_was_under_way_is_the_end(scene: Scene) -> None:
    scene.answer(2.2, set())
    scene.tell(event("succeeded", NOW + 2, 3, result="1", runtime=1.0))
    scene.check(2.2 + GRACE)
    assert scene.state == "SUCCESS"


@pytest.mark.parametrize(("gap", "state"), [(None, "ENDED"), (NOW - 1, "ENDED"), (NOW + 5, "UNSEEN")])
@pytest.mark.parametrize("ahead", [0.0, 3_600.0, -3_600.0])
def test_what_ended_in_a_gap_was_not_seen(tmp_path: Path, gap: float | None, state: str, ahead: float) -> None:
    scene = Scene(tmp_path, ahead=ahead)
    scene.answer(11, set(), gap=gap)
    scene.check(11 + GRACE)
    assert scene.state == state
    scene.history.close()


def test_who_sends_no_heartbeats_is_asked_soon(tmp_path: Path, scenes: list[Scene]) -> None:
    scenes.append(scene := Scene(tmp_path, active=None))
    assert scene.asked(SUSPECT_AFTER - 0.1) == []
    assert scene.asked(SUSPECT_AFTER) == ["w1"]


def test_a_task_that_still_runs_is_asked_for_ever_more_seldom(scene: Scene) -> None:
    now, pauses = 0.0, []
    for _ in range(8):
        before = now
        while not scene.asked(now):
            now += 1
        pauses.append(now - before)
        scene.answer(now, {TASK})
    assert scene.state == "STARTED"
    assert pauses[0] == ASK_AFTER
    assert pauses == sorted(pauses)
    assert pauses[-1] == 300


def test_the_last_that_is_known_of_it_is_that_it_ran(scene: Scene) -> None:
    scene.answer(20, {TASK})
    scene.answer(40, set())
    scene.check(40 + GRACE)
    assert (scene.state, scene.summary.finished) == ("ENDED", NOW + 20)


def test_a_task_that_goes_on_running_is_not_written_again(scene: Scene) -> None:
    for second in range(5):
        scene.beat(second, 1)
        scene.running.check(NOW + second, None)
        assert scene.history.commit(NOW + second) == 0


def test_the_answer_of_one_of_two_processes_says_nothing_of_the_other(scene: Scene) -> None:
    scene.workers.worker_event(beat(NOW, pid=2), NOW)
    for second in (11, 14, 17):
        scene.answer(second, set())
        scene.check(second + GRACE)
    assert scene.state == "STARTED"


def test_who_was_asked_speaks_for_himself_alone(scene: Scene) -> None:
    """Delivered twice: it has ended at the one worker, and runs at the other."""
    scene.tell(event("started", NOW + 1, 5, "w2", 9))
    scene.check(1)
    scene.answer(11, set(), worker="w2")
    scene.check(11 + GRACE)
    assert (scene.state, scene.summary.worker) == ("STARTED", "w1")


def test_a_doubt_ends_with_its_attempt(scene: Scene) -> None:
    scene.answer(11, set())
    scene.tell(
        event("retried", NOW + 11, 3, exception="E()"),
        event("received", NOW + 11, 4, retries=1, name="t"),
        event("started", NOW + 12, 5),
    )
    scene.check(13)
    assert scene.state == "STARTED"


def test_what_began_after_the_question_is_not_meant_by_its_answer(scene: Scene) -> None:
    scene.answer(-1, set())
    scene.check(3)
    assert scene.state == "STARTED"


def test_silence_is_no_answer(scene: Scene) -> None:
    for second in (11, 14, 17):
        scene.answer(second, None)
        scene.check(second + GRACE)
    assert scene.state == "STARTED"


def test_a_state_of_its_own_is_running_too(scene: Scene) -> None:
    scene.tell(event("progress", NOW + 1, 3))
    scene.check(1)
    assert scene.state == "PROGRESS"
    scene.answer(11, set())
    scene.check(11 + GRACE)
    assert scene.state == "ENDED"


RESULTS = "redis://127.0.0.1:1/1"


@pytest.mark.parametrize(
    ("stored", "state", "said"),
    [
        (record("FAILURE", exception="ValueError: no luck"), "FAILURE", "ValueError('no luck')"),
        (record("SUCCESS", result='"done"', kind="json"), "SUCCESS", "'done'"),
        (record("REVOKED"), "REVOKED", ""),
        (record("IGNORED", None), "IGNORED", ""),
        (record("RETRY", None, exception="KeyError: 1"), "RETRY", "KeyError('1')"),
        (record("STARTED", None), "ENDED", ""),
        (record("SUCCESS", NOW - 60), "ENDED", ""),  # of an earlier run
        (None, "ENDED", ""),
    ],
)
def test_what_the_result_backend_holds_counts(
    tmp_path: Path, scenes: list[Scene], stored: ResultRecord | None, state: str, said: str
) -> None:
    scenes.append(scene := Scene(tmp_path, result_backend=RESULTS))
    scene.answer(2.2, set())
    scene.check(2.2 + GRACE)
    assert scene.state == "STARTED"  # it has not been looked up yet
    assert scene.running.to_look_up(NOW + 3.5, None) == {TASK}
    scene.running.answered(WitnessAnswer(WitnessQuestion(), NOW + 3.5, stored={TASK: stored}), NOW + 3.5, None)
    scene.check(4)
    summary = scene.summary
    assert (summary.state, summary.exception or summary.result) == (state, said)
    if stored is not None and summary.state == stored.state and stored.date_done is not None:
        assert summary.finished == NOW + 1
        assert summary.noticed == NOW + 2.2


def test_a_result_backend_that_is_silent_is_not_waited_for(tmp_path: Path, scenes: list[Scene]) -> None:
    scenes.append(scene := Scene(tmp_path, result_backend=RESULTS))
    scene.answer(2.2, set())
    scene.check(2.2 + LOOK_UP_WITHIN)
    assert scene.state == "ENDED"


def test_a_lost_worker_s_task_may_have_been_stored(tmp_path: Path, scenes: list[Scene]) -> None:
    scenes.append(scene := Scene(tmp_path, result_backend=RESULTS))
    scene.workers.check(NOW + 30)
    scene.check(30)
    assert scene.state == "STARTED"
    scene.running.answered(WitnessAnswer(WitnessQuestion(), NOW + 30, stored={TASK: record("SUCCESS")}), NOW + 30, None)
    scene.check(31)
    assert scene.state == "SUCCESS"


def test_a_silent_profile_looks_up_what_may_have_ended_in_a_gap(tmp_path: Path, scenes: list[Scene]) -> None:
    scenes.append(scene := Scene(tmp_path, result_backend=RESULTS, silent=True))
    assert scene.running.to_look_up(NOW + 11, None) == set()
    assert scene.running.to_look_up(NOW + 11, NOW + 5) == {TASK}
    scene.running.answered(
        WitnessAnswer(WitnessQuestion(), NOW + 11, stored={TASK: record("FAILURE")}), NOW + 11, NOW + 5
    )
    assert scene.state == "FAILURE"
