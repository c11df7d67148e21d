"""The dialog of profiles: the list at the left, the form of one at the right, and what can be done with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMessageBox, QWidget

from deskq.errors import UserError
from deskq.formats import count, plain
from deskq.history.recovery.relocate import save_with_history
from deskq.profiles import PasswordStore, Profile, ProfileFile, SavedProfiles
from deskq.profiles.fields import BY_PLACE, SAFETY_WORDS, lowers_safety
from deskq.profiles.guarding import left_unguarded, lower_than_guarded
from deskq.profiles.importing.proposals import Proposal, save_all
from deskq.profiles.storage.confirmed_code import confirm
from deskq.profiles.storage.password_store import PasswordStorage
from deskq.profiles.storage.profile_store import find, free_name
from deskq.services.background.background_tasks import BackgroundTasks
from deskq.services.background.patience import patiently
from deskq.views.profiles.exchange import ProfileExchange
from deskq.views.profiles.form import Draft
from deskq.views.profiles.frame import ProfileFrame

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
        super().__init__(ProfileExchange(self._saved, self._tasks.start), parent)
        self._profiles: list[Profile] = []
        self._editing = ""
        self._clean: dict[str, str] = {}
        self._drafts: dict[str, Draft] = {}
        self._busy = ""
        self._moves = 0
        self._problem = ""
        self._file_lock = asyncio.Lock()
        self.keep_in_file.setToolTip(f"This system has no keyring. Passwords would go into {passwords.file_path}")
        self.keep_in_file.hide()
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
        self.exchange.chosen.connect(lambda proposals: self._tasks.start(self._import_if_guarded(proposals), "import"))
        self.keep_in_file.toggled.connect(lambda agreed: self._tasks.start(self._allow_file(agreed), "password file"))
        self._show(Profile(name="", url=""))
        self._tasks.start(self._load(), "load")
        self._tasks.start(self._show_keeping(), "where passwords are kept")

    def add_new(self, url: str = "") -> None:
        """Begin a new profile, of a URL if there is one."""
        self._begin(Profile(name="", url=""))
        self.url.setFocus()
        self._say("Paste a broker URL to fill in the other fields.")
        if url:
            self.url.setText(url)
        elif "" in self._drafts:
            self.form.show_draft(self._drafts.pop(""))

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
        self._keep_draft()
        if not self._drafts:
            super().reject()
            return
        box = self._box(
            f"Close without saving {count(len(self._drafts), 'changed profile')}?",
            ", ".join(plain(name or "the new profile") for name in self._drafts),
        )
        discard = box.addButton("Discard changes", QMessageBox.ButtonRole.DestructiveRole)
        discard.clicked.connect(self._discard)
        box.open()

    def _close_saved(self) -> None:
        self._keep_draft()
        if not self._drafts:  # else it could not be saved, or there is more to save
            super().reject()

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
        self.show_form()
        self.exchange.show_profiles(self._profiles, self._editing)
        self.form.taken = {other.name for other in self._profiles if other.name != self._editing}
        self.form.show_profile(profile, new=not self._editing)
        self._clean = self.form.texts()

    def _keep_draft(self) -> None:
        """What was typed and not saved stays until the dialog is closed."""
        if self.form.texts() != self._clean:
            self._drafts[self._editing] = self.form.draft()
        else:
            self._drafts.pop(self._editing, None)

    def _chosen(self, name: str) -> None:
        self._keep_draft()
        self._editing = name
        self._busy = "Reading the passwords…"
        self._show(find(self._profiles, name))
        self._say("")
        if name in self._drafts:
            self.form.show_draft(self._drafts.pop(name))
            self._say("Unsaved changes.")
        self._show_list(name)
        self._tasks.start(self._fetch_passwords(name), "passwords")

    async def _fetch_passwords(self, name: str) -> None:
        """Fill in the passwords; what was typed meanwhile stays. Nothing can be saved before, lest they be lost."""
        profile = find(self._profiles, name)
        try:
            profile = await patiently(partial(self._passwords.completed, profile))
        finally:
            if name == self._editing and self._busy:
                self._busy = ""
                self._clean |= self.form.show_secrets(profile)

    async def _load(self) -> None:
        self._profiles = await self._one_by_one(self._saved.load)
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
        if before is not None and not lowers_safety(before, profile) and before.url == profile.url:
            self._tasks.start(self._save(profile, then), SAVING)
        elif before is not None and lowers_safety(before, profile):
            self._ask_to_lower(
                f"Lower the safety level of “{plain(profile.name)}” ({profile.environment.value})?",
                f"Current: {SAFETY_WORDS[before.safety]}.\nNew: {SAFETY_WORDS[profile.safety]}.",
                partial(self._save, profile, then),
                SAVING,
            )
        else:
            self._tasks.start(self._save_if_guarded(profile, self._editing, then), SAVING)

    async def _save_if_guarded(self, profile: Profile, was: str, then: Callable[[Profile], object] | None) -> None:
        """Save a profile of another broker than before, unless a safer profile guards that: then it is asked about."""
        reason = await self._lower(profile, was)
        before = next((one for one in self._profiles if one.name == was), None)
        if not reason and before is not None:
            others = await self._one_by_one(self._saved.file.guards)
            reason = await patiently(partial(left_unguarded, before, profile, others))
        if not reason:
            await self._save(profile, then)
            return
        self._ask_to_lower(
            f"Save “{plain(profile.name)}” with a lower safety level?",
            plain(reason),
            partial(self._save, profile, then),
            SAVING,
        )

    async def _lower(self, profile: Profile, was: str = "") -> str:
        """Return which safer profile guards the broker of one that is to be saved, as a sentence, "" if none does."""
        others = await self._one_by_one(lambda: [one for one in self._saved.file.guards() if one.name != was])
        reason: str = await patiently(partial(lower_than_guarded, profile, others))
        return reason

    def _ask_to_lower(self, question: str, why: str, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        box = self._box(question, why)
        lower = box.addButton("Lower safety", QMessageBox.ButtonRole.DestructiveRole)
        lower.clicked.connect(lambda: self._tasks.start(work(), name))
        box.open()

    async def _save(self, profile: Profile, then: Callable[[Profile], object] | None) -> None:
        was = self._editing
        known = {store for one in self._profiles for store in one.schedule_stores}
        await self._one_by_one(lambda: confirm(set(profile.schedule_stores) - known))  # those were typed here
        profile, about_history = await self._one_by_one(lambda: save_with_history(self._saved, profile, was))
        self._profiles = await self._one_by_one(self._saved.load)
        self._drafts.pop(was, None)
        if self._editing == was:  # nobody has chosen another one meanwhile
            self._editing, self._busy = profile.name, ""
            self._show(profile)
        self._show_list(self._editing)
        said = (await self._show_keeping()).problem if any(profile.secrets().values()) else ""
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
        self._moves += 1
        self._tasks.start(self._move(name, before, self._moves), "move")

    async def _move(self, name: str, before: str, number: int) -> None:
        problem: UserError | None = None
        try:
            profiles = await self._one_by_one(lambda: self._saved.move(name, before=before or None))
        except UserError as error:
            problem = error
            profiles = await self._one_by_one(self._saved.load)
        if number == self._moves:  # else the list has changed since, and the file follows
            self._profiles = profiles
            self._show_list(self._editing)
        if problem is not None:
            raise problem

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
            await patiently(self._passwords.allow_file if agreed else self._passwords.forget_file)
        finally:
            keeping = await self._show_keeping()
        self._say(f"Passwords are kept in {self._passwords.file_path}." if agreed else keeping.problem)

    async def _show_keeping(self) -> PasswordStorage:
        """Show where passwords are kept; the file is offered only where there is no keyring."""
        keeping: PasswordStorage = await patiently(self._passwords.keeping)
        self.password.setPlaceholderText("kept in the system's keyring" if keeping.has_keyring else "")
        self.keep_in_file.setVisible(not keeping.has_keyring)
        self.keep_in_file.blockSignals(True)
        self.keep_in_file.setChecked(keeping.file_allowed)
        self.keep_in_file.blockSignals(False)
        return keeping

    async def _import_if_guarded(self, proposals: list[Proposal]) -> None:
        reasons = [reason for proposal in proposals if (reason := await self._lower(proposal.profile))]
        if not reasons:
            await self._import(proposals)
            return
        self._ask_to_lower(
            "Import with a lower safety level?",
            plain(" ".join(reasons)),
            partial(self._import, proposals),
            "import",
        )

    async def _import(self, proposals: list[Proposal]) -> None:
        self._profiles = await self._one_by_one(partial(save_all, self._saved, proposals))
        names = [proposal.profile.name for proposal in proposals]
        for name in names:
            self._drafts.pop(name, None)
        self._clean = self.form.texts()
        self._chosen(names[0])
        missing = "" if any(one.profile.password for one in proposals) else " The file holds no passwords: enter them."
        problem = (await self._show_keeping()).problem
        self._say(f"Imported {', '.join(names)}.{missing} {problem}".strip())
        for name in names:
            self.saved.emit(await patiently(partial(self._saved.named, name)), "")

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
        place = next(iter(wrong), "")
        reason = f"{BY_PLACE[place].name}: {wrong[place]}" if place and place != "url" else wrong.get(place, "")
        for button in (self.save, self.connect_button, self.test):
            button.setEnabled(not reason and not self._busy)
            button.setToolTip(reason or self._busy)
        shown = reason if self.url.text() else ""
        if shown or self.message.text() == self._problem:  # what else was said stays
            self._say(shown)
        self._problem = shown
        for tool in (self.delete, self.up, self.down):
            tool.setEnabled(bool(self._editing))

    def _show_list(self, current: str) -> None:
        self.exchange.show_profiles(self._profiles, self._editing)
        self.list.show_profiles(self._profiles, current, self._drafts)

    async def _one_by_one(self, work: Callable[[], Any]) -> Any:
        """What reads and writes the file, in the order in which it was asked for."""
        async with self._file_lock:
            return await patiently(work)
