"""Carries out a plan of steps: what is changed by other means than a task message, under the same rules."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple, Protocol

from deskq.actions.executor import MOST_ERRORS, Progress, outcome_line
from deskq.actions.journal.journal import Journal
from deskq.actions.plan import Outcome, Step, StepPlan, Verb
from deskq.actions.safety import Confirmation, check
from deskq.errors import UserError
from deskq.profiles import Profile

_log = logging.getLogger(__name__)


class Ending(NamedTuple):
    """How a step ended. ``words``: what was answered; ``undo``: what takes it back, where it is known only now."""

    outcome: Outcome
    words: str = ""
    undo: Mapping[str, Any] | None = None


class Doer(Protocol):
    """Does steps: the one place where they touch a broker, workers or a store."""

    together: int
    """How many steps it takes at once, at most."""

    def check(self) -> None:
        """Raise UserError if nothing can be done now; changes nothing."""

    def do(self, steps: Sequence[Step]) -> Sequence[Ending]:
        """Do these and return an ending for each; raises UserError only if nothing of them was begun."""

    def close(self) -> None:
        """Close the connections; never raises."""


class StepCarrier:
    """Carries one plan out in the thread that calls ``run``; ``stop`` may be called from any."""

    def __init__(
        self,
        plan: StepPlan,
        profile: Profile,
        journal: Journal,
        doer: Doer,
        tell: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self._plan = plan
        self._profile = profile
        self._journal = journal
        self._doer = doer
        self._tell = tell
        self._stop = threading.Event()
        self.begun = False
        """Does the journal have it? Until then it may be given up at any time."""
        self._progress = Progress(len(plan.items))

    def stop(self) -> None:
        """Begin no further step; those under way are finished."""
        self._stop.set()

    def run(self, confirmation: Confirmation | None) -> Progress:
        """Do it; raises Forbidden, and UserError where nothing was done at all. Closes the doer. Blocking."""
        try:
            guard = check(self._plan, self._profile, confirmation)
            self._doer.check()
            if guard.broker is None:  # nobody answered before
                check(self._plan, self._profile, confirmation)
            self.begun = True
            self._journal.begin(self._plan, self._profile)
            _log.info("action %s begins: %s, %d steps", self._plan.id, self._plan.verb, len(self._plan.items))
            try:
                self._do_all()
            except UserError as error:
                self._say(phase="stopped", words=str(error))
            finally:
                with contextlib.suppress(UserError):  # a full disk: the next start recovers
                    self._journal.end(self._plan.id)
        finally:
            self._doer.close()
        if self._progress.phase != "stopped":
            self._say(phase="done")
        _log.info("action %s ended: %s", self._plan.id, outcome_line(self._progress))
        return self._progress

    def _do_all(self) -> None:
        began = time.monotonic()
        items = self._plan.items
        size = max(1, min(self._doer.together, round(self._plan.rate / 4) if self._plan.rate > 0 else len(items)))
        for first in range(0, len(items), size):
            if self._stop.is_set():
                self._say(phase="stopped", words="Stopped by you.")
                return
            if not self._do(first, items[first : first + size]):
                return
            if self._plan.rate > 0:
                self._stop.wait(max((first + size) / self._plan.rate - (time.monotonic() - began), 0.0))

    def _do(self, first: int, steps: Sequence[Step]) -> bool:
        """Do some; False if the rest must be held back. On disk as under way before, with their outcomes after."""
        numbers = range(first, first + len(steps))
        plan = self._plan.id
        self._journal.mark(plan, [(number, Outcome.SENDING, "") for number in numbers])
        try:
            endings = self._doer.do(steps)
        except UserError as error:
            self._journal.mark(plan, [(number, Outcome.FAILED, str(error)) for number in numbers])
            self._say(failed=self._progress.failed + len(steps))
            raise
        except BaseException:
            self._journal.mark(plan, [(number, Outcome.UNKNOWN, "internal error in deskq") for number in numbers])
            raise
        ended = list(zip(numbers, endings, strict=True))
        self._journal.keep_undo(plan, [(number, ending.undo) for number, ending in ended if ending.undo is not None])
        self._journal.mark(plan, [(number, ending.outcome, ending.words) for number, ending in ended])
        outcomes = [ending.outcome for ending in endings]
        now = self._progress
        failed = now.failed + outcomes.count(Outcome.FAILED)
        unknown = now.unknown + outcomes.count(Outcome.UNKNOWN)
        done = now.done + outcomes.count(Outcome.DONE) + outcomes.count(Outcome.GONE)
        bad = (Outcome.FAILED, Outcome.UNKNOWN)
        words = next((ending.words for ending in endings if ending.outcome in bad), now.words)
        self._say(done=done, failed=failed, unknown=unknown, words=words)
        if failed >= MOST_ERRORS and self._progress.held_back:
            self._say(phase="stopped", words=f"Stopped after {failed} errors. {words}")
            return False
        return True

    def _say(self, **changes: object) -> None:
        self._progress = replace(self._progress, **changes)  # type: ignore[arg-type]
        self._tell(self._progress)


_NO_WAY_BACK: Final = {
    Verb.SEND.value: "A message that was sent cannot be recalled; revoke the task instead.",
    Verb.RETRY.value: "A message that was sent cannot be recalled; revoke the task instead.",
    Verb.REVOKE.value: "Workers forget a revoked id only when they restart.",
    Verb.ABORT.value: "A task that was asked to abort cannot be asked to go on.",
}
"""Why nothing of a verb can be undone, and what to do instead."""


def undo_plan(journal: Journal, action: str) -> StepPlan:
    """Return the plan that takes an action back, as far as its items were done; raises UserError where nothing can."""
    rows = [row for row in journal.actions(action) if row.id == action]
    undos = journal.undos(action)
    if journal.undone_by(action):
        raise UserError("The action has already been undone.")
    if not rows:
        raise UserError("The journal has no such action.")
    row = rows[0]
    if not undos:
        raise UserError(f"Nothing in “{row.title}” can be undone. {_NO_WAY_BACK.get(row.verb, '')}".rstrip())
    steps = tuple(
        Step(
            target=item.queue,
            command=str(undo.get("command", "")),
            detail=undo,
            undo={"command": item.command, **json.loads(journal.message(action, item.number))},
            source=item.source,
            task=item.task,
        )
        for item, undo in undos
    )
    return StepPlan(
        verb=Verb(row.verb),
        profile=row.profile,
        environment=row.environment,
        title=f"Undo “{row.title}”",
        items=steps,
        undoes=action,
    )
