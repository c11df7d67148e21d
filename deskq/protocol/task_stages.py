"""The attempts of a task in the order in which they happened, its stages, and which attempt counts.

A *stage* is what one message set going, with its retries and its deliveries: ``Task.replace`` sends another message
under the same id, and a client may use an id again. Times tell the order of different workers only as far as their
clocks agree; ``TaskRecord.clocks`` holds the differences that a recorder measured. Whatever needs no clock comes first:
a process's own order, the numbers of the retries, and that a message which was given back is not the last one.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import merge
from typing import Final

from deskq.protocol import task_record as kinds
from deskq.protocol.task_attempts import TOLERANCE, Attempt, Process, processes_of
from deskq.protocol.task_followers import content_of, mark_superseded, name_messages
from deskq.protocol.task_notes import apply_notes
from deskq.protocol.task_record import Message, Observation, TaskRecord, tag_of

_OVER: Final = frozenset({kinds.SUCCEEDED, kinds.FAILED, kinds.REVOKED})
_UNKNOWN: Final = frozenset({None, kinds.ENDED, kinds.UNSEEN})


def replayed(record: TaskRecord) -> tuple[list[Attempt], Attempt]:
    """Return the attempts, in the order in which they happened, and the one that counts (one of them, or an empty one).

    A pure function of the record.
    """
    processes = processes_of(record.observations)
    if record.more is not None and record.more.messages:
        name_messages(processes, record)
    mark_superseded(processes, record)
    message = record.message
    again = message is not None and message.retries == 0 and message.parent_id == record.uuid
    for process in processes:
        process.replay(again)
    attempts = _in_order(processes, record.clocks)
    _place_custom(attempts, processes, record.observations)
    _number(attempts)
    messages = {id(d.attempt): d.message for p in processes for d in p.deliveries if d.message is not None}
    if len(attempts) > 1:
        _settle(attempts, messages, record.clocks)
    _place_sent(attempts, [o for o in record.observations if o.kind == kinds.SENT])
    if attempts:
        _count_stages(attempts, messages, record.clocks, again)
    current = _current(attempts, record.clocks) if attempts else Attempt()
    notes = [observation for observation in record.observations if observation.kind >= kinds.LOST]
    return attempts, apply_notes(attempts, current, notes) if notes else current


def message_of(attempt: Attempt, record: TaskRecord) -> Message | None:
    """Return the message that set an attempt going, as far as the record has kept it: of one that was kept no longer
    the arguments are unknown, and the name is where all others have the same.
    """
    if record.more is not None and record.more.messages and attempt.received is not None:
        by_tag = {tag_of(m.name, m.args, m.kwargs): m for m in record.received_messages()}
        found = [
            seen
            for seen in record.observations
            if seen.kind == kinds.RECEIVED
            and (seen.hostname, seen.pid, seen.timestamp) == (attempt.worker, attempt.pid, attempt.received)
            and max(int(seen.number), 0) == attempt.retries
        ]
        if found:
            tag = min(found).text  # a set has no order of its own
            if tag and tag not in by_tag and record.message is not None:
                same = all(message.name == record.message.name for message in by_tag.values())
                return record.message._replace(name=record.message.name if same else "", args="", kwargs="")
            return by_tag.get(tag, record.message)
    return record.message


def _in_order(processes: Sequence[Process], clocks: dict[str, float]) -> list[Attempt]:
    """Merge the processes' attempts by their times; what one process did stays in its order."""
    queues = [[d.attempt for d in process.deliveries] for process in processes]
    return list(merge(*queues, key=lambda attempt: _when(attempt, clocks)))


def _when(attempt: Attempt, clocks: dict[str, float]) -> tuple[float, str, int]:
    return (attempt.first_time - clocks.get(attempt.worker, 0.0), attempt.worker, attempt.pid)


def _place_custom(attempts: list[Attempt], processes: Sequence[Process], observations: set[Observation]) -> None:
    """A task's own event comes from the child that runs it, so only its worker's name and the time tell whose it is."""
    custom = sorted((o for o in observations if o.kind == kinds.CUSTOM), key=lambda o: (o.timestamp, o))
    for seen in custom:
        of_worker = [a for a in attempts if a.worker == seen.hostname]
        begun = [a for a in of_worker if _began(a) <= seen.timestamp]
        owner = begun[-1] if begun else of_worker[0] if of_worker else None
        if owner is None:
            owner = Attempt(worker=seen.hostname)
            attempts.append(owner)
            for note in (note for process in processes for note in process.unplaced):
                if note.hostname == seen.hostname:
                    owner.ending, owner.noticed = note.kind, note.timestamp
        owner.custom = seen.text


def _began(attempt: Attempt) -> float:
    if attempt.received is not None:
        return attempt.received
    return attempt.started if attempt.started is not None else attempt.first_time


def _number(attempts: list[Attempt]) -> None:
    """Give a retry number to attempts of which only a start or an end was seen."""
    previous: Attempt | None = None
    for attempt in attempts:
        if attempt.retries < 0:
            if previous is None:
                attempt.retries = 0
            else:
                attempt.retries = previous.retries + (previous.ending == kinds.RETRIED)
        previous = attempt


def _settle(attempts: list[Attempt], messages: dict[int, Message], clocks: dict[str, float]) -> None:
    """Where clocks leave the order open, let the numbers and the endings decide."""
    if len({a.retries for a in attempts}) == len(attempts) and len(set(map(content_of, messages.values()))) < 2:
        attempts.sort(key=lambda a: a.retries)
        return
    times = {id(attempt): _when(attempt, clocks)[0] for attempt in attempts}
    for i in range(1, len(attempts)):
        place = i
        while place and _belongs_before(attempts[place], attempts[place - 1], messages, times):
            attempts[place - 1], attempts[place] = attempts[place], attempts[place - 1]
            place -= 1


def _belongs_before(later: Attempt, earlier: Attempt, messages: dict[int, Message], times: dict[int, float]) -> bool:
    if (later.worker, later.pid) == (earlier.worker, earlier.pid):
        return False
    if times[id(later)] - times[id(earlier)] > TOLERANCE:
        return False
    goes_on = later.ending is None or _given_back(later) or later.ending == kinds.RETRIED
    if content_of(messages.get(id(later))) != content_of(messages.get(id(earlier))):
        return goes_on and _is_over(earlier)  # what was replaced has no end of its own
    return later.retries < earlier.retries and (later.ending == kinds.RETRIED or not _is_over(earlier))


def _given_back(attempt: Attempt) -> bool:
    """Did it leave the task to a further delivery, so that it cannot be what came of the task?"""
    noted = attempt.ending is not None and attempt.ending >= kinds.LOST
    return noted or attempt.requeued or attempt.ending == kinds.CANCELLED


def _place_sent(attempts: list[Attempt], sent: list[Observation]) -> None:
    """Give each attempt the message that was sent for it; one that nobody has received is an attempt to come."""
    by_number: dict[int, list[float]] = {}
    for seen in sorted(sent, key=lambda o: (o.timestamp, o)):
        by_number.setdefault(max(int(seen.number), 0), []).append(seen.timestamp)
    for number, times in sorted(by_number.items()):
        same = [a for a in attempts if a.retries == number]
        if len(times) <= len(same):
            for attempt, at in zip(same, times, strict=False):
                attempt.sent = at
            continue
        for attempt in reversed(same):
            fitting = [at for at in times if at <= _began(attempt) + TOLERANCE] or times[:1]
            attempt.sent = fitting[-1]
            times.remove(fitting[-1])
        for at in times:
            waiting = Attempt(retries=number, sent=at)
            place = len(attempts)
            while place and attempts[place - 1].first_time > at and (same or attempts[place - 1].retries > number):
                place -= 1
            attempts.insert(place, waiting)


def _count_stages(attempts: list[Attempt], messages: dict[int, Message], clocks: dict[str, float], again: bool) -> None:
    """Number the stages: another name begins one, and so does a message for a task that had come to its end.

    ``again``: the newest message was sent by the task itself and is no retry, so that an equal one is no redelivery.
    """
    stage = 0
    newest = attempts[0]
    message = messages.get(id(newest))
    for attempt in attempts:
        message = messages.get(id(attempt), message)
        if message is not None:
            messages[id(attempt)] = message
        attempt.name = message.name if message is not None else ""
        if attempt is not newest:
            known = messages.get(id(newest))
            renamed = content_of(message) != content_of(known) and (
                attempt.retries <= newest.retries or attempt.name != newest.name
            )
            same = again and attempt.retries == 0 and newest.started is not None and newest.ending in _UNKNOWN
            if renamed or same:
                newest.replaced = newest.ending in _UNKNOWN
                stage += 1
                newest = attempt
            elif attempt.retries <= newest.retries and _is_over(newest) and _came_after(attempt, newest, clocks):
                stage += 1
                newest = attempt
            elif attempt.retries >= newest.retries:
                newest = attempt
        attempt.stage = stage


def _is_over(attempt: Attempt) -> bool:
    return attempt.ending in _OVER or (attempt.ending == kinds.REJECTED and not attempt.requeued)


def _came_after(attempt: Attempt, newest: Attempt, clocks: dict[str, float]) -> bool:
    if (attempt.worker, attempt.pid) == (newest.worker, newest.pid):
        return True  # they are in the order of their process
    ended = (newest.finished or 0.0) - clocks.get(newest.worker, 0.0)
    open_ended = _given_back(attempt) or attempt.ending == kinds.RETRIED  # so it may have been before
    return _when(attempt, clocks)[0] > ended + (TOLERANCE if open_ended else 0.0)


def _current(attempts: list[Attempt], clocks: dict[str, float]) -> Attempt:
    """Of the last stage the last retry; of its deliveries the last that was not given back, nor found to be gone."""
    last = attempts[-1].stage

    def rank(place: int) -> tuple[int, int, float, bool, int]:
        attempt = attempts[place]
        noted = attempt.ending is not None and attempt.ending >= kinds.LOST
        known = 0 if noted else 1 if _given_back(attempt) else 2
        seen = [t for t in (attempt.received, attempt.started, attempt.finished) if t is not None]
        time = max(seen) - clocks.get(attempt.worker, 0.0) if seen else attempt.sent or 0.0
        return (attempt.retries, known, time, attempt.ending is not None, place)

    return attempts[max((n for n, a in enumerate(attempts) if a.stage == last), key=rank)]
