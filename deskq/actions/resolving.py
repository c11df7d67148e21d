"""What became of the items whose outcome is unknown: looked up where they would be, never done again."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import Final

from deskq.actions import schedule_edit
from deskq.actions.journal.journal import ItemRow, Journal
from deskq.actions.plan import Outcome, Verb
from deskq.actions.workers import abort
from deskq.brokers.opening import open_publisher
from deskq.errors import UserError
from deskq.history.reading.reader import HistoryReader
from deskq.profiles import Profile

_STORED: Final = "checked afterwards: it was stored"


def resolve_unknown(journal: Journal, profile: Profile) -> dict[str, Outcome]:
    """Look for what became of the items of which nobody knows whether they were done; changes nothing but the journal.

    Tasks are looked for at the broker and in the event stream, changes of schedules in their stores, abortions in the
    result backend. Returns id -> outcome, for those that were found; the others stay unknown. Raises UserError.
    """
    tasks, schedules, aborts = (
        [item for verb in verbs for item in journal.unknown(profile.name, verb)]
        for verbs in ((Verb.SEND, Verb.RETRY), (Verb.SCHEDULE,), (Verb.ABORT,))
    )
    found: list[str] = []

    def done(item: ItemRow, words: str) -> None:
        journal.mark(item.action, [(item.number, Outcome.DONE, words)])
        found.append(item.new_id)

    for item in schedules:
        undo = schedule_edit.looked_for(json.loads(journal.message(item.action, item.number)), profile)
        if undo is not None:
            journal.keep_undo(item.action, [(item.number, undo)] if undo else [])
            done(item, _STORED)
    aborted = abort.found_aborted(profile, [item.source for item in aborts])
    for item in aborts:
        if item.source in aborted:
            done(item, _STORED)
    sent = _sent_ones(profile, [item.new_id for item in tasks])  # last, since it raises where the broker is away
    for item in tasks:
        if item.new_id in sent:
            done(item, "checked afterwards: it was sent")
    return dict.fromkeys(found, Outcome.DONE)


def _sent_ones(profile: Profile, ids: Sequence[str]) -> set[str]:
    """Which of these tasks the broker or the history knows."""
    if not ids:
        return set()
    publisher = open_publisher(profile)
    try:
        found = {new_id for new_id, there in publisher.resolve(ids).items() if there}
    finally:
        publisher.close()
    with contextlib.suppress(UserError), contextlib.closing(HistoryReader(profile.history_path())) as reader:
        found |= {new_id for new_id in ids if new_id not in found and reader.task_row(new_id) is not None}
    return found
