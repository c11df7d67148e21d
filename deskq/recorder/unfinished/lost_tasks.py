"""Find out the state of running and waiting tasks whose events are missing."""

from __future__ import annotations

from collections.abc import Iterable

from deskq.brokers.ports import QueueSample
from deskq.history.writing.writer import History
from deskq.profiles import Profile
from deskq.recorder.tracking.worker_tracker import WorkerWatch
from deskq.recorder.unfinished.running_tasks import RunningTasks
from deskq.recorder.unfinished.waiting_tasks import WaitingTasks
from deskq.recorder.unfinished.witnesses import Witnesses, WitnessQuestion


class LostTaskDetector:
    """Asks who may know, from ``start`` to ``stop``, and notes what comes of it; for the recorder's thread."""

    def __init__(self, profile: Profile, history: History, workers: WorkerWatch) -> None:
        self.witnesses = Witnesses(profile)
        self.running = RunningTasks(history, workers, self.witnesses)
        self.waiting = WaitingTasks(history, workers, self.witnesses, drops_expired=profile.transport.drops_expired)

    def start(self) -> None:
        """Begin to ask."""
        self.witnesses.start()

    def stop(self) -> None:
        """End; a question that is under way is left to its deadline."""
        self.witnesses.stop()

    def busy(self) -> set[str]:
        """Return the workers that run a task, as far as events tell."""
        return self.running.busy()

    def sampled(self, samples: Iterable[QueueSample]) -> None:
        """Take in how much waits in queues."""
        self.waiting.sampled(samples)

    def check(self, now: float, gap_ended: float | None) -> None:
        """Take in what was answered, note what is certain by now, and ask the next question.

        ``gap_ended``: when events were missed last, by the local clock. Raises apsw.Error.
        """
        while not self.witnesses.answers.empty():
            answer = self.witnesses.answers.get()
            self.running.answered(answer, now, gap_ended)
            self.waiting.answered(answer, now)
        self.running.check(now, gap_ended)
        self.waiting.check(now, gap_ended)
        if self.witnesses.idle:
            question = WitnessQuestion(
                self.running.to_ask(now), self.waiting.to_ask(now), self.running.to_look_up(now, gap_ended)
            )
            if question:
                self.witnesses.ask(question)
