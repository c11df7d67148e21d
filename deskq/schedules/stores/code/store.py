"""The ``beat_schedule`` of an app, read in a process of its own; it is changed in the code, not here."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any, Final

from deskq.errors import UserError
from deskq.profiles.importing.reader_process import read_settings
from deskq.profiles.storage.confirmed_code import is_confirmed
from deskq.schedules.model import (
    Abilities,
    BeatEvidence,
    Entry,
    NotEditable,
    Owner,
    Reading,
    StoreContent,
    StoreError,
    StoreKind,
    Unreadable,
    at_once,
)
from deskq.schedules.text.toml import entry_from_plain
from deskq.schedules.timing.validation import check
from deskq.schedules.timing.zones import zone_of

READ_SECONDS: Final = 30.0
_SCRIPT: Final = Path(__file__).with_name("script.py")
_WHY_NOT: Final = "A beat_schedule is read-only: change it in the app's code, then restart beat."


class CodeStore:
    """See ScheduleStore. ``app``: as ``celery -A`` takes it; ``path``: the folder to import from, "" for the present
    one; ``python``: the project's, "" to look for it there. Reading runs the project's code.

    ``of_profile``: how the profile spells the store that names it, "" where a person does; then it is read only once
    it is confirmed on this machine, since profiles come from others too.
    """

    kind = StoreKind.CODE

    def __init__(self, app: str, *, path: str = "", python: str = "", of_profile: str = "") -> None:
        if not app or app.startswith("-"):
            raise StoreError("Write the app as for celery -A, like code:proj.app.")
        self.app, self._of_profile = app, of_profile
        self._folder = Path(path).expanduser() if path else Path.cwd()
        self._python = Path(python) if python else None
        self.url = f"{StoreKind.CODE}:{app}" + (f"?path={path}" if path else "")
        self.title = f"beat_schedule of {app}"
        self.zone = "UTC"
        self.abilities = Abilities(kinds=frozenset(), why_not=_WHY_NOT)

    def read(self) -> StoreContent:
        """See ScheduleStore. Imports the app in another process, at most READ_SECONDS."""
        found = self._ask()
        warnings = []
        zone = str(found.get("zone") or "UTC")
        try:
            zone_of(zone)
            self.zone = zone
        except UserError as error:
            warnings.append(f"The app's timezone is unknown here: {error}")
        origin = f"beat_schedule of {self.app}" + (f", {found['file']}" if found.get("file") else "")
        values = found.get("entries")
        entries = tuple(
            entry_of(value, self.zone, owner=Owner.CODE, origin=origin)
            for value in (values if isinstance(values, list) else [])
            if isinstance(value, dict)
        )
        return StoreContent(entries=entries, beat=BeatEvidence(), warnings=tuple(warnings), read_at=time.time())

    def routes(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return where the app sends tasks: ``queue``, or ``exchange`` and ``routing_key``, by name, if it has them.

        Blocking, as ``read`` is; raises StoreError.
        """
        found = self._ask("--routes", json.dumps(sorted(set(names)))).get("routes")
        told = found if isinstance(found, dict) else {}
        return {name: {str(key): str(part) for key, part in place.items()} for name, place in told.items()}

    def _ask(self, *more: str) -> dict[str, Any]:
        """Let the project's Python answer, if that has been confirmed here."""
        if self._of_profile and not is_confirmed(self._of_profile):
            raise StoreError(
                f"Reading “{self._of_profile}” runs code: {self._python or 'Python'} imports {self.app} in "
                f"{self._folder}. This has not been confirmed on this machine. If you trust the code, read it once: "
                f"deskq schedules list {quote(self._of_profile)}"
            )
        try:
            return read_settings(
                ["-A", self.app, *more],
                what=self.app,
                folder=self._folder,
                python=self._python,
                timeout=READ_SECONDS,
                script=_SCRIPT,
            )
        except UserError as error:
            raise StoreError(str(error), error.details) from None

    def read_in_parts(self) -> Reading:
        """See ScheduleStore. It has no parts."""
        return at_once(self)

    def replace(self, old: Entry | None, new: Entry | None, *, change_shared: bool = False) -> Entry | None:
        """See ScheduleStore. Always raises NotEditable."""
        raise NotEditable(self.abilities.why_not)

    def check(self, old: Entry | None, new: Entry) -> None:
        """See ScheduleStore. Always raises NotEditable."""
        raise NotEditable(self.abilities.why_not)

    def close(self) -> None:
        """See ScheduleStore."""


def entry_of(value: Mapping[str, Any], zone: str, *, owner: Owner, origin: str) -> Entry:
    """Return the entry of plain values that a process printed; what is wrong with them is its ``problem``."""
    name = str(value.get("name") or "")
    try:
        entry = entry_from_plain(value)
        problem = check(entry.schedule, zone)
    except UserError as error:
        problem = str(error)
        entry = Entry(
            name=name, task=str(value.get("task") or ""), schedule=Unreadable(repr(value.get("schedule")), problem)
        )
    return replace(entry, key=name, owner=owner, origin=origin, problem=problem, raw=repr(dict(value)))
