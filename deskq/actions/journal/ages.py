"""What the journal forgets: actions older than a year, as far as its own records confirm what the clock says.

Nobody who writes to the journal runs for long, so no monotonic clock tells them of a clock that was set. But a person
who acts leaves records: a clock that is right has some of two days in the two months before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

KEPT_SECONDS: Final = 366 * 86_400.0
NEWEST_KEPT: Final = 200
"""The newest actions stay whatever any clock says."""
_RECENT_SECONDS: Final = 60 * 86_400.0
_DAY: Final = 86_400.0
Ask = Callable[[str, tuple[Any, ...]], list[Any]]


def old_before(ask: Ask, now: float) -> float | None:
    """Return the moment before which actions are to be forgotten; None if none are, or the clock is not confirmed.

    Only looks, so that nobody who writes is waited for.
    """
    before = now - KEPT_SECONDS
    old = "SELECT 1 FROM actions WHERE at < ? AND rowid <= (SELECT max(rowid) FROM actions) - ? LIMIT 1"
    if not ask(old, (before, NEWEST_KEPT)):
        return None
    recent = "SELECT min(at), max(at) FROM actions WHERE at BETWEEN ? AND ?"
    first, last = ask(recent, (now - _RECENT_SECONDS, now))[0]
    return before if first is not None and last - first >= _DAY else None


def forget(ask: Ask, before: float) -> None:
    """Remove what is older, with its items, in the caller's transaction."""
    newest = ask("SELECT max(rowid) FROM actions", ())[0][0]
    for statement in (
        "DELETE FROM items WHERE action IN (SELECT id FROM actions WHERE at < ? AND rowid <= ?)",
        "DELETE FROM actions WHERE at < ? AND rowid <= ?",
    ):
        ask(statement, (before, (newest or 0) - NEWEST_KEPT))
