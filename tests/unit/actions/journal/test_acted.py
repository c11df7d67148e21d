"""What a recorder learns from the journal: queues that were sent to, and when workers were last told something."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from deskq.actions.journal.acted import JournalOfActs
from deskq.actions.journal.journal import Journal, journal_path
from deskq.actions.workers.control import plan_pause
from deskq.brokers.routing import Route
from tests.unit.actions.journal.test_journal import PROFILE, plan_of


def test_without_a_journal_nothing_was_done() -> None:
    assert JournalOfActs(PROFILE)() is None
    assert not journal_path().exists()


def test_what_was_added_since() -> None:
    acted = JournalOfActs(PROFILE)
    other = JournalOfActs(replace(PROFILE, name="another", url="redis://elsewhere/1"))
    plan = plan_of(2)
    with closing(Journal()) as journal:
        journal.begin(plan, PROFILE)
        told = acted()
        assert told is not None
        assert (told.queues, told.steered) == (frozenset(item.queue for item in plan.items), 0.0)
        routed = replace(plan.items[0], id="r", source="", queue="", route=Route("media", "k", ("a", "b")))
        journal.end(plan.id)
        second = replace(plan, id="second", items=(routed,))
        journal.begin(second, PROFILE)
        journal.end(second.id)
        again = acted()
        assert again is not None
        assert again.queues == told.queues | {"a", "b"}
        assert acted() is None

        pause = plan_pause("emails", ["w1"], PROFILE)
        journal.begin(pause, PROFILE)
        journal.end(pause.id)
        (row,) = [action for action in journal.actions() if action.id == pause.id]
        third = acted()
        assert third is not None
        assert third.steered == row.ended
        assert third.queues == again.queues  # a worker that is told is no queue
        nothing = other()
        assert nothing is not None
        assert (nothing.queues, nothing.steered) == (frozenset(), 0.0)
