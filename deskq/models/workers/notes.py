"""What is worth a look about a worker: a clock that is off, a name that is used twice, tasks it did not tell of."""

from __future__ import annotations

from typing import Final

from deskq import formats
from deskq.history.rows import WorkerRow

CLOCK_BADGE_SECONDS: Final = 2.0


def clock_notes(row: WorkerRow) -> list[str]:
    """Return what makes this worker's times doubtful."""
    notes = []
    if row.duplicate_name:
        notes.append("duplicate worker name")
    if row.clock_difference is not None and abs(row.clock_difference) > CLOCK_BADGE_SECONDS:
        word = "ahead" if row.clock_difference > 0 else "behind"
        notes.append(f"clock {formats.duration(abs(row.clock_difference))} {word}")
    return notes


def worker_notes(row: WorkerRow) -> str:
    """Return all that is worth a look, "" if nothing is."""
    notes = ["events off"] if row.events_enabled is False else []
    notes += clock_notes(row)
    if row.missed:
        notes.append(f"{row.missed:,} tasks without events")
    return ", ".join(notes)
