"""The dialog of profiles: the list at the left, the form of one at the right, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMessageBox, QWidget

from deskq.errors import UserError
from deskq.formats import count, plain
from deskq.history.recovery.relocate import save_with_history
from deskq.profiles import PasswordStore, Profile, ProfileFile, SavedProfiles
from deskq.profiles.importing.proposals import Proposal, save_all
from deskq.profiles.storage.confirmed_code import confirm
from deskq.profiles.storage.profile_store import find, free_name
from deskq.services.background.background_tasks import BackgroundTasks
from deskq.services.background.patience import InTurn, run_in_daemon_thread
from deskq.views.profiles.drafts import ProfileDrafts
from deskq.views.profiles.exchange import ProfileExchange
from deskq.views.profiles.form import first_problem
from deskq.views.profiles.frame import ProfileFrame
from deskq.views.profiles.lowering import LoweringGuard
from deskq.views.profiles.ordering import ProfileOrder
from deskq.views.profiles.password_place import PasswordPlace

END_SECONDS: Final = 2.0
SAVING: Final = "save"  # the name of the task that saves


class ProfileDialog(ProfileFrame):
    """Edits the file of profiles; ``connect_requested`` carries a Profile with its passwords, ``removed`` a name.

    ``saved`` carries such a Profile and the name that it had before, "" if it is new.
    """

    connect_requested = Signal(object)
    removed = Signal(str)
    saved = Signal(object, str)

    def __init__(self, file: ProfileFile, passwords: PasswordStore, parent: QWidget | None = None) -> None:
        self._saved, self._passwords = SavedProfiles(file, passwords), passwords
        self._tasks = BackgroundTasks(self._say)
        keeping = PasswordPlace(passwords, self._tasks, self._say)
        super().__init__(ProfileExchange(self._saved, self._tasks.start), keeping, parent)
        self._profiles: list[Profile] = []
        self._editing = ""
        self._drafts = ProfileDrafts(self.form)
        self._busy = ""
        self._problem = ""
        self._in_turn = InTurn()  # what reads and writes the file
        self._order = ProfileOrder(self._saved, self._in_turn, self._ordered)
        self._guard = LoweringGuard(file, self._in_turn, self._tasks, self._box)
        self.add.clicked.connect(lambda _checked=False: self.add_new())
        self.duplicate.clicked.connect(self.duplicate_current)
        self.delete.clicked.connect(self._ask_delete)
        self.test.clicked.connect(self._test)
        self.save.clicked.connect(lambda: self._ask_save(None))
        self.connect_button.clicked.connect(lambda: self._ask_save(self.connect_requested.emit))
        self.list.chosen.connect(self._chosen)
        self.list.moved.connect(self._moved)
        self.list.delete_requested.connect(self._ask_delete)
        self.form.changed.connect(self._check)
        self.exchange.said.connect(self._say)
        self.exchange.chosen.connect(lambda found: self._guard.take(found, partial(self._import, found), "import"))
        self._show(Profile(name="", url=""))
        self._tasks.start(self._load(), "load")
        self._tasks.start(keeping.refresh(), "where passwords are kept")

    def add_new(self, url: str = "") -> None:
        """Begin a new profile, of a URL if there is one."""
        self._begin(Profile(name="", url=""))
        self.url.setFocus()
        self._say("Paste a broker URL to fill in the other fields.")
        if url:
            self.url.setText(url)
        else:
            self._drafts.restore("")

    def duplicate_current(self) -> None:
        """Begin a new profile with the values of this one."""
        try:
            profile = self.form.profile()
        except UserError as error:
            self._say(str(error))
            return
        name = free_name(f"{profile.name} copy", [other.name for other in self._profiles])
        self._begin(replace(profile, name=name, history=None))
        self._say("Unsaved copy.")

    def release(self, done: Callable[[], object] = lambda: None) -> None:
        """Delete the dialog as soon as nothing of it goes on any more, and say that it is ``done``."""
        self.steps.stop()

        def leave() -> None:
            self.deleteLater()
            done()

        self._tasks.when_ended(leave)

    async def end(self) -> None:
        """Let what is under way come to its end, unless that takes too long: a keyring may wait for a person."""
        await self._tasks.wait(END_SECONDS)
        self._tasks.cancel()
        await self._tasks.wait()

    def reject(self) -> None:
        """Close, after what is being saved; what is not saved is asked about."""
        if self._tasks.running(SAVING):
            self._say("Closes when the profile is saved.")
            self._tasks.when_ended(self._close_saved, SAVING)
            return
        self._drafts.keep(self._editing)
        if not self._drafts.names:
            super().reject()
            return
        box = self._box(
            f"Close without saving {count(len(self._drafts.names), 'changed profile')}?",
            ", ".join(plain(name or "the new profile") for name in self._drafts.names),
        )
        discard = box.addButton("Discard changes", QMessageBox.ButtonRole.DestructiveRole)
        discard.clicked.connect(self._discard)
        box.open()

    def _close_saved(self) -> None:
        self._drafts.keep(self._editing)
        if not self._drafts.names:  # else it could not be saved, or there is more to save
            super().reject()

    def _discard(self) -> None:
        self._drafts.clear()
        super().reject()

    def _begin(self, profile: Profile) -> None:
        self._drafts.keep(self._editing)
        self.list.show_profiles(self._profiles, "", self._drafts.names)
        self._editing, self._busy = "", ""
        self._show(profile)

    def _show(self, profile: Profile) -> None:
        self.show_form()
        self.exchange.show_profiles(self._profiles, self._editing)
        self.form.taken = {other.name for other in self._profiles if other.name != self._editing}
        self.form.show_profile(profile, new=not self._editing)
        self._drafts.settle()

    def _chosen(self, name: str) -> None:
        self._drafts.keep(self._editing)
        self._editing = name
        self._busy = "Reading the passwords…"
        self._show(find(self._profiles, name))
        self._say("")
        if self._drafts.restore(name):
            self._say("Unsaved changes.")
        self._show_list(name)
        self._tasks.start(self._fetch_passwords(name), "passwords")

    async def _fetch_passwords(self, name: str) -> None:
        """Fill in the passwords; what was typed meanwhile stays. Nothing can be saved before, lest they be lost."""
        profile = find(self._profiles, name)
        try:
            profile = await run_in_daemon_thread(partial(self._passwords.completed, profile))
        finally:
            if name == self._editing and self._busy:
                self._busy = ""
                self._drafts.settle_secrets(self.form.show_secrets(profile))

    async def _load(self) -> None:
        self._profiles = await self._in_turn(self._saved.load)
        self._say(" ".join(one.reason for one in self._saved.file.faulty))
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
        self._guard.save(before, profile, partial(self._save, profile, then), SAVING)

    async def _save(self, profile: Profile, then: Callable[[Profile], object] | None) -> None:
        was = self._editing
        known = {store for one in self._profiles for store in one.schedule_stores}
        await self._in_turn(lambda: confirm(set(profile.schedule_stores) - known))  # those were typed here
        profile, about_history = await self._in_turn(lambda: save_with_history(self._saved, profile, was))
        self._profiles = await self._in_turn(self._saved.load)
        self._drafts.drop(was)
        if self._editing == was:  # nobody has chosen another one meanwhile
            self._editing, self._busy = profile.name, ""
            self._show(profile)
        self._show_list(self._editing)
        said = (await self.keep_in_file.refresh()).problem if any(profile.secrets().values()) else ""
        self._say(" ".join(part for part in (f"Saved “{profile.name}”.", about_history, said) if part))
        if then is not None:
            if was and was != profile.name:
                self.removed.emit(was)
            then(profile)
            self.close()
        else:
            self.saved.emit(profile, was)

    def _test(self) -> None:
        """Try the connection as it is written in the form, step by step; again: back to the form."""
        if self.centre.currentWidget() is self.steps:
            self.show_form()
            return
        try:
            profile = self.form.profile()
        except UserError as error:
            self._say(str(error))
            return
        self._say("")
        self.show_steps()
        self.steps.run(profile)

    def _moved(self, name: str, before: str) -> None:
        """The order of the list counts at once; the file follows."""
        order = self.list.names()
        self._profiles.sort(key=lambda profile: order.index(profile.name))
        self._tasks.start(self._order.move(name, before), "move")

    def _ordered(self, profiles: list[Profile]) -> None:
        self._profiles = profiles
        self._show_list(self._editing)

    async def _delete(self, name: str) -> None:
        self._profiles = await self._in_turn(lambda: self._saved.remove(name))
        self._drafts.drop(name)
        self._drafts.settle()
        if self._profiles:
            self._chosen(self._profiles[0].name)
        else:
            self.add_new()
        self._say(f"Deleted “{name}”. Its history stays.")
        self.removed.emit(name)

    async def _import(self, proposals: list[Proposal]) -> None:
        self._profiles = await self._in_turn(partial(save_all, self._saved, proposals))
        names = [proposal.profile.name for proposal in proposals]
        for name in names:
            self._drafts.drop(name)
        self._drafts.settle()
        self._chosen(names[0])
        bare = ", ".join(one.profile.name for one in proposals if not one.profile.password)
        missing = f" No password came with {bare}. Enter it if the broker needs one." if bare else ""
        problem = (await self.keep_in_file.refresh()).problem
        self._say(f"Imported {', '.join(names)}.{missing} {problem}".strip())
        for name in names:
            self.saved.emit(await run_in_daemon_thread(partial(self._saved.named, name)), "")

    def _ask_delete(self) -> None:
        if not self._editing:
            return
        name = self._editing
        box = self._box(f"Delete the profile “{plain(name)}” and its passwords?", "Its history stays.")
        delete = box.addButton("Delete profile", QMessageBox.ButtonRole.DestructiveRole)
        delete.clicked.connect(lambda: self._tasks.start(self._delete(name), "delete"))
        box.open()

    def _check(self) -> None:
        """Say at once what is wrong; what cannot be saved is disabled, with the reason in the tooltip."""
        _, wrong = self.form.evaluate()
        self.form.show_problems(wrong)
        reason = first_problem(wrong)
        self.allow(reason or self._busy, listed=bool(self._editing))
        shown = reason if self.url.text() else ""
        if shown or self.message.text() == self._problem:  # what else was said stays
            self._say(shown)
        self._problem = shown

    def _show_list(self, current: str) -> None:
        self.exchange.show_profiles(self._profiles, self._editing)
        self.list.show_profiles(self._profiles, current, self._drafts.names)
