"""The schedules of all profiles in one table, and schedules that are dragged from one store into another."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QMenu

from deskq.profiles import Profile, Safety
from deskq.schedules.base import RRule, ScheduleStore
from deskq.schedules.opening import open_store
from deskq.views.schedule_drag import mime_of
from tests.gui.conftest import Run, until
from tests.gui.test_schedules import NIGHTLY, child, column, said_yes, store
from tests.gui.test_window import opened
from tests.support.django_project import DjangoProject, sqlite
from tests.support.schedule_entries import added, entry, names

__all__ = ["store"]


def drop_on(button: Any, chosen: Any) -> bool:
    """What Qt sends to a button when schedules are dropped on it; returns whether it takes them."""
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    data, place = mime_of(chosen), button.rect().center()
    enter = QDragEnterEvent(place, copy, data, left, none)
    QApplication.sendEvent(button, enter)
    if enter.isAccepted():
        QApplication.sendEvent(button, QDropEvent(QPointF(place), copy, data, left, none, QEvent.Type.Drop))
    return enter.isAccepted()


def test_all_profiles_in_one_table_and_schedules_that_move_between_them(
    redis_url: str, store: ScheduleStore, tmp_path: Path, run: Run, qapp: QApplication
) -> None:
    rule = RRule("daily", dtstart=1_795_000_000.0)
    for each in (entry("a", NIGHTLY), entry("b"), entry("by rule", rule)):
        added(store, each)
    file = tmp_path / "django.sqlite3"
    DjangoProject(tmp_path / "project", {"default": sqlite(file)}).migrate({"default": ""})
    shop = Profile.from_url(redis_url, name="shop", history=str(tmp_path / "shop.sqlite"))
    django_url = f"django-celery-beat:sqlite:///{file}"
    other_url = f"{redis_url.rsplit('/', 1)[0]}/15"
    other = Profile.from_url(
        other_url, name="other", history=str(tmp_path / "other.sqlite"), schedule_stores=(django_url,)
    )
    watched = Profile.from_url(
        other_url, name="watched", history=str(tmp_path / "watched.sqlite"), safety=Safety.READ_ONLY
    )

    async def scenario(django: ScheduleStore) -> None:
        async with opened(qapp) as app:
            for profile in (shop, other, watched):
                app.add(profile, start=False).connected = True  # no recorder is needed
            app.window.show()
            app.window.run_command("all_schedules")
            view: Any = app.window.view()
            await until(lambda: view.model.rowCount() == 3, what="three schedules")
            assert column(view, "profile") == "shop · DEV"
            await until(lambda: len(view.chips.buttons) == 4, what="the stores of three profiles")
            target = next(place for place in view.chips.buttons if "django" in place[1])
            rows = {one.entry.name: one for one in view.model.rows()}
            closed = next(button for place, button in view.chips.buttons.items() if place[0] == "watched")
            assert not drop_on(closed, [rows["a"]])
            own = next(button for place, button in view.chips.buttons.items() if place[0] == "shop")
            assert not drop_on(own, [rows["a"]])
            assert drop_on(view.chips.buttons[target], [rows["a"], rows["by rule"]])
            menu = next(each for each in view.chips.findChildren(QMenu) if each.isVisible())
            move = next(action for action in menu.actions() if action.text() == "Move here…")
            move.trigger()
            menu.close()
            dialog = child(app, "StepsDialog")
            assert "cannot keep “by rule” (rrule)" in dialog.note.text()
            await said_yes(app)
            await until(lambda: child(app, "StepsDialog") is not None, what="the second question")
            moved: Any = names(django)["a"].schedule
            assert moved == replace(NIGHTLY, zone=moved.zone)
            assert "a" in names(store)  # not before it was asked
            await said_yes(app)
            assert set(names(store)) == {"b", "by rule"}
            await until(lambda: sorted(one.entry.name for one in view.model.rows()) == ["a", "b", "by rule"])
            view.chips.buttons[target].click()
            assert [one.entry.name for one in view.model.rows()] == ["a"]
            assert column(view, "profile") == "other · DEV"
            app.window.run_command("schedule_profile")
            assert app.window.session() is app.sessions["other"]
            app.window.run_command("all_schedules")
            view.chips.buttons[target].click()
            assert view.model.rowCount() == 3
            app.sessions["shop"].connected = False
            app.sessions["shop"].status_changed.emit()
            assert not view.followed["shop"].started
            assert view.followed["other"].started

    with closing(open_store(django_url)) as django:
        run(scenario(django))
