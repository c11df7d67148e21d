"""What follows from each delivery of a task: a later retry, or another message under the same id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from deskq.protocol import task_record as kinds
from deskq.protocol.task_attempts import TOLERANCE, Process
from deskq.protocol.task_record import Message, TaskRecord, tag_of


def name_messages(processes: Sequence[Process], record: TaskRecord) -> None:
    """Tell every delivery what was delivered; one that was seen before its observations bore a tag is left unnamed."""
    of_tag = {tag_of(message.name, message.args, message.kwargs): message for message in record.received_messages()}
    for process in processes:
        for delivery in process.deliveries:
            delivery.message = of_tag.get(process.seen[delivery.place].text)


class _Sign(NamedTuple):
    """That a message came in, or was sent by a child of a worker; ``time`` with the clock's difference taken out."""

    time: float
    retries: int
    source: int | str
    content: str


def mark_superseded(processes: Sequence[Process], record: TaskRecord) -> None:
    """Find the deliveries from which something follows: a later retry, or another message under the same id.

    In one process its order tells, else the times, as far as the measured differences of the clocks make them equal.
    """
    clocks = record.clocks
    of_machine = {_machine(process.hostname): clocks.get(process.hostname, 0.0) for process in processes}
    signs = [
        _Sign(o.timestamp - of_machine[_machine(o.hostname)], int(o.number), _machine(o.hostname), "")
        for o in record.observations
        if o.kind == kinds.SENT and _machine(o.hostname) in of_machine
    ]
    if len(processes) > 1:
        for number, process in enumerate(processes):
            ahead = clocks.get(process.hostname, 0.0)
            signs += [
                _Sign((d.attempt.received or 0.0) - ahead, d.attempt.retries, number, content_of(d.message))
                for d in process.deliveries
            ]
    followed = _followed(processes, clocks, sorted(signs, key=lambda sign: -sign.time))
    for number, process in enumerate(processes):
        highest, following = -1, ""
        for delivery in reversed(process.deliveries):
            attempt, content = delivery.attempt, content_of(delivery.message)
            delivery.superseded = (
                highest > attempt.retries or following not in ("", content) or (number, delivery.place) in followed
            )
            highest = max(highest, attempt.retries)
            following = content


def _followed(processes: Sequence[Process], clocks: dict[str, float], signs: Sequence[_Sign]) -> set[tuple[int, int]]:
    """Return the deliveries from which a sign of another process or of a child follows, as (process, place).

    ``signs``: the latest first. Each is met once: a record may hold hundreds, and as many processes.
    """
    deliveries = [
        ((d.attempt.received or 0.0) - clocks.get(process.hostname, 0.0) + TOLERANCE, number, d)
        for number, process in enumerate(processes)
        for d in process.deliveries
    ]
    own = [{content_of(d.message) for d in process.deliveries} | {""} for process in processes]
    sent: dict[str, int] = {}  # by machine, the most retries of what its children sent
    received: dict[str, dict[int, int]] = {}  # by message, the most retries in the two processes that had the most
    found: set[tuple[int, int]] = set()
    met = 0
    for since, number, delivery in sorted(deliveries, key=lambda delivery: -delivery[0]):
        while met < len(signs) and signs[met].time >= since:
            _, retries, source, content = signs[met]
            met += 1
            if isinstance(source, str):
                sent[source] = max(retries, sent.get(source, -1))
            else:
                most = received.setdefault(content, {})
                most[source] = max(retries, most.get(source, -1))
                if len(most) > 2:
                    del most[min(most, key=most.__getitem__)]
        later, another = sent.get(_machine(processes[number].hostname), -1), False
        for content, most in received.items():
            elsewhere = max((retries for source, retries in most.items() if source != number), default=-2)
            if content in ("", content_of(delivery.message)):
                later = max(later, elsewhere)
            another |= content not in own[number] and elsewhere > -2
        if another or later > delivery.attempt.retries:
            found.add((number, delivery.place))
    return found


def _machine(hostname: str) -> str:
    return hostname.rpartition("@")[2]


def content_of(message: Message | None) -> str:
    """Return what tells one message from another under the same id; "" if that is not known."""
    return f"{message.name}\0{message.args}\0{message.kwargs}" if message is not None else ""
