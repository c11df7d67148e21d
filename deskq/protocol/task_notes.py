"""What recorders noted of a task that no event told of, applied to its attempts: a pure function of the record.

A note is an observation of a kind from LOST on. ``timestamp`` is when it was noticed, by the recorder's clock.
``number`` is the attempt's end or its last sign of life by its worker's clock (of RUNNING: its start), -1 where nothing
tells. ``text`` and ``traceback`` are what the result backend holds: a failure's exception, what a success returned.

LOST, ENDED and UNSEEN stand directly behind the last that the worker's process said (``clock``). The others are of the
newest attempt: ``clock`` is its number of retries, and ``hostname`` and ``pid`` are its worker's, or "" and -1 as long
as none has received it. Where an event is known that goes further than the note, the note says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from deskq.protocol import task_record as kinds
from deskq.protocol.task_attempts import Attempt
from deskq.protocol.task_record import Observation

STORED: Final = frozenset(range(kinds.STORED_SUCCESS, kinds.STORED_RETRY + 1))
NEVER_RECEIVED: Final = "expired, never received"
_GUESSED: Final = frozenset({None, kinds.LOST, kinds.ENDED, kinds.UNSEEN})
_GOES_ON: Final = frozenset({kinds.RETRIED, kinds.CANCELLED})
_WEIGHT: Final = {kinds.RUNNING: 0, kinds.EXPIRED: 1, kinds.GONE: 1, kinds.STORED_RETRY: 2}
"""What counts where several recorders noted different things; the rest, a stored outcome, counts most."""


def apply_notes(attempts: list[Attempt], current: Attempt, notes: Iterable[Observation]) -> Attempt:
    """Write the notes into the attempts, whose newest is ``current``; returns the newest, which may be one more."""
    newest: list[Observation] = []
    for note in notes:
        if note.kind > kinds.UNSEEN:
            newest.append(note)
            continue
        for attempt in attempts:
            noted = (attempt.ending, attempt.noticed, attempt.worker) == (note.kind, note.timestamp, note.hostname)
            if noted and attempt.finished is None:
                _end(attempt, note)
    newest.sort(key=_weight)
    begun = current.started is not None or bool(current.custom)
    runs = [note for note in newest if note.kind == kinds.RUNNING]
    if runs and not begun and current.ending is None and _is_of(runs[-1], current):
        started = runs[-1].number if runs[-1].number >= 0 else runs[-1].timestamp
        current.started, current.noticed = started, runs[-1].timestamp
    for note in reversed(newest[len(runs) :]):
        about = _attempt_of(note, attempts, current, begun)
        if about is not None:
            _tell(about, note)
            return about
    return current


def _weight(note: Observation) -> tuple[int, float, Observation]:
    return (_WEIGHT.get(note.kind, 3), note.number, note)


def _is_of(note: Observation, current: Attempt) -> bool:
    return (note.clock, note.hostname, note.pid) == (max(current.retries, 0), current.worker, current.pid)


def _attempt_of(note: Observation, attempts: list[Attempt], current: Attempt, begun: bool) -> Attempt | None:
    """Return the attempt that the note is about: the newest, or one that must have followed it; None: it is past."""
    if current.ending in _GUESSED:
        return current if _is_of(note, current) and not (begun and note.kind in (kinds.EXPIRED, kinds.GONE)) else None
    follows = current.retries + (current.ending == kinds.RETRIED)
    if note.hostname or note.clock != follows or not (current.ending in _GOES_ON or current.requeued):
        return None
    attempts.append(Attempt(retries=follows, stage=current.stage, name=current.name))
    return attempts[-1]


def _tell(attempt: Attempt, note: Observation) -> None:
    _end(attempt, note)
    if note.kind == kinds.EXPIRED:
        attempt.revoked = NEVER_RECEIVED
    elif note.kind == kinds.STORED_SUCCESS:
        attempt.result = note.text
    elif note.kind == kinds.STORED_REVOKED:
        attempt.revoked = note.text or "revoked"
    elif note.kind in STORED:
        attempt.exception, attempt.traceback = note.text, note.traceback


def _end(attempt: Attempt, note: Observation) -> None:
    """Its end is the last that is known by its worker's clock; a recorder noticed at another time, by another clock."""
    attempt.ending, attempt.noticed, attempt.finished = note.kind, note.timestamp, None
    last = attempt.last_time
    attempt.finished = max(note.number, last) if note.number >= 0 else last or None
