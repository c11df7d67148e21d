"""A keyring that asks a person to unlock it delays passwords, and nothing else: the window never waits for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keyring.core
import pytest
from PySide6.QtWidgets import QApplication, QMessageBox

from deskq.errors import UserError
from deskq.profiles import Profile, ProfileFile, SavedProfiles, Secret
from deskq.views.shell.password_dialog import PasswordDialog
from tests.gui.conftest import Run, until
from tests.gui.profiles.test_profiles import opened as opened_dialog
from tests.gui.shell.test_window import opened
from tests.support.slow_keyring import SlowKeyring

SHOP = Profile.from_url("redis://anna@127.0.0.1:1/0", name="shop")


@pytest.fixture
def slow_keyring(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[SlowKeyring]]:
    """A keyring that is still to be found, and answers nothing before ``may_answer`` is set."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "tests.support.slow_keyring.SlowKeyring")
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    monkeypatch.setattr(SlowKeyring, "threads", [])
    monkeypatch.setattr(SlowKeyring, "passwords", {("deskq", "shop"): "c4n4ry"})
    monkeypatch.setattr(SlowKeyring, "may_answer", threading.Event())
    yield SlowKeyring
    SlowKeyring.may_answer.set()


def test_the_window_never_waits_for_the_keyring(slow_keyring: type[SlowKeyring], run: Run, qapp: QApplication) -> None:
    ProfileFile().save([SHOP])

    async def scenario() -> None:
        async with opened(qapp) as app:
            app.window.show()
            other = app.add(replace(SHOP, name="other"), start=False)
            app.spawn(app.load_saved(), "saved profiles")
            await until(lambda: slow_keyring.threads, what="the keyring to be looked for")
            other.login_refused.emit("no")
            app.open_profiles()
            dialog: Any = app._dialog
            await until(lambda: dialog.name.text() == "shop", what="the profile to be shown without its password")
            assert not dialog.save.isEnabled()
            assert app.window.findChildren(PasswordDialog) == []
            slow_keyring.may_answer.set()
            await until(dialog.save.isEnabled)
            assert dialog.form.profile().password == Secret("c4n4ry")
            await until(lambda: app.window.findChildren(PasswordDialog), what="the password to be asked for")
            (asking,) = app.window.findChildren(PasswordDialog)
            assert asking.width() >= 360, "its title is cut"
            asking.reject()
            assert dialog.keep_in_file.isHidden()
            assert "keyring" in dialog.password.placeholderText()
            dialog.password.setText("another")
            dialog.save.click()
            await until(lambda: "Saved" in dialog.message.text())
            assert slow_keyring.passwords == {("deskq", "shop"): "another"}
            dialog.delete.click()
            (box,) = (box for box in dialog.findChildren(QMessageBox) if box.isVisible())
            next(button for button in box.buttons() if "Delete" in button.text()).click()
            await until(lambda: "Deleted" in dialog.message.text())
            assert slow_keyring.passwords == {}
            dialog.close()
            await until(lambda: not app._tasks.running())

    run(scenario())
    assert threading.main_thread() not in slow_keyring.threads


@pytest.mark.parametrize("refused", [False, True], ids=["kept", "refused"])
def test_a_dialog_that_is_closed_while_it_saves_closes_afterwards(
    run: Run, monkeypatch: pytest.MonkeyPatch, refused: bool
) -> None:
    """What is being saved is not asked about; what could not be saved stays to be seen."""
    may_save = threading.Event()
    save = SavedProfiles.put

    def slow_save(self: SavedProfiles, profile: Profile, *, was: str = "") -> Any:
        may_save.wait()
        if refused:
            raise UserError("the disk is full")
        return save(self, profile, was=was)

    async def scenario() -> None:
        async with opened_dialog() as dialog:
            monkeypatch.setattr(SavedProfiles, "put", slow_save)
            finished: list[int] = []
            dialog.finished.connect(finished.append)
            dialog.url.setText("redis://127.0.0.1:1/0")
            dialog.name.setText("shop")
            dialog.save.click()
            dialog.close()
            dialog.close()
            assert dialog.isVisible()
            assert dialog.message.text() == "Closes when the profile is saved."
            may_save.set()
            await until(lambda: not dialog._tasks.running())
            assert not any(box.isVisible() for box in dialog.findChildren(QMessageBox))
            assert dialog.isVisible() is refused
            assert len(finished) == (0 if refused else 1)
            assert [one.name for one in ProfileFile().load()] == ([] if refused else ["shop"])
            assert ("full" in dialog.message.text()) is refused

    run(scenario())
