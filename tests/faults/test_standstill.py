"""A recorder that stands still, as on a laptop that sleeps, and tasks of which no event arrived."""

from __future__ import annotations

import signal
import threading
import time
import uuid
from pathlib import Path

import pytest

from deskq.errors import UserError
from deskq.history.reading.reader import HistoryReader
from deskq.history.writing.writer import History
from deskq.profiles import Profile
from deskq.recorder.recorder import Recorder
from deskq.recorder.stopping import Stop
from deskq.recorder.suspend_detector import STANDSTILL_SECONDS, StandstillWatch
from tests.support.flood import Feed, heartbeat, task_events
from tests.support.recording import Recording
from tests.support.soak import rounds
from tests.support.soundness import assert_sound
from tests.support.waiting import wait_until


@pytest.mark.timeout(1_200)
def test_a_recorder_that_stood_still_notes_one_gap_and_blames_no_worker(redis_url: str) -> None:
    with Feed(redis_url) as feed, Recording(redis_url) as recording:
        feed.send(heartbeat(1), task_events(str(uuid.uuid4())))
        wait_until(lambda: recording.count() == 1 and recording.reader.workers(), 15, "a worker")
        wait_until(lambda: recording.reader.workers()[0].online, 15, "the worker to be online")
        recording.signal(signal.SIGSTOP)
        stopped = time.time()
        for _ in range(rounds(6, 300)):  # the worker goes on; 600 s is what nobody's patience outlasts
            feed.send(heartbeat(1))
            moment = time.monotonic() + 2.0
            wait_until(lambda: time.monotonic() >= moment, 5, "a heartbeat's time")  # noqa: B023
        recording.signal(signal.SIGCONT)
        woke = time.time()
        (gap,) = wait_until(lambda: [gap for gap in recording.reader.gaps() if gap.ended], 10, "the gap")
        assert gap.cause.startswith("this machine was suspended, or the recorder stalled, for ")
        assert stopped - 2.0 < gap.started < stopped + 1.0
        assert gap.ended is not None
        assert woke <= gap.ended < woke + 5.0
        (worker,) = recording.reader.workers()
        assert worker.online
        assert worker.since < stopped
        assert worker.clock_difference is None or abs(worker.clock_difference) < 2.0
        task = str(uuid.uuid4())
        feed.send(heartbeat(2), task_events(task, 9))
        recording.wait_for_state(task, "SUCCESS")
        assert recording.log().count("stalled") == 1
        assert recording.stop()["gaps"] == 1
        assert_sound(recording.history)


def test_a_sleep_that_only_the_clock_tells_of(redis_url: str, tmp_path: Path) -> None:
    """A suspended machine: the recorder's own time did not pass, the clock that never stops did."""
    slept = [0.0]
    stop = Stop()
    history_path = tmp_path / "h.sqlite"
    said: list[str] = []
    summaries: list[int] = []

    def work() -> None:
        history = History(history_path)
        recorder = Recorder(Profile.from_url(redis_url), history, stop, said.append)
        recorder.standstill = StandstillWatch(clock=lambda: time.monotonic() + slept[0])
        summaries.append(recorder.run().gaps)
        history.close()

    thread = threading.Thread(target=work, name="recorder")
    thread.start()
    try:
        wait_until(lambda: status_of(history_path) == "recording", 15, "the recorder to record")
        with Feed(redis_url) as feed:
            feed.send(heartbeat(1))
            wait_until(lambda: workers_online(history_path) == 1, 15, "the worker")
            slept[0] = 7_205.0
            wait_until(lambda: gaps_of(history_path), 10, "the gap")
            assert workers_online(history_path) == 1
    finally:
        stop.set()
        thread.join(20)
    assert summaries == [1]
    reader = HistoryReader(history_path)
    (gap,) = reader.gaps()
    reader.close()
    assert gap.cause == "this machine was suspended, or the recorder stalled, for 120 min 5 s"
    assert gap.ended is not None
    assert 7_200 < gap.ended - gap.started < 7_230
    assert len(said) == 1


def test_a_standstill_is_told_once() -> None:
    moment = [100.0]
    watch = StandstillWatch(clock=lambda: moment[0])
    moment[0] += STANDSTILL_SECONDS - 0.1
    assert watch.round(1_000.0) is None
    moment[0] += 600.0
    still = watch.round(1_600.0)
    assert still is not None
    assert (still.since, still.seconds) == (1_000.0, 600.0)
    assert watch.round(1_600.1) is None
    moment[0] += 600.0
    watch.restart()
    assert watch.round(2_200.0) is None


def status_of(path: Path) -> str:
    try:
        reader = HistoryReader(path)
    except UserError:
        return ""  # it is not made yet
    status = reader.status()
    reader.close()
    return status.state


def workers_online(path: Path) -> int:
    reader = HistoryReader(path)
    workers = reader.workers()
    reader.close()
    return sum(worker.online for worker in workers)


def gaps_of(path: Path) -> bool:
    reader = HistoryReader(path)
    gaps = reader.gaps()
    reader.close()
    return bool(gaps) and gaps[0].ended is not None


def test_tasks_of_which_no_event_arrived_are_a_gap_with_their_number(redis_url: str) -> None:
    """A worker says that it accepted ten tasks and has told of seven."""
    with Feed(redis_url) as feed, Recording(redis_url) as recording:
        feed.send(heartbeat(100))
        wait_until(recording.reader.workers, 15, "the worker")
        tasks = [str(uuid.uuid4()) for _ in range(7)]
        feed.send(*(task_events(task, 3 * number + 1) for number, task in enumerate(tasks)))
        feed.send(heartbeat(110))
        feed.send(heartbeat(110))  # judged one heartbeat late: the order of events is loose
        (gap,) = wait_until(recording.reader.gaps, 15, "the gap")
        assert gap.estimate == 3
        assert gap.ended is not None
        assert gap.cause == "w1@host accepted 3 tasks whose events did not arrive"
        feed.send(heartbeat(110))
        recording.wait_for_state(tasks[-1], "SUCCESS")
        wait_until(lambda: recording.reader.workers()[0].missed == 3, 10, "the worker's own count")
        assert recording.stop()["gaps"] == 1
        assert len(recording.reader.gaps()) == 1
