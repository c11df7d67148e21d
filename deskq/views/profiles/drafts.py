"""What was typed into the form of profiles and not saved: it stays until the dialog is closed."""

from __future__ import annotations

from collections.abc import Collection

from deskq.views.profiles.form import Draft, ProfileForm


class ProfileDrafts:
    """Drafts of ``form`` by the profile's name, "" for the new one."""

    def __init__(self, form: ProfileForm) -> None:
        self._form = form
        self._drafts: dict[str, Draft] = {}
        self._clean: dict[str, str] = {}

    @property
    def names(self) -> Collection[str]:
        """Whose drafts there are."""
        return self._drafts.keys()

    def settle(self) -> None:
        """What the form shows now is what is saved."""
        self._clean = self._form.texts()

    def settle_secrets(self, texts: dict[str, str]) -> None:
        """The passwords were read only now: place -> text."""
        self._clean |= texts

    def keep(self, name: str) -> None:
        """Keep what the form shows of this profile, if it is not what is saved."""
        if self._form.texts() != self._clean:
            self._drafts[name] = self._form.draft()
        else:
            self.drop(name)

    def restore(self, name: str) -> bool:
        """Show the draft of this profile, if there is one."""
        if name not in self._drafts:
            return False
        self._form.show_draft(self._drafts.pop(name))
        return True

    def drop(self, name: str) -> None:
        """Forget the draft of this profile."""
        self._drafts.pop(name, None)

    def clear(self) -> None:
        """Forget all drafts, and what the form shows."""
        self._drafts.clear()
        self.settle()
