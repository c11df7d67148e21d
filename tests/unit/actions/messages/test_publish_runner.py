"""Messages as steps: a first one that is refused holds the rest back at once, and nothing follows an unknown one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from deskq.actions.executor import PlanExecutor, Progress
from deskq.actions.journal.journal import Journal
from deskq.actions.messages.call import Call, plan_send
from deskq.actions.messages.publish_runner import PublishRunner
from deskq.actions.plan import Item, Plan, Policy, Verb, plan_messages
from deskq.actions.safety import Confirmation
from deskq.brokers.ports import ConnectionLost
from deskq.brokers.publishing import OutgoingMessage, PublishResult
from deskq.profiles import Profile

PROFILE = Profile.from_url("redis://127.0.0.1:1/0", name="shop")


class Publishing:
    """A publisher that answers what it was made to, and remembers what it was asked."""

    def __init__(self, *answers: PublishResult | ConnectionLost) -> None:
        self.answers = list(answers)
        self.sent: list[str] = []
        self.forgotten: list[str] = []

    def check(self) -> None:
        pass

    def publish(self, parcels: Sequence[OutgoingMessage]) -> list[PublishResult]:
        answer = self.answers.pop(0) if self.answers else PublishResult(True)
        if isinstance(answer, ConnectionLost):
            raise answer
        self.sent += [parcel.id for parcel in parcels]
        return [answer for _ in parcels]

    def resolve(self, ids: Sequence[str]) -> dict[str, bool | None]:
        return {}

    def forget(self, ids: Sequence[str]) -> None:
        self.forgotten += ids

    def close(self) -> None:
        pass


@pytest.fixture
def journal() -> Iterator[Journal]:
    one = Journal()
    yield one
    one.close()


def plan_of(count: int, policy: Policy) -> Plan[Item]:
    items = plan_send(Call(task="t", times=count), PROFILE, now=0.0).items
    return plan_messages(PROFILE, Verb.SEND, items, policy=policy)


def carried(plan: Plan[Item], publishing: Publishing, journal: Journal) -> tuple[Progress, list[str]]:
    runner = PublishRunner(plan, PROFILE, lambda _: publishing)
    result = PlanExecutor(plan, PROFILE, journal, runner).run(Confirmation(plan.id))
    return result, [item.outcome for item in journal.items(plan.id)]


def test_a_first_task_that_is_refused_is_not_waited_for(journal: Journal) -> None:
    """It never left, so that no event will ever tell how it ended."""
    publishing = Publishing(PublishResult(False, "The queue is full."))
    result, outcomes = carried(plan_of(3, Policy(canary=True)), publishing, journal)
    assert outcomes == ["failed", "not sent", "not sent"]
    assert (result.failed, result.phase, len(publishing.sent)) == (1, "stopped", 1)
    assert result.words == "The first task was not sent. The queue is full."


def test_nothing_follows_an_unknown_one(journal: Journal) -> None:
    plan = plan_of(3, Policy(rate=4))  # one at a time
    publishing = Publishing(PublishResult(None, "The connection was lost."))
    result, outcomes = carried(plan, publishing, journal)
    assert outcomes == ["unknown", "not sent", "not sent"]
    assert result.words == "The connection was lost. See the journal for unknown items."
    assert publishing.sent == [plan.items[0].id]
    assert publishing.forgotten == []


def test_what_has_not_left_is_tried_again_and_what_was_recorded_is_forgotten(journal: Journal) -> None:
    plan = plan_of(2, Policy(tries=1))
    publishing = Publishing(ConnectionLost("Nobody is there."))
    result, outcomes = carried(plan, publishing, journal)
    assert (result.done, outcomes) == (2, ["done", "done"])
    assert publishing.sent == publishing.forgotten == [item.id for item in plan.items]


def test_what_could_not_leave_was_not_sent(journal: Journal) -> None:
    result, outcomes = carried(plan_of(2, Policy()), Publishing(ConnectionLost("Nobody is there.")), journal)
    assert outcomes == ["not sent", "not sent"]
    assert (result.failed, result.held_back, result.words) == (0, 2, "Nobody is there.")
