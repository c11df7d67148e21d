"""Carries a plan out: journal first, then item by item, with a rate, a canary, a stop, and an outcome for each."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from deskq.actions.journal.journal import Journal
from deskq.actions.messages.decoding import undecodable
from deskq.actions.messages.earlier import overtaken, refuse_overtaken
from deskq.actions.plan import Item, Outcome, Plan, Verb
from deskq.actions.safety import Confirmation, check
from deskq.brokers.opening import open_publisher
from deskq.brokers.ports import BrokerError, ConnectionLost, Refused
from deskq.brokers.publishing import Answer, Parcel, Publisher
from deskq.errors import UserError
from deskq.history.reading.reader import HistoryReader
from deskq.profiles import Profile
from deskq.protocol.task_summary import FINAL_STATES

_log = logging.getLogger(__name__)

BATCH: Final = 200
MOST_ERRORS: Final = 3
CANARY_SECONDS: Final = 300.0
"""How long the first task may take to end before the rest is held back."""
_LOOK_SECONDS: Final = 0.2
_PAUSES: Final = (0.5, 1.0, 2.0, 5.0)
"""Seconds before it is tried again, the last one for all further times."""


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is. ``phase``: "sending", "waiting for the first", "waiting for the broker", "done" or "stopped".

    ``words``: why it stopped, or waits.
    """

    total: int
    done: int = 0
    failed: int = 0
    unknown: int = 0
    phase: str = "sending"
    words: str = ""

    @property
    def held_back(self) -> int:
        """Items that were never begun."""
        return self.total - self.done - self.failed - self.unknown


def outcome_line(progress: Progress) -> str:
    """Return how a plan ended, for the log."""
    counts = (
        f"{progress.done} done, {progress.failed} failed, {progress.unknown} unknown, {progress.held_back} not begun"
    )
    return f"{progress.phase}, {counts} {progress.words}".rstrip()


class Carrier:
    """Carries one plan out in the thread that calls ``run``; ``stop`` may be called from any."""

    def __init__(
        self,
        plan: Plan,
        profile: Profile,
        journal: Journal,
        tell: Callable[[Progress], None] = lambda _: None,
        publisher: Callable[[Profile], Publisher] = open_publisher,
    ) -> None:
        self._plan = plan
        self._profile = profile
        self._journal = journal
        self._tell = tell
        self._open = publisher
        self._stop = threading.Event()
        self.begun = False
        """Does the journal have it? Until then it may be given up at any time."""
        self._progress = Progress(len(plan.items))
        self._sent: list[str] = []
        self._looked_at = 0

    def stop(self) -> None:
        """Send no further item; the one under way is finished."""
        self._stop.set()

    def run(self, confirmation: Confirmation | None) -> Progress:
        """Do it; raises Forbidden, and UserError where nothing was sent at all. Blocking."""
        guard = check(self._plan, self._profile, confirmation)
        publisher = self._open(self._profile)
        try:
            self._patiently(publisher.check)
            if guard.broker is None:  # nobody answered before
                check(self._plan, self._profile, confirmation)
            refuse_overtaken(self._plan, self._profile)
            self.begun = True
            self._journal.begin(self._plan, self._profile)
            _log.info("action %s begins: %s, %d items", self._plan.id, self._plan.verb, len(self._plan.items))
            try:
                self._send_all(publisher)
            except UserError as error:  # the journal cannot be written, or nothing left in this batch
                self._say(phase="stopped", words=str(error))
            finally:
                with contextlib.suppress(UserError):  # a full disk: the next start recovers
                    self._journal.end(self._plan.id)
        finally:
            publisher.close()
        if self._progress.phase != "stopped":
            self._say(phase="done")
        _log.info("action %s ended: %s", self._plan.id, outcome_line(self._progress))
        return self._progress

    def _send_all(self, publisher: Publisher) -> None:
        began = time.monotonic()
        for first, batch in self._batches():
            if self._stop.is_set():
                self._say(phase="stopped", words="Stopped by you.")
                return
            if not self._send(publisher, first, batch):
                return
            if self._plan.canary and first == 0 and len(self._plan.items) > 1 and not self._canary_is_well(batch[0]):
                return
            if self._new_failure():
                return
            if self._plan.rate > 0:
                ahead = (first + len(batch)) / self._plan.rate - (time.monotonic() - began)
                self._stop.wait(max(ahead, 0.0))

    def _batches(self) -> Iterator[tuple[int, Sequence[Item]]]:
        items = self._plan.items
        size = BATCH if self._plan.rate <= 0 else max(1, min(BATCH, round(self._plan.rate / 4)))
        first = 0
        while first < len(items):
            count = 1 if self._plan.canary and first == 0 else size
            yield first, items[first : first + count]
            first += count

    def _send(self, publisher: Publisher, first: int, batch: Sequence[Item]) -> bool:
        """Send a batch; False if the rest must be held back. On disk as being sent before, with its outcome after."""
        plan = self._plan.id
        numbers, batch = self._sendable(first, batch)
        if not batch:
            if self._plan.canary:
                self._say(phase="stopped", words=f"The first task was not sent. {self._progress.words}")
            return not self._plan.canary and not self._too_many(self._progress.failed)
        self._journal.mark(plan, [(number, Outcome.SENDING, "") for number in numbers])
        try:
            retry = self._plan.verb is Verb.RETRY
            parcels = [
                Parcel(item.new_id, item.queue, item.message, item.route, item.claim if retry else "") for item in batch
            ]
            answers = self._patiently(lambda: publisher.publish(parcels))
        except BrokerError as error:
            self._journal.mark(plan, [(number, Outcome.STOPPED, str(error)) for number in numbers])
            raise
        except BaseException:
            self._journal.mark(plan, [(number, Outcome.UNKNOWN, "deskq failed while sending") for number in numbers])
            raise
        outcomes = [_outcome(answer) for answer in answers]
        done = [item.new_id for item, answer in zip(batch, answers, strict=True) if answer.sent]
        self._sent += done
        now = self._progress
        failed = now.failed + outcomes.count(Outcome.FAILED)
        unknown = now.unknown + outcomes.count(Outcome.UNKNOWN)
        words = next((answer.words for answer in answers if not answer.sent), now.words)
        try:
            self._journal.mark(plan, list(zip(numbers, outcomes, (answer.words for answer in answers), strict=True)))
        finally:  # what was sent is told, also where the disk is full
            self._say(done=now.done + len(done), failed=failed, unknown=unknown, words=words)
        publisher.forget(done)
        if unknown:
            self._say(phase="stopped", words=f"{words} See the journal for unknown items.")
            return False
        return not self._too_many(failed)

    def _too_many(self, failed: int) -> bool:
        if failed >= MOST_ERRORS:
            self._say(phase="stopped", words=f"Stopped after {failed} errors. {self._progress.words}")
        return failed >= MOST_ERRORS

    def _sendable(self, first: int, batch: Sequence[Item]) -> tuple[list[int], list[Item]]:
        """Return the items, with their numbers, that a worker can decode and that nobody else has retried meanwhile;
        the others have failed before they left.
        """
        known = overtaken(self._plan, batch, self._profile) if first else {}  # of the first batch it was looked at
        words = [known.get(item.source) or (undecodable(item.message) if item.written else "") for item in batch]
        refused = [(first + place, Outcome.FAILED, why) for place, why in enumerate(words) if why]
        if refused:
            self._journal.mark(self._plan.id, refused)
            self._say(failed=self._progress.failed + len(refused), words=refused[0][2])
        readable = [(first + place, item) for place, item in enumerate(batch) if not words[place]]
        return [number for number, _ in readable], [item for _, item in readable]

    def _patiently(self, work: Callable[[], T]) -> T:
        """Do what raises BrokerError only if nothing has left; while there is no connection, again and again."""
        left = self._plan.tries
        while True:
            try:
                return work()
            except (ConnectionLost, Refused) as error:
                if not left or self._stop.is_set():
                    raise
                before, pause = self._progress, _PAUSES[min(self._plan.tries - left, len(_PAUSES) - 1)]
                self._say(phase="waiting for the broker", words=f"{error} Trying again, {left} more at most.")
                if self._stop.wait(pause):
                    raise
                left -= 1
                self._say(phase=before.phase, words=before.words)

    def _canary_is_well(self, item: Item) -> bool:
        """Wait until the event stream tells how the first one ended."""
        self._say(phase="waiting for the first")
        deadline = time.monotonic() + CANARY_SECONDS
        while not self._stop.is_set() and time.monotonic() < deadline:
            state, exception = self._ending_of(item.new_id)
            if state == "SUCCESS":
                self._say(phase="sending")
                return True
            if state in FINAL_STATES:
                self._say(phase="stopped", words=f"The first one ended as {state}: {exception or 'no reason given'}")
                return False
            self._stop.wait(_LOOK_SECONDS)
        words = "Stopped by you." if self._stop.is_set() else "The first one has not ended yet: the rest is held back."
        self._say(phase="stopped", words=words)
        return False

    def _new_failure(self) -> bool:
        """With a canary, a failure among those that were sent holds back the rest."""
        if not self._plan.canary:
            return False
        for number in self._sent[self._looked_at :][-BATCH:]:
            state, exception = self._ending_of(number)
            if state in FINAL_STATES and state != "SUCCESS":
                self._say(phase="stopped", words=f"A task failed again: {exception or state}. The rest is held back.")
                return True
        self._looked_at = max(0, len(self._sent) - BATCH)
        return False

    def _ending_of(self, number: str) -> tuple[str, str]:
        try:
            reader = HistoryReader(self._profile.history_path())
        except UserError:
            return "", ""
        try:
            row = reader.task_row(number)
        except UserError:
            return "", ""
        finally:
            reader.close()
        return (row.state, row.exception) if row is not None else ("", "")

    def _say(self, **changes: object) -> None:
        self._progress = replace(self._progress, **changes)  # type: ignore[arg-type]
        self._tell(self._progress)


def _outcome(answer: Answer) -> Outcome:
    return {True: Outcome.DONE, False: Outcome.FAILED, None: Outcome.UNKNOWN}[answer.sent]
