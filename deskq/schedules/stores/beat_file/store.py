"""Celery's own ``celerybeat-schedule``: when each entry ran last and how often, of a copy that nothing can run in."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from deskq.errors import UserError
from deskq.profiles.importing.reader_process import read_settings
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
    at_once,
)
from deskq.schedules.stores.code.store import entry_of
from deskq.schedules.timing.zones import zone_of

READ_SECONDS: Final = 15.0
_SCRIPT: Final = Path(__file__).with_name("script.py")
_ENDINGS: Final = ("", ".db", ".dat", ".dir", ".bak", ".pag", "-wal")
_MOST_BYTES: Final = 64 * 1024 * 1024
_WHY_NOT: Final = (
    "A celerybeat-schedule is read-only: beat keeps the file open and overwrites it. Change beat_schedule in the "
    "app's code."
)


class BeatFileStore:
    """See ScheduleStore. ``path``: as ``celery beat --schedule`` takes it, without what dbm puts behind it.

    The file is copied and the copy is read, so that beat never waits for a lock; a copy taken in the middle of beat's
    writing may be unreadable, and the next one is not.
    """

    kind = StoreKind.FILE

    def __init__(self, path: str) -> None:
        if not path:
            raise StoreError("Add the file's path, like celerybeat-schedule:/var/run/celerybeat-schedule.")
        self._path = Path(path).expanduser()
        self.url = f"{StoreKind.FILE}:{path}"
        self.title = f"celerybeat-schedule {self._path}"
        self.zone = "UTC"
        self.abilities = Abilities(kinds=frozenset(), why_not=_WHY_NOT)

    def read(self) -> StoreContent:
        """See ScheduleStore. In another process, at most READ_SECONDS."""
        with tempfile.TemporaryDirectory(prefix="deskq-beat-") as folder:
            written = self._copy(Path(folder))
            try:
                found = read_settings(
                    [str(Path(folder) / self._path.name)],
                    what=str(self._path),
                    folder=Path(folder),
                    python=None if getattr(sys, "frozen", False) else Path(sys.executable),
                    timeout=READ_SECONDS,
                    script=_SCRIPT,
                )
            except UserError as error:
                reason = str(error).partition(" cannot be imported: ")[2].partition(". Check its name")[0]
                said = f"Cannot read {self._path}: {reason}." if reason else str(error)
                raise StoreError(said, error.details) from None
        zone = str(found.get("zone") or "UTC")
        try:
            zone_of(zone)
            self.zone = zone
        except UserError:
            self.zone = "UTC"
        origin = f"the app's beat_schedule, as beat saved it in {self._path}"
        entries = []
        values = found.get("entries")
        for value in values if isinstance(values, list) else []:
            entry = entry_of(value["entry"], self.zone, owner=Owner.CODE, origin=origin)
            entries.append(
                replace(entry, last_run_at=value["last_run_at"], total_run_count=value["total_run_count"], raw="")
            )
        beat = BeatEvidence(last=written, words="Beat writes this file every 3 minutes and when it stops.")
        return StoreContent(entries=tuple(entries), beat=beat, read_at=time.time())

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

    def _copy(self, folder: Path) -> float:
        """Copy the file in all its parts; returns when it was written last."""
        parts = [self._path.with_name(self._path.name + ending) for ending in _ENDINGS]
        try:
            found = [(part, part.stat()) for part in parts if part.is_file()]
            if not found:
                raise StoreError(f"The file {self._path} does not exist. Use the path of celery beat --schedule.")
            if sum(status.st_size for _, status in found) > _MOST_BYTES:
                raise StoreError(f"{self._path} is far too large for a celerybeat-schedule.")
            for part, _ in found:
                shutil.copyfile(part, folder / part.name)
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read: {error.strerror}. Check its permissions.") from None
        return max(status.st_mtime for _, status in found)
