"""The calendar of schedules: its time line through the real widget, and ten thousand schedules on it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from deskq.models.schedules import timeline as schedule_timeline
from deskq.profiles import Profile
from deskq.schedules.model import Crontab, Entry, Interval, ScheduleStore
from deskq.schedules.opening import open_store
from deskq.schedules.profile_reader import ScheduleRow
from deskq.schedules.timing import collisions as timeline
from deskq.services.schedules.shown import ShownSchedule
from deskq.views.overview.timeline import TimelinePicture
from deskq.views.overview.timeline_painter import TimelinePainter
from deskq.views.overview.timeline_places import COLLISIONS
from deskq.views.schedules import calendar as schedule_calendar
from deskq.views.schedules.calendar import ScheduleCalendar
from tests.gui.conftest import Run, until
from tests.gui.schedules.test_schedules import child, profile, shown, store
from tests.gui.shell.test_window import opened
from tests.support.schedule_entries import added, entry

__all__ = ["profile", "store"]

MANY = 10_000


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The time line is drawn by the machine's clock, whose zone is anybody's."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def ran(name: str, schedule: Any, **given: Any) -> Entry:
    return entry(name, schedule, last_run_at=time.time(), total_run_count=1, **given)


async def calendar_of(view: Any, lanes: int) -> TimelinePicture:
    picture: TimelinePicture = view.calendar.picture
    await until(lambda: picture.shown is not None and len(picture.shown.rows) == lanes, what=f"{lanes} lanes")
    return picture


def lane_names(picture: TimelinePicture) -> list[str]:
    assert picture.shown is not None
    return [one.entry.name for one in picture.shown.rows]


def click(picture: TimelinePicture, x: float, y: float) -> None:
    where = QPoint(round(x), round(y))
    QTest.mouseClick(picture.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, where)


def point(picture: TimelinePicture, x: float, y: float) -> None:
    none = Qt.MouseButton.NoButton
    where = QPointF(x, y)
    moved = QMouseEvent(QEvent.Type.MouseMove, where, where, none, none, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(picture.viewport(), moved)  # QTest.mouseMove turns the loop within a task


def test_keys_and_clicks_go_through_the_time_line(
    profile: Profile, store: ScheduleStore, run: Run, qapp: QApplication
) -> None:
    for one in (
        ran("nightly", Crontab("0", "2")),
        ran("backup", Crontab("0", "2,14")),
        ran("<b>pulse</b>", Interval(15.0)),
        ran("off", Crontab("0", "2"), enabled=False),
    ):
        added(store, one)

    async def scenario() -> None:
        async with opened(qapp) as app:
            view = await shown(app, profile, 4)
            app.window.run_command("calendar")
            picture = await calendar_of(view, 3)
            assert view.stack.currentWidget() is view.calendar
            assert app.window.focusWidget() is picture
            assert not view.detail.isVisible()
            assert lane_names(picture) == ["nightly", "backup", "<b>pulse</b>"]
            said = view.calendar.about.text()
            assert said.startswith("3 schedules from now on, by this machine's clock. ")
            assert "Not counting dense runs, several start together in 1 minute." in said
            assert "Left out: 1 disabled." in said

            app.window.run_command("delete_schedule")
            assert child(app, "StepsDialog") is None  # the selection of a table that is not seen means nothing

            QTest.keyClick(picture, Qt.Key.Key_Right)
            collision = view.calendar.chosen.text()
            assert collision.endswith("02:00: nightly and backup")
            assert picture.accessibleDescription() == collision
            QTest.keyClick(picture, Qt.Key.Key_Down)
            assert view.calendar.chosen.text().startswith("nightly: every day at 02:00, UTC · 1 run, the first ")
            QTest.keyClick(picture, Qt.Key.Key_End)
            await until(lambda: "every 15 seconds" in picture.words())
            assert picture.words().startswith("<b>pulse</b>: every 15 seconds · about 5,7")
            QTest.keyClick(picture, Qt.Key.Key_Return)
            assert view.detail.isVisible()
            assert view.detail.heading.text() == "<b>pulse</b>"
            assert [one.entry.name for one in view.selected()] == ["<b>pulse</b>"]
            app.window.run_command("back")
            assert view.selected() == []
            assert not view.detail.isVisible()
            QTest.keyClick(picture, Qt.Key.Key_Up)
            app.window.run_command("detail")
            assert view.detail.heading.text() == "backup"

            assert picture.shown is not None
            click(picture, 10, picture.places.lane_area(0).center().y())
            assert (picture.lane, view.detail.heading.text()) == (0, "nightly")
            at = picture.shown.timeline.collisions[0].at
            click(picture, picture.places.x_of(at) + 2, picture.places.lane_area(COLLISIONS).center().y())
            assert picture.lane == COLLISIONS
            assert view.calendar.chosen.text() == collision
            point(picture, picture.places.x_of(at), picture.places.lane_area(0).center().y())
            assert view.calendar.chosen.text().startswith("nightly: every day at 02:00, UTC · runs ")

            added(store, ran("new one", Crontab("0", "2")))
            view.refresh()
            await calendar_of(view, 4)  # an edit is seen before the next turn
            view.calendar.spans["7 days"].click()
            await until(lambda: picture.shown is not None and len(picture.shown.timeline.collisions) == 7)
            view.line.setText("night")
            await calendar_of(view, 1)
            assert "No two start in the same minute" in view.calendar.about.text()
            view.line.setText("off")
            await until(view.calendar.empty.isVisible)
            assert view.calendar.empty.title.text() == "Nothing will run"
            assert view.calendar.empty.reason.text() == "1 schedule is disabled."
            app.window.run_command("calendar")
            assert view.stack.currentWidget() is view.table
        again = ScheduleCalendar({})
        assert again.spans["7 days"].isChecked()
        again.deleteLater()

    run(scenario())


def test_all_schedules_say_whose_they_are(
    redis_url: str, valkey_url: str, store: ScheduleStore, tmp_path: Path, run: Run, qapp: QApplication
) -> None:
    added(store, ran("nightly", Crontab("0", "2")))
    shop = Profile.from_url(redis_url, name="shop", history=str(tmp_path / "s.sqlite"))
    live = Profile.from_url(valkey_url, name="live", history=str(tmp_path / "l.sqlite"))

    async def scenario() -> None:
        async with opened(qapp) as app:
            for each in (shop, live):
                app.add(each, start=False).connected = True  # no recorder is needed
            app.window.show()
            app.window.run_command("all_schedules")
            view: Any = app.window.view()
            await until(lambda: view.model.rowCount() == 2)
            app.window.run_command("calendar")
            picture = await calendar_of(view, 2)
            QTest.keyClick(picture, Qt.Key.Key_Right)
            said = view.calendar.chosen.text().partition("02:00: ")[2]
            assert sorted(said.split(" and ")) == ["nightly (live)", "nightly (shop)"]
            QTest.keyClick(picture, Qt.Key.Key_Return)
            assert view.detail.isVisible()
            view.calendar.spans["7 days"].click()  # it is being computed when the profile goes that lends its thread
            await app.remove("shop")
            app.window.run_command("all_schedules")
            await calendar_of(view, 1)
            assert view.calendar.picture.words()

    with closing(open_store(valkey_url)) as others:
        added(others, ran("nightly", Crontab("0", "2")))
        run(scenario())


def rows_at(session: Any, url: str) -> list[ShownSchedule]:
    """Ten thousand schedules of a store, of which many start together."""
    made = []
    for number in range(MANY):
        schedule = Crontab(str(number % 60), str(number % 24)) if number % 50 else Interval(10.0 + number)
        one = ran(f"e{number:05}", schedule)
        made.append(ShownSchedule(session.profile, ScheduleRow(one, url, "redbeat", "redbeat", "UTC", "a sentence")))  # type: ignore[arg-type]
    return made


def test_ten_thousand_do_not_block_the_loop(
    profile: Profile, store: ScheduleStore, run: Run, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    added(store, ran("one", Interval(60.0)))
    threads: set[str] = set()
    computed: list[str] = []
    lane_of = timeline.lane_of

    def watched(one: Entry, *args: Any, **more: Any) -> timeline.Lane:
        threads.add(threading.current_thread().name)
        computed.append(one.name)
        return lane_of(one, *args, **more)

    monkeypatch.setattr(timeline, "lane_of", watched)
    monkeypatch.setattr(schedule_timeline, "_SLICE_SECONDS", 0.005)  # many slices on a fast machine too
    monkeypatch.setattr(schedule_calendar, "_LATER_SECONDS", 0.0)
    painted: list[int] = []
    paint_lane = TimelinePainter.paint_lane

    def paint(painter: TimelinePainter, place: int) -> None:
        painted.append(place)
        paint_lane(painter, place)

    monkeypatch.setattr(TimelinePainter, "paint_lane", paint)

    async def scenario() -> None:
        async with opened(qapp) as app:
            view = await shown(app, profile, 1)
            session = app.sessions[profile.name]
            rows = rows_at(session, view.schedules.stores[0].store.url)
            view.schedules.stop()
            calendar = ScheduleCalendar({profile.name: view.schedules})
            try:
                await scene(calendar, rows)
            finally:
                calendar.close()
                calendar.deleteLater()

    async def scene(calendar: ScheduleCalendar, rows: list[ShownSchedule]) -> None:
        calendar.resize(900, 500)
        calendar.show()
        calendar.show_rows(rows)
        await until(lambda: "of 10,000 schedules" in calendar.about.text(), what="progress")
        calendar.hide()  # who leaves ends it
        await until(lambda: not calendar._computing, what="its end")
        before = len(computed)
        assert 0 < before < MANY
        assert calendar.picture.shown is None

        computed.clear()
        seen: list[int] = []
        turns = asyncio.create_task(count_turns(lambda: seen.append(len(computed))), name="turns")
        calendar.show()
        calendar.show_rows(rows)
        await until(lambda: calendar.picture.shown is not None, timeout=60, what="the time line")
        turns.cancel()
        assert len(computed) == MANY - before  # what was computed before they left is not lost
        assert len(set(seen)) >= 10  # the loop turned again and again meanwhile
        assert max(right - left for left, right in pairwise(seen)) < MANY / 2
        assert threading.main_thread().name not in threads

        picture = calendar.picture
        assert picture.shown is not None
        assert len(picture.shown.rows) == MANY
        large = next(n for n, one in enumerate(picture.shown.timeline.collisions) if one.count > 3)
        picture.collision = large - 1
        QTest.keyClick(picture, Qt.Key.Key_Right)
        assert " more" in calendar.chosen.text()
        painted.clear()
        QTest.keyClick(picture, Qt.Key.Key_End)
        picture.grab()
        assert picture.lane == MANY - 1
        assert MANY - 1 in painted
        assert len(set(painted)) < 40
        computed.clear()
        calendar.show_rows(rows[:-1])
        await until(lambda: picture.shown is not None and len(picture.shown.rows) == MANY - 1)
        assert not computed  # what is known is not computed again

    run(scenario())


async def count_turns(turn: Callable[[], None]) -> None:
    while True:
        turn()
        await asyncio.sleep(0)
