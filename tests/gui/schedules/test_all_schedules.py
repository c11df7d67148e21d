"""The schedules of all profiles in one table, and schedules that are dragged from one store into another."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImage, QPalette
from PySide6.QtWidgets import QApplication, QMenu, QPushButton

from deskq.profiles import Environment, Profile, Safety
from deskq.schedules.model import RRule, ScheduleStore
from deskq.schedules.opening import open_store
from deskq.views.schedules.drag import mime_of
from deskq.views.widgets import theme
from tests.gui.conftest import Run, until
from tests.gui.schedules.test_schedules import NIGHTLY, child, column, said_yes, store
from tests.gui.shell.test_window import opened
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


def word_of(view: Any, line: int) -> QImage:
    """What is painted at the right of a line's profile, where the word of its environment stands."""
    number = next(n for n, each in enumerate(view.table.columns) if each.key == "profile")
    area = view.table.visualRect(view.model.index(line, number))
    image: QImage = view.table.viewport().grab(area.adjusted(area.width() // 2, 0, 0, 0)).toImage()
    return image


def reds(image: QImage) -> int:
    """How many points are red, as PROD is and DEV is not."""
    points = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    return sum(point.red() > point.green() + 40 for point in points)


def shows(view: Any, name: str) -> bool:
    return bool(view.model.rowCount() == 2 and view.detail.heading.text() == name)


def coloured(button: QPushButton, environment: Environment) -> bool:
    return button.palette().color(QPalette.ColorRole.ButtonText) == theme.environment_colour(environment)


def test_a_profile_that_comes_or_goes_is_seen_at_once(
    redis_url: str, valkey_url: str, store: ScheduleStore, tmp_path: Path, run: Run, qapp: QApplication
) -> None:
    added(store, entry("at shop", NIGHTLY))
    shop = Profile.from_url(redis_url, name="shop", history=str(tmp_path / "s.sqlite"), safety=Safety.READ_ONLY)
    live = Profile.from_url(
        valkey_url, name="live", history=str(tmp_path / "l.sqlite"), environment=Environment.PRODUCTION
    )

    async def scenario(others: ScheduleStore) -> None:
        added(others, entry("at live", NIGHTLY))
        async with opened(qapp) as app:
            app.add(shop, start=False).connected = True  # no recorder is needed
            window = app.window
            window.show()
            window.run_command("all_schedules")
            view: Any = window.view()
            await until(lambda: view.model.rowCount() == 1)
            assert not view.detail.buttons["edit"].isVisible()
            session = app.add(live, start=False)
            assert window.view() == view
            assert "live" not in [one.profile.name for one in view.model.rows()]  # it is not connected
            session.connected = True
            session.status_changed.emit()
            await until(lambda: view.model.rowCount() == 2, what="what was connected meanwhile")
            view.table.clearSelection()
            lines = {one.entry.name: view.model.line_of(one.place) for one in view.model.rows()}
            assert column(view, "profile", lines["at live"]) == "live · PROD"
            assert column(view, "profile", lines["at shop"]) == "shop · DEV"
            assert reds(word_of(view, lines["at live"])) > 0
            assert reds(word_of(view, lines["at shop"])) == 0
            assert view.detail.buttons["edit"].isVisible()  # there it may be changed
            await until(lambda: len(view.chips.buttons) == 2)
            for scheme in ("dark", "light"):
                window.set_theme(scheme)
                for (name, _), button in view.chips.buttons.items():
                    environment = (live if name == "live" else shop).environment
                    assert button.accessibleName().startswith(f"{environment.short} · {name}: ")
                    await until(partial(coloured, button, environment), what=f"its colour when it is {scheme}")
            await app.remove("shop")
            assert window.view() == view
            assert [one.entry.name for one in view.model.rows()] == ["at live"]
            app.add(shop, start=False).connected = True
            view._follow()
            await until(lambda: view.model.rowCount() == 2, what="what came back")
            await app.remove("shop")
            await app.remove("live")
            assert window.view() is window.welcome

    with closing(open_store(f"redbeat:{valkey_url}")) as others:
        run(scenario(others))


def test_all_profiles_in_one_table_and_schedules_that_move_between_them(
    redis_url: str, valkey_url: str, store: ScheduleStore, tmp_path: Path, run: Run, qapp: QApplication
) -> None:
    rule = RRule("daily", dtstart=1_795_000_000.0)
    for each in (entry("a", NIGHTLY), entry("b"), entry("by rule", rule)):
        added(store, each)
    file = tmp_path / "django.sqlite3"
    DjangoProject(tmp_path / "project", {"default": sqlite(file)}).migrate({"default": ""})
    shop = Profile.from_url(redis_url, name="shop", history=str(tmp_path / "shop.sqlite"))
    django_url = f"django-celery-beat:sqlite:///{file}"
    other = Profile.from_url(
        valkey_url, name="other", history=str(tmp_path / "other.sqlite"), schedule_stores=(django_url,)
    )
    watched = Profile.from_url(
        valkey_url, name="watched", history=str(tmp_path / "watched.sqlite"), safety=Safety.READ_ONLY
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
            assert "cannot store “by rule” (rrule)" in dialog.note.text()
            await said_yes(app)
            await until(lambda: child(app, "StepsDialog") is not None, what="the second question")
            moved: Any = names(django)["a"].schedule
            assert moved == replace(NIGHTLY, zone=moved.zone)
            assert "a" in names(store)  # not before it was asked
            await said_yes(app)
            assert set(names(store)) == {"b", "by rule"}
            await until(lambda: sorted(one.entry.name for one in view.model.rows()) == ["a", "b", "by rule"])
            for name in ("by rule", "b"):  # the second time among those that are shown already
                one = next(one for one in view.model.rows() if one.entry.name == name)
                view.table.selectRow(view.model.line_of(one.place))
                app.window.run_command("schedule_profile")
                assert app.window.session() is app.sessions["shop"]
                own_view: Any = app.window.view()
                await until(partial(shows, own_view, name), what=f"{name} among the two of its profile")
                app.window.run_command("all_schedules")
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
