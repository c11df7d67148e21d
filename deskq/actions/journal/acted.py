"""deskq's own actions at a broker, for its recorder: queues it sent to, time of the last control command."""

from __future__ import annotations

import contextlib
from typing import Any, Final

import apsw

from deskq.actions.journal.database import open_file
from deskq.actions.journal.journal import journal_path
from deskq.actions.journal.stamp import NO_JOURNAL, Stamp, journal_stamp
from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.recorder.poller import Acted

_SENT: Final = (
    "SELECT DISTINCT i.queue FROM items i JOIN actions a ON a.id = i.action WHERE i.rowid > ?3 AND i.rowid <= ?4 "
    "AND a.verb IN ('send', 'retry') AND (a.profile = ?1 OR a.place = ?2)"
)
_STEERED: Final = (
    "SELECT coalesce(max(coalesce(ended, at)), 0.0) FROM actions "
    "WHERE verb IN ('tell workers', 'pause') AND (profile = ?1 OR place = ?2)"
)


class JournalOfActs:
    """Called now and then by one thread; reads what was added to the journal since. Without one nothing was done."""

    def __init__(self, profile: Profile) -> None:
        self._place = (profile.name, profile.url)
        self._stamp: Stamp = NO_JOURNAL
        self._read = 0
        self._acted = Acted()

    def __call__(self) -> Acted | None:
        """Return what was done at this broker so far, None if the journal has not changed or cannot be read."""
        stamp = journal_stamp()
        if stamp == self._stamp:
            return None
        try:
            with contextlib.closing(open_file(journal_path())) as journal, journal:
                newest: Any = journal.execute("SELECT coalesce(max(rowid), 0) FROM items").get
                sent = journal.execute(_SENT, (*self._place, self._read, newest)).fetchall()
                steered: Any = journal.execute(_STEERED, self._place).get
        except (UserError, apsw.Error, OSError):
            return None  # it is said where somebody acts
        # What goes through an exchange is written with all the queues behind it.
        queues = {name for (target,) in sent for name in str(target).split(", ") if name}
        self._stamp, self._read = stamp, newest
        self._acted = Acted(self._acted.queues | queues, float(steered))
        return self._acted
