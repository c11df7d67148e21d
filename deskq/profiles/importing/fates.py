"""What an import makes of each setting of a project: taken, not needed, or lost, and why."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum


class Fate(StrEnum):
    """What became of a setting."""

    LOST = "cannot be kept"
    TAKEN = "taken"
    NOT_NEEDED = "not needed"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as Celery or Django calls it. ``words``: into what it was taken, or because of what it is lost."""

    name: str
    fate: Fate
    words: str = ""

    def __str__(self) -> str:
        if self.fate is Fate.LOST:
            return f"{self.name}: {self.fate}, because {self.words}"
        return f"{self.name}: {self.fate}" + (f" ({self.words})" if self.words else "")


def _is_inner(setting: Setting) -> bool:
    """Part of a table, or one of Django's: these are not Celery's own."""
    return "." in setting.name or setting.name.isupper()


@dataclass(slots=True)
class Fates:
    """Collects settings; the first word about each one counts."""

    _found: dict[str, Setting] = field(default_factory=dict)

    def taken(self, name: str, words: str = "") -> None:
        """It is in the profile."""
        self._add(name, Fate.TAKEN, words)

    def not_needed(self, name: str, words: str = "") -> None:
        """It means nothing to deskq."""
        self._add(name, Fate.NOT_NEEDED, words)

    def lost(self, name: str, because: str) -> None:
        """It means something, and no profile can hold it; ``because``: the rest of the sentence."""
        self._add(name, Fate.LOST, because)

    def of_project(self, given: Collection[str]) -> tuple[Setting, ...]:
        """Return what is lost, then what was taken, each kind by name.

        ``given``: Celery's settings that the project makes; a default is taken, too, and nobody has to be told.
        """
        order = list(Fate)
        named = [one for one in self._found.values() if one.fate is Fate.LOST or one.name in given or _is_inner(one)]
        return tuple(sorted(named, key=lambda one: (order.index(one.fate), one.name)))

    def _add(self, name: str, fate: Fate, words: str) -> None:
        self._found.setdefault(name, Setting(name, fate, words))
