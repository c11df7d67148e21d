"""The dialog of profiles: the list at the left, the form of one at the right, and what can be done with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from deskq.brokers.opening import open_broker
from deskq.errors import UserError
from deskq.history.moving import save_with_history
from deskq.models.formats import count, plain
from deskq.profiles import PasswordStore, Profile, ProfileFile, SavedProfiles
from deskq.profiles.fields import BY_PLACE, SAFETY_WORDS, lowers_safety
from deskq.profiles.saved import find, free_name
from deskq.views import theme
from deskq.views.empty import plain_label
from deskq.views.profiles.exchange import ProfileExchange
from deskq.views.profiles.form import ProfileForm
from deskq.views.profiles.listing import ProfileList


class ProfileDialog(QDialog):
    """Edits the file of profiles; ``connect_requested`` carries a Profile with its passwords, ``removed`` a name.

    ``saved`` carries such a Profile and the name that it had before, "" if it is new.
    """

    connect_requested = Signal(object)
    removed = Signal(str)
    saved = Signal(object, str)

    def __init__(self, file: ProfileFile, passwords: PasswordStore, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Profiles")
        self.resize(900, 600)
        self._saved, self._passwords = SavedProfiles(file, passwords), passwords
        self._profiles: list[Profile] = []
        self._editing = ""
        self._clean: dict[str, str] = {}
        self._drafts: dict[str, dict[str, str]] = {}
        self._busy = ""
        self._problem = ""
        self._file_lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.list = ProfileList()
        self.list.setMaximumWidth(260)
        self.form = ProfileForm()
        self.exchange = ProfileExchange(self._saved, self._start, self)
        self.url, self.name, self.password = (self._line(place) for place in ("url", "name", "password"))
        if passwords.has_keyring:
            self.password.setPlaceholderText("kept in the system's keyring")
        self.message = plain_label(wrap=True)
        self.message.setMinimumHeight(self.fontMetrics().height() * 2)
        self.message.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.keep_in_file = QCheckBox("Keep passwords in a file that only you can read")
        self.keep_in_file.setToolTip(f"This system has no keyring. The file: {passwords.file_path}")
        self.keep_in_file.setChecked(passwords.file_allowed)
        layout = QHBoxLayout(self)
        layout.setSpacing(theme.GAP_L)
        layout.addLayout(self._make_left(), 1)
        layout.addLayout(self._make_right(), 3)
        self.list.chosen.connect(self._chosen)
        self.list.moved.connect(lambda name, before: self._start(self._move(name, before), "move"))
        self.list.delete_requested.connect(self._ask_delete)
        self.form.changed.connect(self._check)
        self.exchange.said.connect(self._say)
        self.exchange.chosen.connect(lambda profiles: self._start(self._import(profiles), "import"))
        self.keep_in_file.toggled.connect(lambda agreed: self._start(self._allow_file(agreed), "password file"))
        self._show(Profile(name="", url=""))
        self._start(self._load(), "load")

    def _line(self, place: str) -> QLineEdit:
        line = self.form.editors[place].line
        assert line is not None
        return line

    def _make_left(self) -> QVBoxLayout:
        self.add = self._tool("plus", "Add a profile", self.add_new)
        self.duplicate = self._tool("copy", "Duplicate this profile", self.duplicate_current)
        self.delete = self._tool("trash-2", "Delete this profile…", self._ask_delete)
        self.up = self._tool("arrow-up", "Move up (Alt+Up)", lambda: self.list.move_current(-1))
        self.down = self._tool("arrow-down", "Move down (Alt+Down)", lambda: self.list.move_current(1))
        tools = QHBoxLayout()
        tools.setSpacing(theme.GAP_S)
        for button in (self.add, self.duplicate, self.delete, self.up, self.down):
            tools.addWidget(button)
        tools.addStretch(1)
        menus = QHBoxLayout()
        for title, menu in (("Import…", self.exchange.import_menu), ("Export…", self.exchange.export_menu)):
            opener = QPushButton(title)
            opener.setAutoDefault(False)
            opener.setMenu(menu)
            menus.addWidget(opener)
        left = QVBoxLayout()
        left.addWidget(self.list, 1)
        left.addLayout(tools)
        left.addLayout(menus)
        return left

    def _make_right(self) -> QVBoxLayout:
        self.test = QPushButton(theme.icon("plug"), "Test connection")
        self.save = QPushButton("Save")
        self.connect_button = QPushButton("Save and connect")
        self.connect_button.setDefault(True)
        self.close_button = QPushButton("Close")
        bottom = QHBoxLayout()
        bottom.addWidget(self.test)
        bottom.addStretch(1)
        for button in (self.close_button, self.save, self.connect_button):
            bottom.addWidget(button)
        right = QVBoxLayout()
        right.addWidget(self.form, 1)
        right.addWidget(self.keep_in_file)
        right.addWidget(self.message)
        right.addLayout(bottom)
        self.test.clicked.connect(lambda: self._start(self._test(), "test"))
        self.save.clicked.connect(lambda: self._ask_save(None))
        self.connect_button.clicked.connect(lambda: self._ask_save(self.connect_requested.emit))
        self.close_button.clicked.connect(self.close)
        return right

    def _tool(self, icon: str, title: str, slot: Callable[[], object]) -> QToolButton:
        button = QToolButton()
        button.setIcon(theme.icon(icon))
        button.setToolTip(title)
        button.setAccessibleName(title)
        button.clicked.connect(lambda _checked=False: slot())
        return button

    def add_new(self, url: str = "") -> None:
        """Begin a new profile, of a URL if there is one."""
        self._begin(Profile(name="", url=""))
        self.url.setFocus()
        self._say("Paste a broker URL; the rest fills in.")
        if url:
            self.url.setText(url)
        elif "" in self._drafts:
            self.form.set_texts(self._drafts.pop(""))

    def duplicate_current(self) -> None:
        """Begin a new profile with the values of this one."""
        try:
            profile = self.form.profile()
        except UserError as error:
            self._say(str(error))
            return
        name = free_name(f"{profile.name} copy", [other.name for other in self._profiles])
        self._begin(replace(profile, name=name, history=None))
        self._say("A copy, not saved yet.")

    def reject(self) -> None:
        """Close; what is not saved is asked about."""
        self._keep_draft()
        if not self._drafts:
            super().reject()
            return
        box = self._box(
            f"Close without saving {count(len(self._drafts), 'changed profile')}?",
            ", ".join(plain(name or "the new one") for name in self._drafts),
        )
        discard = box.addButton("Discard changes", QMessageBox.ButtonRole.DestructiveRole)
        discard.clicked.connect(self._discard)
        box.open()

    def _discard(self) -> None:
        self._drafts.clear()
        self._clean = self.form.texts()
        super().reject()

    def _begin(self, profile: Profile) -> None:
        self._keep_draft()
        self.list.show_profiles(self._profiles, "", self._drafts)
        self._editing, self._busy = "", ""
        self._show(profile)

    def _show(self, profile: Profile) -> None:
        self.exchange.show_profiles(self._profiles, self._editing)
        self.form.taken = {other.name for other in self._profiles if other.name != self._editing}
        self.form.show_profile(profile, new=not self._editing)
        self._clean = self.form.texts()

    def _keep_draft(self) -> None:
        """What was typed and not saved stays until the dialog is closed."""
        texts = self.form.texts()
        if self._busy:
            return
        if texts != self._clean:
            self._drafts[self._editing] = texts
        else:
            self._drafts.pop(self._editing, None)

    def _chosen(self, name: str) -> None:
        self._keep_draft()
        self._editing = name
        self._busy = "Reading the passwords …"
        self._show(find(self._profiles, name))
        self.list.show_profiles(self._profiles, name, self._drafts)
        self._say("")
        self._start(self._fetch_passwords(name), "passwords")

    async def _fetch_passwords(self, name: str) -> None:
        profile = find(self._profiles, name)
        try:
            profile = await self._off_thread(partial(self._passwords.completed, profile))
        finally:
            if name == self._editing:
                self._busy = ""
                self._show(profile)
                if name in self._drafts:
                    self.form.set_texts(self._drafts.pop(name))
                    self._say("Changed, not saved yet.")

    async def _load(self) -> None:
        self._profiles = await self._one_by_one(self._saved.load)
        if not self.url.text():
            if self._profiles:
                self._show_list(self._profiles[0].name)
                self._chosen(self._profiles[0].name)
            else:
                self.add_new()

    def _ask_save(self, then: Callable[[Profile], object] | None) -> None:
        """Save, unless the level of safety sinks: that is asked about."""
        try:
            profile = self.form.profile()
        except UserError as error:
            self._say(str(error))
            return
        before = next((p for p in self._profiles if p.name == self._editing), None)
        if before is None or not lowers_safety(before, profile):
            self._start(self._save(profile, then), "save")
            return
        box = self._box(
            f"Make “{plain(profile.name)}” ({profile.environment.value}) less safe?",
            f"Now: {SAFETY_WORDS[before.safety]}.\nThen: {SAFETY_WORDS[profile.safety]}.",
        )
        lower = box.addButton("Lower safety", QMessageBox.ButtonRole.DestructiveRole)
        lower.clicked.connect(lambda: self._start(self._save(profile, then), "save"))
        box.open()

    async def _save(self, profile: Profile, then: Callable[[Profile], object] | None) -> None:
        was = self._editing
        profile, about_history = await self._one_by_one(lambda: save_with_history(self._saved, profile, was))
        self._profiles = await self._one_by_one(self._saved.load)
        self._drafts.pop(was, None)
        self._editing = profile.name
        self._show(profile)
        self._show_list(profile.name)
        said = self._passwords.problem if any(profile.secrets().values()) else ""
        self._say(" ".join(part for part in (f"Saved “{profile.name}”.", about_history, said) if part))
        if then is not None:
            if was and was != profile.name:
                self.removed.emit(was)
            then(profile)
            self.close()
        else:
            self.saved.emit(profile, was)

    async def _test(self) -> None:
        """Try the connection as it is written in the form; the one place to show more of it."""
        profile = self.form.profile()
        self.test.setEnabled(False)
        self._say("Testing …")
        try:
            product, version, queues = await self._off_thread(lambda: _look(profile))
            self._say(f"It works: {product} {version}, {count(queues, 'queue')} found.")
        finally:
            self.test.setEnabled(True)

    async def _move(self, name: str, before: str) -> None:
        self._profiles = await self._one_by_one(lambda: self._saved.move(name, before=before or None))
        self._show_list(self._editing)

    async def _delete(self, name: str) -> None:
        self._profiles = await self._one_by_one(lambda: self._saved.remove(name))
        self._drafts.pop(name, None)
        self._clean = self.form.texts()
        if self._profiles:
            self._chosen(self._profiles[0].name)
        else:
            self.add_new()
        self._say(f"Deleted “{name}”. Its history stays.")
        self.removed.emit(name)

    async def _allow_file(self, agreed: bool) -> None:
        try:
            await self._off_thread(self._passwords.allow_file if agreed else self._passwords.forget_file)
        finally:
            self.keep_in_file.blockSignals(True)
            self.keep_in_file.setChecked(self._passwords.file_allowed)
            self.keep_in_file.blockSignals(False)
        where = f"Passwords are kept in {self._passwords.file_path}."
        self._say(where if agreed else self._passwords.problem)

    async def _import(self, profiles: list[Profile]) -> None:
        self._profiles = await self._one_by_one(lambda: self._saved.add_all(profiles))
        names = [profile.name for profile in profiles]
        for name in names:
            self._drafts.pop(name, None)
        self._clean = self.form.texts()
        self._chosen(names[0])
        missing = "" if any(p.password for p in profiles) else " Passwords are not in it: type them."
        self._say(f"Imported {', '.join(names)}.{missing} {self._passwords.problem}".strip())

    def _ask_delete(self) -> None:
        if not self._editing:
            return
        name = self._editing
        box = self._box(f"Delete the profile “{plain(name)}” and its passwords?", "Its history stays.")
        delete = box.addButton("Delete profile", QMessageBox.ButtonRole.DestructiveRole)
        delete.clicked.connect(lambda: self._start(self._delete(name), "delete"))
        box.open()

    def _box(self, text: str, more: str) -> QMessageBox:
        """A question whose safe answer is the default."""
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(text)
        box.setInformativeText(more)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        return box

    def _check(self) -> None:
        """Say at once what is wrong; what cannot be saved is disabled, with the reason in the tooltip."""
        _, wrong = self.form.evaluate()
        self.form.show_problems(wrong)
        place = next(iter(wrong), "")
        reason = f"{BY_PLACE[place].name}: {wrong[place]}" if place and place != "url" else wrong.get(place, "")
        for button in (self.save, self.connect_button, self.test):
            button.setEnabled(not reason and not self._busy)
            button.setToolTip(reason or self._busy)
        shown = reason if self.url.text() else ""
        if shown or self.message.text() == self._problem:  # what else was said stays
            self._say(shown)
        self._problem = shown
        self.keep_in_file.setVisible(not self._passwords.has_keyring)
        for tool in (self.delete, self.up, self.down):
            tool.setEnabled(bool(self._editing))

    def _show_list(self, current: str) -> None:
        self.exchange.show_profiles(self._profiles, self._editing)
        self.list.show_profiles(self._profiles, current, self._drafts)

    def _say(self, text: str) -> None:
        self.message.setText(text)

    async def _one_by_one(self, work: Callable[[], Any]) -> Any:
        """What reads and writes the file, in the order in which it was asked for."""
        async with self._file_lock:
            return await self._off_thread(work)

    async def _off_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(None, work)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(work), name=f"profiles: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except UserError as error:
            self._say(str(error))


def _look(profile: Profile) -> tuple[str, str, int]:
    broker = open_broker(profile)
    try:
        server = broker.server()
        return server.product, server.version, len(broker.queue_names())
    finally:
        broker.close()
