"""What a store tells of the runs that were, and of one that did not come."""

from __future__ import annotations

from typing import Final

from deskq.schedules.model import Entry, StoreKind

LATE_SECONDS: Final = {StoreKind.REDBEAT: 60.0, StoreKind.DJANGO: 300.0, StoreKind.FILE: 300.0}
"""How late an entry is before it is said. redbeat's beat moves the next run on at once, others note runs all 3 min."""


def late_since(entry: Entry, kind: StoreKind, due_since: float | None, now: float) -> float | None:
    """Return since when it should have run, if that is long enough to say that nobody ran it.

    ``due_since``: what the schedule says, for stores that do not tell when an entry is due.
    """
    due = entry.due_at if entry.due_at is not None else due_since
    if due is None or not 0 < due < now or not entry.enabled or entry.problem:
        return None
    return due if due < now - LATE_SECONDS.get(kind, 60.0) else None


def last_run(entry: Entry, kind: StoreKind) -> float | None:
    """Return when it last ran by the store's word, None if it never did.

    redbeat and celery's own file date the last run of what has never run to when it was added, without a count.
    """
    ran = bool(entry.total_run_count) or (entry.total_run_count is None and kind is not StoreKind.REDBEAT)
    return entry.last_run_at if ran else None
