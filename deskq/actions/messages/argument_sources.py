"""Candidates for a retry: where their arguments and places come from, and who retried them before.

Asked are kept messages, the journal, the history, the result backend, and workers where they may be asked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from deskq.actions.journal.journal import Journal, journal_path
from deskq.actions.messages.attendance import ExchangeTypes, active_queues, exchange_types, unregistered
from deskq.actions.messages.earlier import Earlier, earlier_retries
from deskq.actions.messages.places import QueueSource, Routes, Workers, app_places, place_of
from deskq.actions.messages.retry_candidates import Candidate, Grade, Stored, candidate, with_loss
from deskq.brokers.routing import Route, bindings_of
from deskq.errors import UserError
from deskq.history.reading.reader import HistoryReader
from deskq.history.rows import TaskRow
from deskq.history.writing.message_cache import read_messages
from deskq.profiles import Profile
from deskq.protocol.message import RawMessage, read_redis_message
from deskq.results.opening import open_results
from deskq.results.record import ResultRecord


def gather(
    profile: Profile, rows: Sequence[TaskRow], *, queue: str = "", target: Profile | None = None
) -> list[Candidate]:
    """Return a candidate for each task of a profile. Blocking; raises UserError.

    ``queue``: where all of them are sent, "" for where each came from; ``target``: the profile at which they are sent,
    if it is another one.
    """
    messages = known_messages(profile, [row.uuid for row in rows])
    with stored_calls(profile) as stored:
        records = {
            row.uuid: record
            for row in rows
            if stored is not None and row.uuid not in messages and (record := stored(row.uuid)) is not None
        }
    places = _places(profile, rows, messages, records, ask_app=not queue)
    routes = Routes(target or profile, _kinds(target or profile, places.values()))
    found = [
        candidate(
            row,
            message=messages.get(row.uuid),
            stored=records.get(row.uuid),
            origin=_origin(places[row.uuid], routes),
            queue=queue,
        )
        for row in rows
    ]
    witnesses = {} if queue else {uuid: place.witness for uuid, place in places.items() if place.witness}
    found = [with_loss(one, witnesses[one.row.uuid]) if one.row.uuid in witnesses else one for one in found]
    found = [with_loss(one, one.route.doubt) if one.route is not None and one.route.doubt else one for one in found]
    return retried_before(_named(found, target or profile), profile, target)


@contextlib.contextmanager
def stored_calls(profile: Profile) -> Iterator[Callable[[str], Stored | None] | None]:
    """Yield what looks a task up in the result backend, None without one. Blocking; raises UserError."""
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


def retried_before(candidates: Sequence[Candidate], profile: Profile, target: Profile | None = None) -> list[Candidate]:
    """Mark the candidates that have been retried before, by anyone.

    Blocking; raises UserError where the journal cannot be read.
    """
    profiles = [profile] if target is None else [profile, target]
    before = earlier_retries(profiles, [one.row.uuid for one in candidates])
    found = []
    for one in candidates:
        earlier = before.get(one.row.uuid)
        if earlier:
            told = f"it has already been retried{_when(list(earlier.values())) if len(before) == 1 else ''}"
            found.append(replace(with_loss(one, told), earlier=frozenset(earlier)))
        else:
            found.append(one)
    return found


def stored_call(record: ResultRecord | None) -> Stored | None:
    """Return what a record tells of a task; django-celery-results keeps only the event's texts of its arguments."""
    if record is None:
        return None
    stored = Stored(record.name or "", queue=record.queue or "", in_group=bool(record.group_id))
    if not record.extended or record.arguments_are_reprs:
        return stored
    if not isinstance(record.args, list) or not isinstance(record.kwargs, dict):
        return stored
    return replace(stored, args=record.args, kwargs=record.kwargs)


def _when(earlier: Sequence[Earlier]) -> str:
    last = earlier[-1]
    state = f", {last.state}" if last.state else ""
    return f" ({datetime.fromtimestamp(last.at).astimezone():%Y-%m-%d %H:%M}{state})"


def _places(
    profile: Profile,
    rows: Sequence[TaskRow],
    messages: Mapping[str, RawMessage],
    records: Mapping[str, Stored],
    *,
    ask_app: bool,
) -> dict[str, QueueSource]:
    workers = Workers()
    unplaced = [row for row in rows if row.uuid not in messages and not row.queue and not row.exchange]
    if unplaced:
        workers = _workers(profile, {row.worker for row in unplaced})
    found = {
        row.uuid: place_of(
            row,
            workers,
            message=messages.get(row.uuid),
            recorded=records[row.uuid].queue if row.uuid in records else "",
        )
        for row in rows
    }
    if ask_app and (lost := [row for row in rows if found[row.uuid].problem]):
        names = {row.uuid: (records[row.uuid].name if row.uuid in records else "") or row.name for row in lost}
        told = app_places(profile, filter(None, names.values()))
        for row in lost:
            place = told.get(names[row.uuid])
            own = workers.queues.get(row.worker, ())
            if place is not None and (not own or not place.queue or place.queue in own):  # else it came another way
                found[row.uuid] = place
    return found


def _workers(profile: Profile, names: set[str]) -> Workers:
    """The queues of workers: as they say now, else as the history has them."""
    queues: dict[str, Sequence[str]] = {}
    with contextlib.suppress(UserError), contextlib.closing(HistoryReader(profile.history_path())) as reader:
        rows = [worker for worker in reader.workers() if worker.queues and not worker.duplicate_name]
        queues = {worker.hostname: worker.queues for worker in rows}
    replies: Mapping[str, object] = {}
    with contextlib.suppress(UserError):
        replies = active_queues(profile) or {}
    told = {worker: sorted({one.queue for one in bindings_of({worker: reply})}) for worker, reply in replies.items()}
    return Workers(queues | {worker: found for worker, found in told.items() if found}, bindings_of(replies))


def _kinds(profile: Profile, places: Iterable[QueueSource]) -> ExchangeTypes:
    """The types of exchanges, which Redis does not keep, where some are needed."""
    if not profile.transport.workers_tell_exchange_types or not any(place.exchange for place in places):
        return {}
    return exchange_types(profile)


def _origin(place: QueueSource, routes: Routes) -> str | Route | QueueSource:
    if place.queue:
        return place.queue
    if not place.exchange:
        return place
    route = routes.of(place)
    if isinstance(route, Route):
        return route
    return replace(
        place, problem=f"it was sent through an exchange that no longer reaches a queue: {route.rstrip('.')}"
    )


def _named(candidates: Sequence[Candidate], profile: Profile) -> list[Candidate]:
    """Say of names that only events told whether workers know them: a shadow takes the name's place there."""
    doubtful = {one.name for one in candidates if one.grade in (Grade.REBUILT, Grade.MANUAL)}
    unknown = unregistered(profile, doubtful)
    return [
        with_loss(
            one, f"no replying worker knows a task “{one.name}”: the name may be a shadow, and workers would discard it"
        )
        if one.name in unknown and one.grade in (Grade.REBUILT, Grade.MANUAL)
        else one
        for one in candidates
    ]
