"""The one way in which anything is changed: a plan is carried out step by step, by a runner for its kind of steps.

The journal has the plan on disk before anything happens, each step as under way before its first byte may leave, and
its outcome after it. A step whose outcome is unknown is never run again.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar, Final, Generic, NamedTuple, TypeVar

from deskq.actions.journal.journal import Journal
from deskq.actions.plan import Outcome, Plan, S
from deskq.actions.safety import Confirmation, check
from deskq.brokers.ports import ConnectionLost, Refused
from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.protocol.task_states import FINAL_STATES

_log = logging.getLogger(__name__)

MOST_ERRORS: Final = 3
CANARY_SECONDS: Final = 300.0
"""How long the first task may take to end before the rest is held back."""
_LOOK_SECONDS: Final = 0.2
_LOOKED_AT: Final = 200
"""So many of those that were run last are looked at for a failure after each batch."""
_PAUSES: Final = (0.5, 1.0, 2.0, 5.0)
"""Seconds before it is tried again, the last one for all further times."""


T = TypeVar("T")


class StepResult(NamedTuple):
    """How a step ended. ``words``: what was answered; ``undo``: what takes it back, where it is known only now."""

    outcome: Outcome
    words: str = ""
    undo: Mapping[str, Any] | None = None


class StepRunner(ABC, Generic[S]):
    """Runs steps of one kind: the one place where they touch a broker, workers or a store. Blocking.

    ``batch_size``: how many steps it takes at once, at most. ``refusal``: what it raises only if nothing of a batch
    was begun, and ``not_begun``: how those steps are journalled then. ``stops_at_unknown``: is nothing run after a step
    whose outcome is unknown?
    """

    batch_size: ClassVar[int] = 1
    refusal: ClassVar[type[UserError]] = UserError
    not_begun: ClassVar[Outcome] = Outcome.FAILED
    stops_at_unknown: ClassVar[bool] = False

    @abstractmethod
    def check(self) -> None:
        """Raise UserError if nothing can be done now; changes nothing. May be called again after a failure."""

    def refused(self, steps: Sequence[S], *, first: bool) -> Sequence[str]:
        """Return why each of these must not be begun, "" where it may; ``first``: it was all checked just now."""
        return [""] * len(steps)

    @abstractmethod
    def run_steps(self, steps: Sequence[S]) -> Sequence[StepResult]:
        """Run these and return a result for each; raises ``refusal`` only if nothing of them was begun."""

    def recorded(self, steps: Sequence[S]) -> None:
        """The journal has these as done. Never raises."""

    def state_of(self, step: S) -> tuple[str, str]:
        """Return how the task that a step began has ended, and its exception; state "" while that is unknown."""
        return "SUCCESS", ""

    @abstractmethod
    def close(self) -> None:
        """Close the connections; never raises."""


class Phase(StrEnum):
    """What a plan that is carried out is at."""

    SENDING = "sending"
    FIRST = "waiting for the first"
    BROKER = "waiting for the broker"
    DONE = "done"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is. ``words``: why it stopped, or waits."""

    total: int
    done: int = 0
    failed: int = 0
    unknown: int = 0
    phase: Phase = Phase.SENDING
    words: str = ""

    @property
    def held_back(self) -> int:
        """Items that were never begun."""
        return self.total - self.done - self.failed - self.unknown

    @property
    def over(self) -> bool:
        """Has it ended?"""
        return self.phase in (Phase.DONE, Phase.STOPPED)


def outcome_line(progress: Progress) -> str:
    """Return how a plan ended, for the log."""
    counts = (
        f"{progress.done} done, {progress.failed} failed, {progress.unknown} unknown, {progress.held_back} not begun"
    )
    return f"{progress.phase}, {counts} {progress.words}".rstrip()


class PlanExecutor(Generic[S]):
    """Carries one plan out in the thread that calls ``run``; ``stop`` may be called from any."""

    def __init__(
        self,
        plan: Plan[S],
        profile: Profile,
        journal: Journal,
        runner: StepRunner[S],
        tell: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self._plan = plan
        self._policy = plan.policy
        self._profile = profile
        self._journal = journal
        self._runner = runner
        self._tell = tell
        self._stop = threading.Event()
        self.begun = False
        """Does the journal have it? Until then it may be given up at any time."""
        self._progress = Progress(len(plan.items))
        self._done: list[S] = []
        self._looked_at = 0

    def stop(self) -> None:
        """Begin no further step; those under way are finished."""
        self._stop.set()

    def run(self, confirmation: Confirmation | None) -> Progress:
        """Do it; raises Forbidden, and UserError where nothing was done at all. Closes the runner. Blocking."""
        try:
            guard = check(self._plan, self._profile, confirmation)
            self._while_unreachable(self._runner.check)
            if guard.broker is None:  # nobody answered before
                check(self._plan, self._profile, confirmation)
            self.begun = True
            self._journal.begin(self._plan, self._profile)
            _log.info("action %s begins: %s, %d items", self._plan.id, self._plan.verb, len(self._plan.items))
            try:
                self._run_all()
            except UserError as error:  # the journal cannot be written, or nothing was begun in this batch
                self._say(phase=Phase.STOPPED, words=str(error))
            finally:
                with contextlib.suppress(UserError):  # a full disk: the next start recovers
                    self._journal.end(self._plan.id)
        finally:
            self._runner.close()
        if self._progress.phase is not Phase.STOPPED:
            self._say(phase=Phase.DONE)
        _log.info("action %s ended: %s", self._plan.id, outcome_line(self._progress))
        return self._progress

    def _run_all(self) -> None:
        began = time.monotonic()
        for first, batch in self._batches():
            if self._stop.is_set():
                self._say(phase=Phase.STOPPED, words="Stopped by you.")
                return
            if not self._run(first, batch):
                return
            if self._policy.canary and first == 0 and len(self._plan.items) > 1 and not self._canary_is_well():
                return
            if self._new_failure():
                return
            if self._policy.rate > 0:
                ahead = (first + len(batch)) / self._policy.rate - (time.monotonic() - began)
                self._stop.wait(max(ahead, 0.0))

    def _batches(self) -> Iterator[tuple[int, Sequence[S]]]:
        items, rate, size = self._plan.items, self._policy.rate, self._runner.batch_size
        if rate > 0:
            size = max(1, min(size, round(rate / 4)))
        first = 0
        while first < len(items):
            count = 1 if self._policy.canary and first == 0 else size
            yield first, items[first : first + count]
            first += count

    def _run(self, first: int, batch: Sequence[S]) -> bool:
        """Run a batch; False if the rest must be held back. On disk as under way before, with its outcome after."""
        plan, runner = self._plan.id, self._runner
        numbers, batch = self._admitted(first, batch)
        if not batch:
            if self._policy.canary and first == 0:
                self._say(phase=Phase.STOPPED, words=f"The first task was not sent. {self._progress.words}")
                return False
            return not self._too_many()
        self._journal.mark(plan, [(number, Outcome.SENDING, "") for number in numbers])
        try:
            results = self._while_unreachable(lambda: runner.run_steps(batch))
        except runner.refusal as error:
            self._journal.mark(plan, [(number, runner.not_begun, str(error)) for number in numbers])
            if runner.not_begun is Outcome.FAILED:
                self._say(failed=self._progress.failed + len(batch))
            raise
        except BaseException:
            self._journal.mark(plan, [(number, Outcome.UNKNOWN, "internal error in deskq") for number in numbers])
            raise
        ended = list(zip(numbers, results, strict=True))
        done = [step for step, result in zip(batch, results, strict=True) if result.outcome.is_done]
        try:
            if undos := [(number, result.undo) for number, result in ended if result.undo is not None]:
                self._journal.keep_undo(plan, undos)
            self._journal.mark(plan, [(number, result.outcome, result.words) for number, result in ended])
        finally:  # what was done is told, also where the disk is full
            self._count(results)
        self._done += done
        runner.recorded(done)
        if runner.stops_at_unknown and self._progress.unknown:
            self._say(phase=Phase.STOPPED, words=f"{self._progress.words} See the journal for unknown items.")
            return False
        return not self._too_many()

    def _count(self, results: Sequence[StepResult]) -> None:
        now, outcomes = self._progress, [result.outcome for result in results]
        self._say(
            done=now.done + sum(outcome.is_done for outcome in outcomes),
            failed=now.failed + outcomes.count(Outcome.FAILED),
            unknown=now.unknown + outcomes.count(Outcome.UNKNOWN),
            words=next((result.words for result in results if not result.outcome.is_done), now.words),
        )

    def _too_many(self) -> bool:
        failed = self._progress.failed
        too_many = failed >= MOST_ERRORS and self._progress.held_back > 0
        if too_many:
            self._say(phase=Phase.STOPPED, words=f"Stopped after {failed} errors. {self._progress.words}")
        return too_many

    def _admitted(self, first: int, batch: Sequence[S]) -> tuple[list[int], list[S]]:
        """Return the steps, with their numbers, that may be begun; the others have failed before anything left."""
        words = self._runner.refused(batch, first=first == 0)
        refused = [(first + place, Outcome.FAILED, why) for place, why in enumerate(words) if why]
        if refused:
            self._journal.mark(self._plan.id, refused)
            self._say(failed=self._progress.failed + len(refused), words=refused[0][2])
        admitted = [(first + place, step) for place, step in enumerate(batch) if not words[place]]
        return [number for number, _ in admitted], [step for _, step in admitted]

    def _while_unreachable(self, work: Callable[[], T]) -> T:
        """Do what raises BrokerError only if nothing has left; while there is no connection, again and again."""
        left = self._policy.tries
        while True:
            try:
                return work()
            except (ConnectionLost, Refused) as error:
                if not left or self._stop.is_set():
                    raise
                before, pause = self._progress, _PAUSES[min(self._policy.tries - left, len(_PAUSES) - 1)]
                self._say(phase=Phase.BROKER, words=f"{error} Trying again, at most {left} more.")
                if self._stop.wait(pause):
                    raise
                left -= 1
                self._say(phase=before.phase, words=before.words)

    def _canary_is_well(self) -> bool:
        """Wait until it is known how the first one ended."""
        if not self._done:
            self._say(phase=Phase.STOPPED, words=f"The first task was not sent. {self._progress.words}")
            return False
        self._say(phase=Phase.FIRST)
        deadline = time.monotonic() + CANARY_SECONDS
        while not self._stop.is_set() and time.monotonic() < deadline:
            state, exception = self._runner.state_of(self._done[0])
            if state == "SUCCESS":
                self._say(phase=Phase.SENDING)
                return True
            if state in FINAL_STATES:
                words = f"The first task ended as {state}: {exception or 'no reason given'}"
                self._say(phase=Phase.STOPPED, words=words)
                return False
            self._stop.wait(_LOOK_SECONDS)
        words = "Stopped by you." if self._stop.is_set() else "The first task has not ended yet: the rest was not sent."
        self._say(phase=Phase.STOPPED, words=words)
        return False

    def _new_failure(self) -> bool:
        """With a canary, a failure among those that were sent holds back the rest."""
        if not self._policy.canary:
            return False
        for step in self._done[self._looked_at :][-_LOOKED_AT:]:
            state, exception = self._runner.state_of(step)
            if state in FINAL_STATES and state != "SUCCESS":
                words = f"A task failed again: {exception or state}. The rest was not sent."
                self._say(phase=Phase.STOPPED, words=words)
                return True
        self._looked_at = max(0, len(self._done) - _LOOKED_AT)
        return False

    def _say(self, **changes: object) -> None:
        self._progress = replace(self._progress, **changes)  # type: ignore[arg-type]
        self._tell(self._progress)
