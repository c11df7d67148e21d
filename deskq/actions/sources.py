"""Where a retry's arguments come from beside the history's reprs: kept messages, the journal, the result backend."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from deskq.actions.journal import ItemRow, Journal, journal_path
from deskq.actions.retry import Candidate, Stored
from deskq.history.messages import read_messages
from deskq.profiles import Profile
from deskq.protocol.message import RawMessage, read_redis_message
from deskq.results.record import ResultRecord
from deskq.results.store import open_results


@contextlib.contextmanager
def stored_calls(profile: Profile) -> Iterator[Callable[[str], Stored | None] | None]:
    """Yield what looks a task's call up in the result backend, None without one. Blocking; raises UserError."""
    if not profile.result_backend:
        yield None
        return
    store = open_results(profile)
    try:
        yield lambda task_id: stored_call(store.get(task_id))
    finally:
        store.close()


def known_messages(profile: Profile, tasks: Sequence[str]) -> dict[str, RawMessage]:
    """Return the very messages of these tasks, by id: those the recorder saw waiting, and those that deskq sent.

    Blocking; raises UserError where the journal cannot be read.
    """
    raw: dict[str, bytes] = {}
    if journal_path().exists():
        with contextlib.closing(Journal()) as journal:
            raw = journal.sent_messages(tasks)
    raw |= read_messages(profile.history_path(), tasks)
    found: dict[str, RawMessage] = {}
    for uuid, message in raw.items():
        read = read_redis_message(message)
        if read is not None and read.id == uuid and read.content_type != "text/plain":  # a body that was left out
            found[uuid] = read
    return found


def retried_before(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Say of each candidate whether and how often it was retried before, as the journal has it.

    Blocking; raises UserError where the journal cannot be read.
    """
    before: dict[str, list[ItemRow]] = {}
    if journal_path().exists():  # it is made when something is done: that syncs the disk nine times
        with contextlib.closing(Journal()) as journal:
            before = journal.retries_of([one.row.uuid for one in candidates])
    found = []
    for one in candidates:
        earlier = before.get(one.row.uuid, [])
        when = (
            f" ({datetime.fromtimestamp(earlier[-1].at).astimezone():%Y-%m-%d %H:%M})"
            if len(before) == 1 and earlier
            else ""
        )
        losses = (*one.losses, f"it was retried before{when}") if earlier else one.losses
        found.append(replace(one, losses=losses, retried=len(earlier)))
    return found


def stored_call(record: ResultRecord | None) -> Stored | None:
    """Return the call of a record of ``result_extended``; django-celery-results keeps only the event's texts."""
    if record is None or not record.extended or record.arguments_are_reprs:
        return None
    if not isinstance(record.args, list) or not isinstance(record.kwargs, dict):
        return None
    return Stored(record.name or "", record.args, record.kwargs)
