"""A copy whose name was taken meanwhile, which the table did not know: nothing is written, and why is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QApplication

from deskq.profiles import Profile
from deskq.schedules.model import Crontab, ScheduleStore
from deskq.schedules.opening import open_store
from tests.gui.conftest import Run, until
from tests.gui.schedules.test_schedules import child, profile, said_yes, shown, store
from tests.gui.shell.test_window import opened
from tests.support.django_project import DjangoProject, sqlite
from tests.support.schedule_entries import added, entry, names

__all__ = ["profile", "store"]

SAYS = "0 of 1 done, 1 failed. “nightly (2)” already exists; nothing was written. Choose another name."


def test_a_copy_into_a_store_that_knows_the_name(
    profile: Profile, store: ScheduleStore, run: Run, qapp: QApplication
) -> None:
    added(store, entry("nightly"))

    async def scenario() -> None:
        async with opened(qapp) as app:
            view: Any = await shown(app, profile, 1)
            view.schedules.stop()  # what comes now is not read yet
            theirs = added(store, entry("nightly (2)", Crontab("0", "5")))
            view.table.selectRow(0)
            app.window.run_command("duplicate_schedule")
            editor = child(app, "ScheduleDialog")
            assert editor.fields.name.text() == "nightly (2)"
            editor.save.click()
            await said_yes(app)
            preview = child(app, "StepsDialog")
            assert preview.message.text() == SAYS
            preview.reject()
            assert names(store)["nightly (2)"] == theirs
            assert editor.isVisible()  # with all that was typed
            editor.fields.name.setText("nightly (3)")
            editor.fields.changed.emit()
            await until(lambda: child(app, "StepsDialog") is None)
            editor.save.click()
            await said_yes(app)
            assert set(names(store)) == {"nightly", "nightly (2)", "nightly (3)"}

    run(scenario())


def test_a_move_into_a_store_that_knows_the_name(
    redis_url: str, store: ScheduleStore, tmp_path: Path, run: Run, qapp: QApplication
) -> None:
    file = tmp_path / "django.sqlite3"
    DjangoProject(tmp_path / "project", {"default": sqlite(file)}).migrate({"default": ""})
    django = open_store(f"django-celery-beat:sqlite:///{file}")
    added(store, entry("nightly"))
    shop = Profile.from_url(
        redis_url, name="shop", history=str(tmp_path / "shop.sqlite"), schedule_stores=(django.url,)
    )

    async def scenario() -> None:
        async with opened(qapp) as app:
            view: Any = await shown(app, shop, 1)
            await until(lambda: len(view.schedules.stores) == 2)
            view.schedules.stop()
            theirs = added(django, entry("nightly", Crontab("0", "5")))
            view.chosen.move(("shop", django.url), [view.model.row_at(0).place], "move")
            await said_yes(app)
            said = SAYS.replace("nightly (2)", "nightly")
            assert child(app, "StepsDialog").message.text() == said
            child(app, "StepsDialog").reject()
            assert names(django)["nightly"] == theirs
            assert set(names(store)) == {"nightly"}  # it stays where it is

    run(scenario())
    django.close()
