"""Publishing task messages as steps: what no worker could decode, or somebody else retried meanwhile, is not sent."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import ClassVar

from deskq.actions.executor import StepResult, StepRunner
from deskq.actions.messages.decoding import undecodable
from deskq.actions.messages.earlier import overtaken, refuse_overtaken
from deskq.actions.plan import Item, Outcome, Plan, Verb
from deskq.brokers.opening import open_publisher
from deskq.brokers.ports import BrokerError
from deskq.brokers.publishing import OutgoingMessage, Publisher
from deskq.errors import UserError
from deskq.history.reading.reader import HistoryReader
from deskq.profiles import Profile

_OUTCOMES = {True: Outcome.DONE, False: Outcome.FAILED, None: Outcome.UNKNOWN}


class PublishRunner(StepRunner[Item]):
    """Publishes the messages of one plan; see executor.StepRunner. It connects when it is checked."""

    batch_size: ClassVar = 200
    refusal: ClassVar = BrokerError
    not_begun: ClassVar = Outcome.STOPPED
    stops_at_unknown: ClassVar = True

    def __init__(
        self, plan: Plan[Item], profile: Profile, opened: Callable[[Profile], Publisher] = open_publisher
    ) -> None:
        self._plan = plan
        self._profile = profile
        self._opened = opened
        self._publisher: Publisher | None = None

    def check(self) -> None:
        """See StepRunner. Nothing is sent either where somebody else has retried a task since the plan was made."""
        if self._publisher is None:
            self._publisher = self._opened(self._profile)
        self._publisher.check()
        refuse_overtaken(self._plan, self._profile)

    def refused(self, steps: Sequence[Item], *, first: bool) -> list[str]:
        """See StepRunner."""
        known = {} if first else overtaken(self._plan, steps, self._profile)
        return [known.get(item.source) or (undecodable(item.message) if item.written else "") for item in steps]

    def run_steps(self, steps: Sequence[Item]) -> list[StepResult]:
        """See StepRunner."""
        assert self._publisher is not None
        retry = self._plan.verb is Verb.RETRY
        parcels = [
            OutgoingMessage(item.id, item.queue, item.message, item.route, item.claim if retry else "")
            for item in steps
        ]
        return [StepResult(_OUTCOMES[answer.sent], answer.words) for answer in self._publisher.publish(parcels)]

    def recorded(self, steps: Sequence[Item]) -> None:
        """See StepRunner."""
        if self._publisher is not None:
            self._publisher.forget([item.id for item in steps])

    def state_of(self, step: Item) -> tuple[str, str]:
        """See StepRunner. The event stream tells it."""
        with contextlib.suppress(UserError), contextlib.closing(HistoryReader(self._profile.history_path())) as reader:
            row = reader.task_row(step.id)
            return (row.state, row.exception) if row is not None else ("", "")
        return "", ""

    def close(self) -> None:
        """See StepRunner."""
        if self._publisher is not None:
            self._publisher.close()
