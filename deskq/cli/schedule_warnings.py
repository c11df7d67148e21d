"""What a listing of schedules says beside what their stores do: the same warnings as in the window."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from deskq.brokers.remote_control import RemoteControl
from deskq.cli.common import plain
from deskq.errors import UserError
from deskq.history.reading.reader import HistoryReader
from deskq.history.rows import TaskRow
from deskq.profiles import Profile
from deskq.schedules.model import Entry, ScheduleStore
from deskq.schedules.profile_reader import ScheduleRow
from deskq.schedules.timing.next_runs import due_since
from deskq.services.registered_tasks import Answers, answers_of
from deskq.services.schedules.known import Known, known_of, last_runs
from deskq.services.schedules.warnings import warnings_of


@dataclass(frozen=True, slots=True)
class Warnings:
    """What is known of the workers, and of the last runs of entries by their task and arguments."""

    known: Known = field(default_factory=Known)
    runs: Callable[[Entry], Sequence[TaskRow]] = lambda _: ()

    def of(
        self, entry: Entry, store: ScheduleStore, now: float, time_text: Callable[[float, float], str]
    ) -> tuple[str, ...]:
        """Return sentences; see warnings_of."""
        row = ScheduleRow(
            entry=entry,
            url=store.url,
            title=store.title,
            kind=store.kind,
            zone=getattr(entry.schedule, "zone", "") or store.zone,
            due_since=due_since(entry, store, now=now),
        )
        known = self.known
        return warnings_of(row, self.runs(entry), known.consumed, now, known.registered, time_text=time_text)


def warnings_for(profile: Profile | None, entries: Sequence[Entry]) -> Warnings:
    """Look into the profile's history, and ask its workers once, as the window does, what they have registered.

    Without a history, or without a recorder at work, there is that much less to say. Silent and read-only profiles
    ask nobody.
    """
    if profile is None or not profile.history_path().exists():
        return Warnings()
    try:
        with contextlib.closing(HistoryReader(profile.history_path())) as reader:
            known = known_of(reader, None)
            if known.online and profile.has_broker and profile.may_inspect_unasked:
                known = known_of(reader, _asked(profile, reader))
            runs = {id(entry): seen for entry, (seen, _) in zip(entries, last_runs(reader, entries), strict=True)}
            return Warnings(known, lambda entry: runs.get(id(entry), ()))
    except UserError as error:
        print(f"deskq: the history was not looked at: {plain(str(error))}", file=sys.stderr)
        return Warnings()


def _asked(profile: Profile, reader: HistoryReader) -> Answers | None:
    workers = [worker for worker in reader.workers() if worker.online or worker.unknown]
    try:
        with contextlib.closing(RemoteControl(profile)) as remote:
            answers = answers_of(remote, len(workers))
    except UserError as error:
        print(f"deskq: registered tasks are unknown: {plain(str(error))}", file=sys.stderr)
        return None
    return Answers(answers.at, answers.tasks, {worker.hostname: worker.pid for worker in workers})
