"""What an earlier process left open in the journal, closed by whoever opens it next."""

from __future__ import annotations

import time

from deskq.actions.journal.database import JournalUnwritable
from deskq.actions.journal.journal import Journal


def look_after(journal: Journal) -> list[str]:
    """Close the actions whose process died and forget what is too old; return the ids of those that were closed.

    Nothing is sent again. A journal that cannot be written stays as it is.
    """
    try:
        interrupted = journal.recover()
        journal.forget_old(time.time())
    except JournalUnwritable:
        return []
    return interrupted
