"""What a result backend's record tells of a task, as a note of its newest attempt; pure."""

from __future__ import annotations

import json
from typing import Any, Final

from deskq.protocol import task_record as kinds
from deskq.protocol.task_attempts import Attempt
from deskq.protocol.task_record import Observation, epoch
from deskq.results.record import ResultRecord

_KINDS: Final = {
    "SUCCESS": kinds.STORED_SUCCESS,
    "FAILURE": kinds.STORED_FAILURE,
    "REVOKED": kinds.STORED_REVOKED,
    "IGNORED": kinds.STORED_IGNORED,
    "RETRY": kinds.STORED_RETRY,
}
_LONGEST: Final = 1_024
"""Characters of a result or an exception, as in events (``resultrepr_maxsize``)."""
_LONGEST_TRACEBACK: Final = 16_384
_EARLIER: Final = 1.0
"""Seconds by which a record may be older than the start of the attempt that it is of."""


def stored_note(record: ResultRecord | None, attempt: Attempt, now: float) -> Observation | None:
    """Return the note, None where there is no record, or one that is not of this attempt, or of none that ended.

    An id may be used again, and a task may be delivered again: what was stored before that says nothing of it.
    """
    kind = _KINDS.get(record.state or "") if record is not None else None
    if record is None or kind is None:
        return None
    done = epoch(record.date_done)
    if 0 <= done < attempt.last_time - _EARLIER:
        return None
    retries = max(attempt.retries, 0)
    if record.retries is not None and record.name is not None and record.retries < retries:
        return None
    if kind == kinds.STORED_RETRY and 0 < retries != record.retries:
        return None  # it has no time, and may be of an attempt before
    text = _result(record) if kind == kinds.STORED_SUCCESS else _exception(record)
    traceback = (record.traceback or "")[:_LONGEST_TRACEBACK]
    return Observation(kind, now, retries, attempt.worker, attempt.pid, done, text, traceback)


def _result(record: ResultRecord) -> str:
    """As events have it: a repr."""
    if record.kind != "json":
        return ""
    try:
        value: Any = json.loads(record.result)
    except (ValueError, RecursionError):
        return record.result[:_LONGEST]
    return repr(value)[:_LONGEST]


def _exception(record: ResultRecord) -> str:
    """As events have it: ``ValueError('no luck')``."""
    name, _, message = (record.exception or "").partition(": ")
    name = name.rpartition(".")[2]
    return f"{name}({message!r})"[:_LONGEST] if message else f"{name}()" if name else ""
