"""What a process that died left open is closed by the next one, and a journal that cannot be written is left alone."""

from __future__ import annotations

import time
from contextlib import closing

from deskq.actions.journal.journal import Journal
from deskq.actions.messages.call import Call, plan_send
from deskq.actions.plan import Outcome
from deskq.profiles import Profile
from deskq.services.journal_recovery import look_after

PROFILE = Profile.from_url("redis://h/0", name="shop")


def test_what_was_interrupted_is_closed_once() -> None:
    plan = plan_send(Call(task="t", times=3), PROFILE, now=time.time())
    with closing(Journal()) as journal:
        journal.begin(plan, PROFILE)
        journal.mark(plan.id, [(0, Outcome.DONE, ""), (1, Outcome.SENDING, "")])
        assert look_after(journal) == []  # it is under way
    with closing(Journal()) as journal:
        assert look_after(journal) == [plan.id]
        assert [item.outcome for item in journal.items(plan.id)] == ["done", "unknown", "not sent"]
        assert look_after(journal) == []


def test_a_journal_that_cannot_be_written_is_left_alone() -> None:
    plan = plan_send(Call(task="t"), PROFILE, now=time.time())
    with closing(Journal()) as journal:
        journal.begin(plan, PROFILE)
    with closing(Journal()) as journal:
        journal._connection.pragma("query_only", True)
        assert look_after(journal) == []
        assert [item.outcome for item in journal.items(plan.id)] == ["planned"]
