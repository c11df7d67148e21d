"""Marking records as ABORTED, the one thing that deskq writes into a result backend: never over a result.

Tasks of celery.contrib.abortable look for that state and stop. Celery's own ``abort()`` overwrites what is stored,
whatever it is; here the record is compared and set in one step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, Protocol

from deskq.results.store import ResultStore

ABORTED: Final = "ABORTED"
READY: Final = frozenset({"SUCCESS", "FAILURE", "REVOKED"})
"""States whose record is a result (celery/states.py, READY_STATES)."""
TRIES: Final = 20
"""How often it is tried anew where somebody else wrote meanwhile, as a task does that tells of its progress."""
TOO_BUSY: Final = "The result changes too often to be marked. Nothing was stored. Try again."


class AbortResult(NamedTuple):
    """How it ended for one record; ``outcome`` as in actions/plan.py."""

    outcome: Literal["done", "gone", "failed", "unknown"]
    words: str


NOT_TOLD: Final = AbortResult("done", "Stored (confirmed by reading it back).")
NOT_KNOWN: Final = AbortResult("unknown", "The connection was lost while writing; the state may have been stored.")


class AbortStore(ResultStore, Protocol):
    """A result store that can mark records; used by one thread."""

    def mark(self, task_id: str, *, expires: float | None, create_missing: bool) -> AbortResult:
        """Mark one record unless it is a result; raises UserError where the store cannot be reached.

        ``expires``: seconds from now, 0 = never, None = as the record expires already. ``create_missing``: also where
        nothing is stored yet; what the workers can read is not known then.
        """


def skip_reason(state: object) -> AbortResult | None:
    """Say why a record in this state is left alone, None if it may be marked."""
    if state in READY:
        return AbortResult("gone", f"The task has already ended ({state}): its result stays.")
    return AbortResult("gone", "The task was already aborted.") if state == ABORTED else None


def marked(before: object) -> AbortResult:
    """Say that it was done, and what was there before."""
    return AbortResult("done", f"stored; it was {before}" if before else "stored; there was no record before")


def not_begun(task_id: str) -> AbortResult:
    """Say why nothing is stored where nothing was."""
    return AbortResult(
        "failed",
        f"No record of {task_id}, and its workers do not store results as JSON: they could not read an abort.",
    )


def meta_of(task_id: str, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record that Celery's ``abort()`` stores, with what the one before says beside its result."""
    empty = {"status": ABORTED, "result": None, "traceback": None, "children": None, "date_done": None}
    kept = {key: value for key, value in before.items() if key not in ("status", "result", "traceback", "date_done")}
    return {**empty, **kept, "task_id": task_id}
