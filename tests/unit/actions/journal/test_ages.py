"""What the journal forgets, and what it keeps though a clock says that it is old."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from deskq.actions.journal.ages import KEPT_SECONDS, NEWEST_KEPT
from deskq.actions.journal.journal import Journal
from tests.unit.actions.journal.test_journal import PROFILE, plan_of

DAY = 86_400.0
NOW = 1_795_000_000.0


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "journal.sqlite")) as opened:
        yield opened


def act(journal: Journal, monkeypatch: pytest.MonkeyPatch, *moments: float) -> list[str]:
    """One action at each of these times, by the clock of then."""
    ids = []
    for at in moments:
        plan = plan_of(1)
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda at=at: at)
            journal.begin(plan, PROFILE)
            journal.end(plan.id)
        ids.append(plan.id)
    return ids


def test_a_clock_that_is_ahead_forgets_nothing(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead battery, a wrong time server: whatever is done then is of one day, and the clock goes back."""
    ids = act(journal, monkeypatch, *(NOW + number for number in range(NEWEST_KEPT + 50)))
    wrong = NOW + 400 * DAY
    for later in (0.0, 60.0, 3_600.0):
        journal.forget_old(wrong + later)
        ids += act(journal, monkeypatch, wrong + later + 1)
    assert {action.id for action in journal.actions()} == set(ids)
    journal.forget_old(NOW + 3 * DAY)
    assert {action.id for action in journal.actions()} == set(ids)


def test_what_is_older_than_a_year_goes_but_for_the_newest(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    old = act(journal, monkeypatch, *(NOW + number for number in range(30)))
    kept = act(journal, monkeypatch, *(NOW + 100 * DAY + number for number in range(NEWEST_KEPT)))
    now = NOW + KEPT_SECONDS + 60
    kept += act(journal, monkeypatch, now - 3 * DAY)
    journal.forget_old(now)  # the only one of the last two months is of one day
    assert len(journal.actions()) == len(old) + len(kept)
    kept += act(journal, monkeypatch, now - DAY)
    journal.forget_old(NOW + KEPT_SECONDS - 60)
    assert len(journal.actions()) == len(old) + len(kept)
    journal.forget_old(now)
    assert {action.id for action in journal.actions()} == set(kept)
    assert not journal.items(old[0])
    assert journal.items(kept[0])


def test_the_newest_stay_whatever_the_clock_says(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = act(journal, monkeypatch, *(NOW + number for number in range(NEWEST_KEPT)))
    journal.forget_old(NOW + 10 * KEPT_SECONDS)
    assert {action.id for action in journal.actions()} == set(ids)
