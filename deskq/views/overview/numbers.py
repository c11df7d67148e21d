"""The line of numbers at the top of the overview: what was not counted is a dash or unknown, never 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from deskq import formats
from deskq.history.rows import QueueRow, WorkerRow
from deskq.models.overview.overview import OverviewFacts, consumer_words, worker_words
from deskq.services.session import ProfileSession
from deskq.views.widgets import theme

NUMBERS: Final = 6


def numbers(sessions: Sequence[ProfileSession], facts: Mapping[str, OverviewFacts], span: str) -> tuple[str, ...]:
    """Return NUMBERS texts; "" where there is nothing to say. Of several brokers the queues are named with theirs."""
    read = list(facts.values())
    counted = [known_tasks(session, facts.get(session.profile.name)) for session in sessions]
    groups: dict[str, int] = dict.fromkeys(theme.STATE_COLOURS, 0)
    for one in read:
        for state, n in one.counts.by_state.items():
            groups[theme.state_group(state)] += n
    failed = sum(one.failures.count for one in read)
    least = "≥ " if any(one.failures.capped for one in read) else ""
    workers = [worker for one in read for worker in one.workers]
    queues = _queues(sessions, facts)

    def number(value: int, least: str = "") -> str:
        if not any(counted):
            return formats.NONE
        return f"{least if all(counted) else '≥ '}{formats.number(value)}"

    return (
        f"Waiting {number(groups['waiting'])}",
        f"Running {number(groups['running'])}",
        f"Failed {number(failed, least)} in {span}" if any(counted) else f"Failed {formats.NONE}",
        _workers_words(workers, sessions),
        _fullest_words(queues, sessions),
        _consumers_words(queues, sessions),
    )


def known_tasks(session: ProfileSession, facts: OverviewFacts | None) -> bool:
    """Are its tasks counted? 0 is what was counted only where somebody listened."""
    return facts is not None and (session.heard or facts.counts.total > 0 or bool(facts.workers))


def fullest(queues: Sequence[QueueRow]) -> QueueRow | None:
    """Return the queue with the most messages, None if none is known to have any."""
    known = [queue for queue in queues if queue.exists and queue.ready is not None]
    return max(known, key=lambda queue: queue.ready or 0, default=None)


def broker_line(session: ProfileSession, facts: OverviewFacts | None) -> str:
    """Return the sentence of one of several brokers."""
    name = formats.plain(session.profile.name)
    if facts is None or not (session.heard or facts.counts.total or facts.workers or facts.queues):
        return f"{name}: unknown."
    there = [queue for queue in facts.queues if queue.exists]
    ready = formats.total(queue.ready for queue in there) if there or session.queues_known else formats.NONE
    failed = f"{'≥ ' if facts.failures.capped else ''}{facts.failures.count:,}"
    online = sum(worker.online for worker in facts.workers)
    unknown = sum(worker.unknown for worker in facts.workers)
    more = f", {unknown:,} unknown" if unknown else ""
    workers = f"{formats.count(online, 'worker')} online{more}" if facts.workers else "no workers seen"
    return f"{name}: {ready} ready, {failed} failed, {workers}."


def _queues(sessions: Sequence[ProfileSession], facts: Mapping[str, OverviewFacts]) -> list[QueueRow]:
    """The queues that exist, by names that tell them apart."""
    several = len(sessions) > 1
    return [
        replace(queue, name=f"{queue.name} ({profile})") if several else queue
        for profile, one in facts.items()
        for queue in one.queues
        if queue.exists
    ]


def _workers_words(workers: Sequence[WorkerRow], sessions: Sequence[ProfileSession]) -> str:
    heard = [session.heard for session in sessions]
    if not workers and not any(heard):
        return "Workers unknown"
    others = ", others unknown" if len(sessions) > 1 and not all(heard) else ""
    return f"{worker_words(workers)}{others}"


def _consumers_words(queues: Sequence[QueueRow], sessions: Sequence[ProfileSession]) -> str:
    """Of queues that are unknown nothing is claimed: only a queue without a consumer is always told."""
    if not queues:
        return ""
    words = consumer_words(queues)
    return words if words.startswith("No consumer") or all(session.queues_known for session in sessions) else ""


def _fullest_words(queues: Sequence[QueueRow], sessions: Sequence[ProfileSession]) -> str:
    if not queues:
        return "No queues" if all(session.queues_known for session in sessions) else "Queues unknown"
    most = fullest(queues)
    return (
        f"Longest queue: {formats.plain(most.name)} {formats.number(most.ready)}" if most else "Longest queue unknown"
    )
