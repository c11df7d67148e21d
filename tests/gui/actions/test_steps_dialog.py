"""The dialog that previews, asks, carries out and offers to take back: on schedules in a real Redis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from deskq.actions.executor import Progress
from deskq.actions.journal.journal import Journal
from deskq.actions.plan import Outcome, Plan, Step
from deskq.actions.schedule_edit import ScheduleRunner, plan_changes, store_of
from deskq.profiles import Environment, Profile, Safety
from deskq.schedules.diff import FieldChange
from deskq.schedules.model import Entry, ScheduleStore
from deskq.schedules.opening import open_store
from deskq.views.actions.plan_dialog import StepsDialog
from deskq.views.widgets.toast import UndoOffer
from tests.gui.conftest import Run, until
from tests.support.schedule_entries import added, entry, names


@pytest.fixture
def store(redis_url: str) -> Iterator[ScheduleStore]:
    with closing(open_store(redis_url)) as opened:
        yield opened


def shop(url: str, safety: Safety = Safety.ASK) -> Profile:
    return Profile.from_url(url, name="shop", environment=Environment.PRODUCTION, safety=safety)


def disabling(store: ScheduleStore, profile: Profile, entries: list[Entry]) -> Plan[Step]:
    return plan_changes(store, profile, [FieldChange(each, replace(each, enabled=False)) for each in entries])


def enabled(store: ScheduleStore) -> dict[str, bool]:
    return {name: each.enabled for name, each in names(store).items()}


class Opened:
    """A dialog in a window of its own, and what it said at its end."""

    def __init__(self, store: ScheduleStore, profile: Profile, entries: list[Entry], *, stay: bool = True) -> None:
        self.window = QWidget()
        self.window.resize(900, 600)
        self.window.show()
        plan = disabling(store, profile, entries)
        self.dialog = StepsDialog(
            plan,
            profile,
            self.window,
            runner=lambda: ScheduleRunner(store_of(store.url, profile)),
            note="<b>beat</b> sees it at its next look",
            stay=stay,
        )
        self.ended: list[Progress] = []
        self.dialog.ended.connect(self.ended.append)
        self.dialog.open()

    async def ask(self) -> StepsDialog:
        """The dialog, as soon as it can be said yes to."""
        await until(self.dialog.go.isEnabled)
        return self.dialog


def test_it_asks_does_and_takes_back(redis_url: str, store: ScheduleStore, run: Run) -> None:
    two = [added(store, entry(name)) for name in ("a", "b")]

    async def scenario() -> None:
        one = Opened(store, shop(redis_url), two)
        dialog = one.dialog
        assert dialog.heading.text() == dialog.plan.title
        assert [row.target for row in dialog.model.rows()] == ["a", "b"]
        assert dialog.note.textFormat() == Qt.TextFormat.PlainText
        QTest.keyClick(dialog, Qt.Key.Key_Return)  # neither yes nor no
        assert dialog.isVisible()
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
        assert not dialog.isVisible()
        assert enabled(store) == {"a": True, "b": True}
        one.window.deleteLater()

        one = Opened(store, shop(redis_url), two)
        dialog = await one.ask()
        dialog.go.click()
        await until(lambda: one.ended)
        assert [row.outcome for row in dialog.model.rows()] == [Outcome.DONE, Outcome.DONE]
        assert enabled(store) == {"a": False, "b": False}
        assert dialog.undo_button.isVisible()
        dialog.undo_button.click()
        await until(lambda: len(one.window.findChildren(StepsDialog)) > 1)
        undo = next(each for each in one.window.findChildren(StepsDialog) if each.plan.undoes == dialog.plan.id)
        assert undo.go.text() == "Undo"
        await until(undo.go.isEnabled)
        undo.go.click()
        await until(lambda: enabled(store) == {"a": True, "b": True})
        await until(lambda: one.window.findChildren(UndoOffer))
        await until(lambda: not undo.foot.running)
        one.window.deleteLater()

    run(scenario())


def test_who_closes_it_is_offered_the_undo_for_a_while(redis_url: str, store: ScheduleStore, run: Run) -> None:
    two = [added(store, entry(name)) for name in ("a", "b")]

    async def scenario() -> None:
        one = Opened(store, shop(redis_url), two)
        (await one.ask()).go.click()
        await until(lambda: one.ended)
        assert not one.window.findChildren(UndoOffer)
        one.dialog.cancel.click()
        (offer,) = one.window.findChildren(UndoOffer)
        assert offer.text.text() == one.dialog.plan.title
        offer.button.click()
        await until(lambda: [each for each in one.window.findChildren(StepsDialog) if each.plan.undoes])
        undo = next(each for each in one.window.findChildren(StepsDialog) if each.plan.undoes)
        await until(undo.go.isEnabled)
        undo.go.click()
        await until(lambda: enabled(store) == {"a": True, "b": True})
        await until(lambda: not undo.foot.running)
        one.window.deleteLater()

    run(scenario())


def test_somebody_elses_change_is_told_and_kept(redis_url: str, store: ScheduleStore, run: Run) -> None:
    two = [added(store, entry(name)) for name in ("a", "b")]
    profile = shop(redis_url)

    async def scenario() -> None:
        one = Opened(store, profile, two, stay=False)
        store.replace(two[0], replace(two[0], args=[7]))
        (await one.ask()).go.click()
        await until(lambda: one.ended)
        rows = one.dialog.model.rows()
        assert [row.outcome for row in rows] == [Outcome.FAILED, Outcome.DONE]
        assert rows[0].words
        assert one.dialog.isVisible()  # it stays where not everything was done
        assert names(store)["a"].args == [7]
        one.window.deleteLater()

    run(scenario())


def test_the_level_decides_what_is_asked(redis_url: str, store: ScheduleStore, run: Run) -> None:
    one_entry = [added(store, entry("a"))]

    async def scenario() -> None:
        named = Opened(store, shop(redis_url, Safety.ASK_NAME), one_entry)
        await until(named.dialog.name.isVisible)
        assert not named.dialog.go.isEnabled()
        named.dialog.name.setText("sho")
        assert not named.dialog.go.isEnabled()
        named.dialog.name.setText("shop")
        assert named.dialog.go.isEnabled()
        named.dialog.reject()
        watched = Opened(store, shop(redis_url, Safety.READ_ONLY), one_entry)
        await until(lambda: "read-only" in watched.dialog.message.text())
        assert not watched.dialog.go.isEnabled()
        watched.dialog.reject()
        assert enabled(store) == {"a": True}
        free = Opened(store, shop(redis_url, Safety.FREE), one_entry, stay=False)  # nobody is asked
        await until(lambda: free.ended)
        assert enabled(store) == {"a": False}
        offer = free.window.findChildren(UndoOffer)[0]
        await until(lambda: not free.window.findChildren(StepsDialog))  # it went by itself
        offer.button.click()  # that asks nobody either
        await until(lambda: enabled(store) == {"a": True})
        await until(lambda: all(not each.foot.running for each in free.window.findChildren(StepsDialog)))
        for each in (named, watched, free):
            each.window.deleteLater()

    run(scenario())
    journal = Journal()
    try:
        assert [bool(action.undoes) for action in journal.actions()] == [True, False]
    finally:
        journal.close()


def test_a_store_that_cannot_be_opened_says_so(redis_url: str, store: ScheduleStore, run: Run) -> None:
    profile = shop(redis_url)
    plan = disabling(store, profile, [added(store, entry("a"))])

    async def scenario() -> None:
        dead = partial(open_store, "redis://127.0.0.1:1/0")
        window = QWidget()
        dialog = StepsDialog(plan, profile, window, runner=lambda: ScheduleRunner(dead()))
        dialog.open()
        await until(dialog.go.isEnabled)
        dialog.go.click()
        await until(lambda: dialog.cancel.text() == "Close")
        assert dialog.message.text()
        assert enabled(store) == {"a": True}
        window.deleteLater()

    run(scenario())
