"""The dialog of profiles by its public actions: saving, ordering, importing, exporting; and no secret in files."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget

from deskq.files.locks import WriterLock
from deskq.history.writing.writer import History
from deskq.profiles import Environment, PasswordStore, Profile, ProfileFile, Safety, SavedProfiles, Tls
from deskq.profiles.fields import FIELDS, TABS
from deskq.views.profiles.dialog import ProfileDialog
from tests.conftest import MemoryKeyring
from tests.gui.conftest import Run, until

SHOP = Profile.from_url(
    "rediss://anna:c4n4ry@h:6380/2",
    name="shop",
    environment=Environment.PRODUCTION,
    safety=Safety.READ_ONLY,
    result_backend="redis://:c4n4ry@r/1",
    schedule_stores=("db+postgresql://bea:c4n4ry@d/x",),
)
BANK = Profile.from_url("amqp://anna:c4n4ry@h//", name="bank", management_url="http://admin:c4n4ry@h:15672")


@contextlib.asynccontextmanager
async def opened(*profiles: Profile) -> AsyncIterator[ProfileDialog]:
    """The dialog on a file with these profiles."""
    saved = SavedProfiles(ProfileFile(), PasswordStore())
    for profile in profiles:
        saved.put(profile)
    dialog = ProfileDialog(saved.file, saved.passwords)
    dialog.show()
    try:
        if profiles:
            await until(dialog.save.isEnabled, what="the first profile")
        else:
            await until(lambda: not dialog._tasks.running())
        yield dialog
    finally:
        await until(lambda: not dialog._tasks.running(), what="the dialog's tasks")
        dialog._discard()
        dialog.deleteLater()


def choose(dialog: ProfileDialog, name: str) -> None:
    dialog.list.setCurrentRow(dialog.list.names().index(name))


def press(parent: QWidget, text: str) -> None:
    """Answer the question that is open."""
    box = next(box for box in parent.findChildren(QMessageBox) if box.isVisible())
    next(button for button in box.buttons() if button.text().replace("&", "") == text).click()


def stored(name: str) -> Profile:
    return SavedProfiles(ProfileFile(), PasswordStore()).named(name)


def set_text(dialog: ProfileDialog, place: str, text: str) -> None:
    dialog.form.editors[place].set_text(text)


def test_every_field_of_the_table_is_in_a_tab_and_read_back(run: Run) -> None:
    async def scenario() -> None:
        async with opened(SHOP, BANK) as dialog:
            assert [dialog.form.tabText(number).split()[0] for number in range(5)] == list(TABS)
            assert dialog.form.editors.keys() == {field.place for field in FIELDS}
            assert dialog.form.profile() == SHOP
            choose(dialog, "bank")
            await until(dialog.save.isEnabled)
            assert dialog.form.profile() == BANK
            for place, reason in (("redis.sep", "Redis"), ("tls.ca", "TLS"), ("redis.sentinel_master", "sentinels")):
                assert not dialog.form.editors[place].line.isEnabled()  # type: ignore[union-attr]
                assert reason in dialog.form.editors[place].toolTip()
            assert dialog.form.editors["management_url"].line.isEnabled()  # type: ignore[union-attr]

    run(scenario())


def test_a_url_that_is_typed_is_not_torn_apart(run: Run) -> None:
    """Each key, as a person types it: a password moves when the field is left, and never a half of it."""

    async def scenario() -> None:
        async with opened() as dialog:
            url = dialog.form.editors["url"]
            assert url.line is not None
            for typed, is_left, password in (
                ("redis://anna:c4n@4ry@host:6379/2", "redis://anna@host:6379/2", "c4n@4ry"),
                ("redis://anna:c4n@4?ry@host:6379/2", "redis://anna:c4n@4?ry@host:6379/2", ""),
            ):
                url.set_text("")
                dialog.password.clear()
                QTest.keyClicks(url.line, typed)
                assert url.text() == typed
                QTest.keyClick(url.line, Qt.Key.Key_Return)
                assert (url.text(), dialog.password.text()) == (is_left, password)
            assert not dialog.save.isEnabled()
            assert "%40 for @" in dialog.form.evaluate()[1]["url"]

    run(scenario())


def test_a_pasted_url_makes_half_a_profile(run: Run) -> None:
    async def scenario() -> None:
        async with opened() as dialog:
            assert not dialog.save.isEnabled()
            dialog.url.setText("rediss://anna:c4n4ry@h:6380/2?ssl_cert_reqs=none&ssl_ca_certs=/ca.pem")
            assert dialog.url.text() == "rediss://anna@h:6380/2"
            assert (dialog.name.text(), dialog.password.text()) == ("h:6380/2", "c4n4ry")
            assert dialog.form.editors["tls.ca"].text() == "/ca.pem"
            assert dialog.form.editors["tls.verify"].text() == "no"
            assert not dialog.form.tls_warning.isHidden()
            assert "read and change everything" in dialog.form.tls_warning.text()
            assert dialog.form.tabText(TABS.index("TLS")) == "TLS ▲"
            dialog.form.editors["tls.verify"].set_text("yes")
            assert dialog.form.tls_warning.isHidden()
            set_text(dialog, "result_backend", "redis://:c4n4ry@r/1")
            assert dialog.form.editors["result_backend"].text() == "redis://r/1"
            assert dialog.form.editors["result_password"].text() == "c4n4ry"
            stores = dialog.form.editors["schedule_stores"]
            assert stores.line is not None
            stores.line.setText("db+postgresql://bea:c4n4ry@d/x")
            stores.line.editingFinished.emit()
            assert stores.text() == "db+postgresql://bea@d/x"
            dialog.save.click()
            await until(lambda: "Saved" in dialog.message.text())
            profile = stored("h:6380/2")
            assert profile.tls == Tls(ca="/ca.pem")
            assert {secret.reveal() for secret in profile.secrets().values()} == {"c4n4ry"}
            assert "c4n4ry" not in ProfileFile().path.read_text()
            assert "c4n4ry" not in dialog.message.text()

    run(scenario())


@pytest.mark.parametrize(
    ("place", "text", "tab", "says"),
    [
        ("name", "", "General", "needs a name"),
        ("name", "bank", "General", "already"),
        ("url", "gopher://x", "General", "does not support the scheme"),
        ("url", "sentinel://a:1", "Broker", "needs the master"),
        ("redis.priority_steps", "one", "Broker", "whole numbers"),
        ("redis.visibility_timeout", "0", "Broker", "more than 0"),
        ("tls.key", "/k.pem", "TLS", "belongs to the key"),
        ("retention_days", "-1", "History", "0 or more"),
        ("result_backend", "mine", "Stores", "as a URL"),
    ],
)
def test_what_is_wrong_is_said_at_once(run: Run, place: str, text: str, tab: Any, says: str) -> None:
    async def scenario() -> None:
        async with opened(SHOP, BANK) as dialog:
            set_text(dialog, place, text)
            assert says in dialog.message.text()
            assert says in dialog.save.toolTip()
            for button in (dialog.save, dialog.connect_button, dialog.test):
                assert not button.isEnabled()
            assert dialog.form.tabText(TABS.index(tab)).endswith("▲")
            assert any(says in editor.problem.text() for editor in dialog.form.editors.values())
            set_text(dialog, place, "\x00")
            dialog.form.show_profile(SHOP, new=False)
            assert dialog.save.isEnabled()
            assert dialog.message.text() == ""

    run(scenario())


def test_less_safety_is_asked_about(run: Run) -> None:
    async def scenario() -> None:
        async with opened(SHOP) as dialog:
            set_text(dialog, "safety", "free")
            dialog.save.click()
            box = next(iter(dialog.findChildren(QMessageBox)))
            assert "shop" in box.text()
            assert "Read-only" in box.informativeText()
            assert "Do not ask" in box.informativeText()
            press(dialog, "Cancel")
            assert stored("shop").safety is Safety.READ_ONLY
            dialog.save.click()
            press(dialog, "Lower safety")
            await until(lambda: "Saved" in dialog.message.text())
            assert stored("shop").safety is Safety.FREE
            set_text(dialog, "safety", "ask")  # safer again: no question
            dialog.save.click()
            await until(lambda: stored("shop").safety is Safety.ASK)
            assert stored("shop").password == SHOP.password

    run(scenario())


def test_order_by_keys_and_by_dragging(run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        third = Profile.from_url("redis://x/0", name="third")
        async with opened(SHOP, BANK, third) as dialog:
            QTest.keyClick(dialog.list, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
            await until(lambda: [p.name for p in ProfileFile().load()] == ["bank", "shop", "third"])
            QTest.keyClick(dialog.list, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
            await until(lambda: [p.name for p in ProfileFile().load()] == ["bank", "third", "shop"])
            QTest.keyClick(dialog.list, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)  # no further
            dialog.up.click()
            await until(lambda: [p.name for p in ProfileFile().load()] == ["bank", "shop", "third"])
            for _ in range(3):  # faster than the file follows
                QTest.keyClick(dialog.list, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
                QTest.keyClick(dialog.list, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
            assert dialog.list.names() == ["bank", "shop", "third"]
            await until(lambda: not dialog._tasks.running())
            assert [p.name for p in ProfileFile().load()] == dialog.list.names() == ["bank", "shop", "third"]
            drop(dialog, "shop", 0)
            await until(lambda: [p.name for p in ProfileFile().load()] == ["shop", "bank", "third"])
            assert dialog.list.names() == ["shop", "bank", "third"]
            assert dialog.list.current_name() == "shop"
            drop(dialog, "shop", 2, below=True)
            await until(lambda: [p.name for p in ProfileFile().load()] == ["bank", "third", "shop"])
            drop(dialog, "shop", 2)  # where it is
            assert dialog.list.names() == ["bank", "third", "shop"]

    run(scenario())


def drop(dialog: ProfileDialog, name: str, row: int, *, below: bool = False) -> None:
    """Drop a row above another one, or below it, as the list sees it at the end of a drag."""
    items = dialog.list
    choose(dialog, name)
    area = items.visualItemRect(items.item(row))
    place = (area.bottomLeft() if below else area.topLeft()) + QPoint(5, 0)
    mime = items.mimeData([items.currentItem()])
    event = QDropEvent(
        QPointF(place), Qt.DropAction.MoveAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    items.dropEvent(event)


def test_copies_renames_and_deletions(run: Run) -> None:
    async def scenario() -> None:
        async with opened(SHOP, BANK) as dialog:
            removed: list[str] = []
            saved: list[tuple[str, str]] = []
            dialog.removed.connect(removed.append)
            dialog.saved.connect(lambda profile, was: saved.append((profile.name, was)))
            History(SHOP.history_path()).close()
            dialog.duplicate.click()
            assert dialog.name.text() == "shop copy"
            dialog.save.click()
            await until(lambda: "Saved" in dialog.message.text())
            assert stored("shop copy").password == SHOP.password
            choose(dialog, "shop")
            await until(dialog.save.isEnabled)
            dialog.name.setText("books")
            dialog.save.click()
            await until(lambda: "history file was moved" in dialog.message.text())
            assert stored("books").history_path().exists()
            assert stored("books").password == SHOP.password
            lock = WriterLock(stored("books").history_path())
            assert lock.acquire()
            dialog.name.setText("bookshop")
            dialog.save.click()
            await until(lambda: "so it stays in" in dialog.message.text())
            lock.release()
            assert stored("bookshop").history_path().name == "books.sqlite"
            QTest.keyClick(dialog.list, Qt.Key.Key_Delete)
            press(dialog, "Cancel")
            dialog.delete.click()
            press(dialog, "Delete profile")
            await until(lambda: "Deleted" in dialog.message.text())
            assert [profile.name for profile in ProfileFile().load()] == ["bank", "shop copy"]
            assert PasswordStore().get("bookshop") is None
            assert removed == ["bookshop"]
            assert saved == [("shop copy", ""), ("books", "shop"), ("bookshop", "books")]

    run(scenario())


def test_what_is_typed_stays_until_it_is_saved_or_discarded(run: Run) -> None:
    async def scenario() -> None:
        async with opened(SHOP, BANK) as dialog:
            set_text(dialog, "watch_queues", "emails, slow")
            choose(dialog, "bank")
            await until(dialog.save.isEnabled)
            assert "•" in dialog.list.item(0).text()
            dialog.close()
            assert dialog.isVisible()
            press(dialog, "Cancel")
            choose(dialog, "shop")
            assert "Unsaved changes" in dialog.message.text()
            await until(dialog.save.isEnabled)
            dialog.save.click()
            await until(lambda: "Saved" in dialog.message.text())
            assert stored("shop").watch_queues == ("emails", "slow")
            assert stored("shop").password == SHOP.password
            dialog.close()
            assert not dialog.isVisible()

    run(scenario())


class SlowKeyring(MemoryKeyring):
    """Answers when it is told to, as one that asks the person first."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.may_answer = threading.Event(), threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.asked.set()
        assert self.may_answer.wait(30)
        return super().get_password(service, username)


def test_what_is_typed_while_the_keyring_thinks_stays(run: Run) -> None:
    async def scenario() -> None:
        slow = SlowKeyring()
        keyring.set_keyring(slow)
        saved = SavedProfiles(ProfileFile(), PasswordStore())
        saved.put(SHOP)
        dialog = ProfileDialog(saved.file, saved.passwords)
        dialog.show()
        await until(slow.asked.is_set)
        await until(lambda: dialog.name.text() == "shop")
        assert not dialog.save.isEnabled()
        assert "passwords" in dialog.save.toolTip()
        set_text(dialog, "watch_queues", "emails")
        slow.may_answer.set()
        await until(dialog.save.isEnabled)
        assert dialog.form.profile().watch_queues == ("emails",)
        dialog.save.click()
        await until(lambda: "Saved" in dialog.message.text())
        assert {secret.reveal() for secret in stored("shop").secrets().values()} == {"c4n4ry"}
        await until(lambda: not dialog._tasks.running())
        dialog.deleteLater()

    run(scenario())


def test_a_dialog_that_is_closed_early_lives_until_its_work_is_done(run: Run) -> None:
    async def scenario() -> None:
        slow = SlowKeyring()
        keyring.set_keyring(slow)
        saved = SavedProfiles(ProfileFile(), PasswordStore())
        saved.put(SHOP)
        dialog = ProfileDialog(saved.file, saved.passwords)
        gone: list[bool] = []
        dialog.destroyed.connect(lambda: gone.append(True))
        dialog.finished.connect(lambda _: dialog.release())
        dialog.show()
        await until(slow.asked.is_set)
        dialog.close()
        assert not dialog.isVisible()
        assert gone == []
        slow.may_answer.set()
        await until(lambda: gone == [True])

    run(scenario())


def test_choosing_a_file(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(SHOP) as dialog:
            chooser = dialog.form.editors["tls.ca"].choose()
            assert chooser.isVisible()
            chooser.fileSelected.emit(str(tmp_path / "ca.pem"))
            chooser.close()
            assert dialog.form.profile().tls.ca == str(tmp_path / "ca.pem")

    run(scenario())


def test_the_connection_is_tried(redis_url: str, run: Run) -> None:
    async def scenario() -> None:
        async with opened(Profile.from_url(redis_url, name="real")) as dialog:
            dialog.test.click()
            await until(lambda: "Server" in dialog.steps.report())
            dialog.test.click()
            assert dialog.centre.currentWidget() is dialog.form
            dialog.url.setText("redis://127.0.0.1:1/0")
            dialog.test.click()
            await until(lambda: "Nothing is listening" in dialog.steps.report())
            dialog.list.setCurrentRow(0)

    run(scenario())
