"""What the checks rest on beside the workers' words: the broker as it is now, and what the history tells."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deskq.brokers.opening import open_broker
from deskq.brokers.ports import Broker, BrokerError
from deskq.brokers.rabbitmq.broker import RabbitBroker
from deskq.brokers.rabbitmq.connection import refuses_transient
from deskq.brokers.rabbitmq.management import Management
from deskq.brokers.redis.connection import server_facts
from deskq.brokers.redis.link import linked
from deskq.doctor.advice.rabbitmq import TRANSIENT
from deskq.doctor.advice.unacked import HeldEtas, read_etas
from deskq.doctor.advice.workers import STALL_SECONDS, Idler
from deskq.errors import UserError
from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import Sort, TaskFilter
from deskq.history.rows import STREAM, WorkerRow
from deskq.profiles import Profile

_MOST_QUEUES: Final = 2_000
_RECENT_SECONDS: Final = 3_600.0
_FRESH_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """Queues now. ``consumers``: None by queue where the broker does not know; ``bound``: None if it cannot tell.

    ``unmeasured``: see RabbitBroker.
    """

    ready: dict[str, int | None] = field(default_factory=dict)
    consumers: dict[str, int | None] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    bound: frozenset[str] | None = None
    management_problem: str = ""
    unmeasured: str = ""
    streams: frozenset[str] = frozenset()


def read_queues(profile: Profile, named: Sequence[str]) -> QueueFacts:
    """Ask the broker for its queues, for those of the profile, and for those that workers or a history name."""
    broker: Broker = open_broker(profile)
    try:
        names = sorted({*profile.watch_queues, *named, *broker.queue_names()})[:_MOST_QUEUES]
        samples = broker.sample(names)
        bound = frozenset(binding.queue for binding in broker.bindings())
        problem = broker.management_problem if isinstance(broker, RabbitBroker) else ""
        return QueueFacts(
            ready={sample.name: sample.ready for sample in samples if sample.exists},
            consumers={sample.name: sample.consumers for sample in samples if sample.exists},
            missing=frozenset(sample.name for sample in samples if not sample.exists),
            bound=bound if profile.transport.tells_bindings and not problem else None,
            management_problem=problem,
            unmeasured=broker.unmeasured if isinstance(broker, RabbitBroker) else "",
            streams=frozenset(sample.name for sample in samples if sample.kind == STREAM),
        )
    finally:
        broker.close()


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """``limit``: ``maxmemory`` in bytes, 0 = none; ``held``: of unacked messages."""

    policy: str
    used: int
    limit: int
    held: HeldEtas


def read_redis(profile: Profile) -> RedisFacts:
    """INFO memory, and the unacked messages: reads only."""
    with linked(profile) as server:
        facts = server_facts(server)  # without INFO nothing of its memory is known
        held = read_etas(server, profile.redis.global_keyprefix + profile.redis.unacked_key)
    return RedisFacts(
        str(facts.get("maxmemory_policy", "")),
        int(facts.get("used_memory") or 0),
        int(facts.get("maxmemory") or 0),
        held,
    )


def transient_denied(profile: Profile) -> bool | None:
    """Does RabbitMQ refuse transient queues that are not exclusive? None: neither it nor its default says.

    Its API tells the default even where the configuration says otherwise, so the server is asked for one first.
    """
    refuses = refuses_transient(profile)
    if refuses is not None:
        return refuses
    try:
        features = Management(profile).deprecated_features()
    except BrokerError:
        return None  # before 3.13, or without the plugin: the version decides
    for feature in features:
        if feature.get("name") == TRANSIENT:
            return feature.get("deprecation_phase") != "permitted_by_default"
    return None


@dataclass(frozen=True, slots=True)
class HistoryFacts:
    """What a history tells. ``workers`` is empty unless ``recording``: a recorder is at work on it just now.

    ``queues``: the names of those that it knows; ``unknown``: workers of which it is not known whether they are there.
    """

    workers: list[WorkerRow] = field(default_factory=list)
    idlers: list[Idler] = field(default_factory=list)
    longest: float | None = None
    recording: bool = False
    queues: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def read_history(path: Path | None, now: float | None = None) -> HistoryFacts:
    """Look into a history; one that is not there or cannot be read tells nothing."""
    if path is None or not path.exists():
        return HistoryFacts()
    moment = time.time() if now is None else now
    try:
        reader = HistoryReader(path)
    except UserError:
        return HistoryFacts()
    try:
        tasks = reader.tasks(TaskFilter(), Sort("runtime", True), limit=1)
        longest = tasks[0].runtime if tasks else None
        queues = tuple(row.name for row in reader.queues())
        status = reader.status()
        if not status.writer_alive or moment - status.updated > _FRESH_SECONDS:
            return HistoryFacts(longest=longest, queues=queues)
        known = reader.workers()
        workers = [row for row in known if row.online]
        unknown = tuple(row.hostname for row in known if row.unknown)
        idlers = [idler for row in workers if row.active == 0 for idler in _idlers(reader, row, moment)]
        return HistoryFacts(workers, idlers, longest, recording=True, queues=queues, unknown=unknown)
    except UserError:
        return HistoryFacts()
    finally:
        reader.close()


def _idlers(reader: HistoryReader, row: WorkerRow, now: float) -> list[Idler]:
    """The worker with each of its queues that held messages for the whole last minute."""
    recent = reader.tasks(TaskFilter(workers=(row.hostname,), since=now - _RECENT_SECONDS), limit=1)
    last = recent[0].received if recent else None
    found = []
    for name in row.queues:
        points = reader.charts.queue_samples(name, now - STALL_SECONDS, now, points=12)
        depths = [point.ready for point in points]
        held = len(points) >= 12 and all(depths)
        found.append(
            Idler(
                hostname=row.hostname,
                queue=name,
                ready=min(depth for depth in depths if depth is not None) if held else 0,
                active=row.active,
                since=row.since,
                last_received=last,
            )
        )
    return found
