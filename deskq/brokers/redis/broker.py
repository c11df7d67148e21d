"""Redis and Valkey as Celery's broker: queues are lists, one for each priority (kombu/transport/redis.py)."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import redis
from redis.exceptions import MovedError, NoPermissionError

from deskq.brokers.ports import Binding, QueueSample, Server, is_task_queue
from deskq.brokers.redis.connection import mapped_error, mapped_errors, refuse_cluster, server_facts
from deskq.brokers.redis.event_source import RedisEventSource
from deskq.brokers.redis.link import RedisLink
from deskq.brokers.redis.ready_messages import ReadyMessages
from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.protocol.identity import Identity, of_redis

BINDING_KEYS: Final = "_kombu.binding."
_SCAN_COUNT: Final = 1_000
_FIRST_SCANS: Final = 300
_LATER_SCANS: Final = 20
_UNACKED_ENTRIES: Final = 2_000
_UNACKED_BYTES: Final = 4 * 1024 * 1024
_PIPELINED: Final = 10_000

_decode_unacked = msgspec.json.Decoder(tuple[msgspec.Raw, str, str]).decode


class RedisBroker:
    """See Broker. Reads with LLEN, SCAN, SMEMBERS, HLEN, HSCAN, MEMORY USAGE and EVAL_RO; writes nothing."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._link = RedisLink(profile)
        self._cursor = 0
        self._exchanges: set[str] = set()
        self._passing: set[str] = set()
        self._scanned = False
        self._all_scanned = False
        self._bindings: list[Binding] = []
        self._looking = ReadyMessages()
        self._refused: dict[str, str] = {}  # what cannot be read -> why
        self._held_by_all: int | None = None

    def server(self) -> Server:
        """See Broker."""
        with mapped_errors(self._profile):
            facts = server_facts(self._redis())
        refuse_cluster(facts, self._profile)
        if "valkey_version" in facts:
            return Server("Valkey", facts["valkey_version"])
        return Server("Redis", facts.get("redis_version", ""))

    def identity(self) -> Identity:
        """See Broker; a user may be forbidden INFO: then the queues are looked at."""
        with mapped_errors(self._profile):
            facts = server_facts(self._redis())
        queues = set() if "run_id" in facts else self.queue_names()
        product = "Valkey" if "valkey_version" in facts else "Redis"
        return of_redis(product, facts, now=time.time(), queues=queues)

    def clock_difference(self) -> float | None:
        """See Broker; a user may be forbidden TIME."""
        before = time.time()
        try:
            seconds, microseconds = self._redis().time()
        except (redis.RedisError, OSError, UserError):
            return None
        return float(seconds) + microseconds / 1e6 - (before + time.time()) / 2

    def event_source(self) -> RedisEventSource:
        """See Broker."""
        return RedisEventSource(self._profile)

    alarm = delayed = None

    @property
    def incomplete(self) -> str:
        """See Broker."""
        return " ".join(dict.fromkeys(self._refused.values()))

    def queue_names(self) -> set[str]:
        """See Broker; a large database is scanned bit by bit, call by call."""
        return {binding.queue for binding in self.bindings() if is_task_queue(binding.queue)}

    def bindings(self) -> list[Binding]:
        """See Broker; members of ``_kombu.binding.<exchange>`` are ``routing key SEP pattern SEP queue``."""
        with mapped_errors(self._profile):
            try:
                exchanges = sorted(self._scan_exchanges())
            except NoPermissionError as error:  # the queues that are known otherwise can be seen all the same
                self._refused["bindings"] = str(mapped_error(error, self._profile))
                return []
            pipeline = self._redis().pipeline(transaction=False)
            for exchange in exchanges:
                pipeline.smembers(self._key(BINDING_KEYS + exchange))
            replies = pipeline.execute(raise_on_error=False) if exchanges else []
        sep = self._profile.redis.sep
        self._note("bindings", replies)
        found: list[Binding] = []
        for exchange, members in zip(exchanges, replies, strict=True):
            if isinstance(members, Exception):
                continue
            for member in members:
                parts = member.decode("utf-8", "backslashreplace").split(sep)
                if len(parts) == 3 and is_task_queue(parts[2]):
                    found.append(Binding(exchange, parts[0], parts[2]))
        self._bindings = found
        return sorted(found, key=lambda binding: (binding.queue, binding.exchange, binding.routing_key))

    def sample(self, names: Sequence[str]) -> list[QueueSample]:
        """See Broker. ``consumers`` is None: Redis does not know who waits for which list.

        An empty list is no key: a queue is there if a binding leads to it or something of it waits or is held.
        """
        steps = self._profile.redis.priority_steps
        lengths: list[Any] = []
        keys = [self._key(self._list(name, step)) for name in names for step in steps]
        with mapped_errors(self._profile):
            server = self._redis()
            for first in range(0, len(keys), _PIPELINED):
                pipeline = server.pipeline(transaction=False)
                for key in keys[first : first + _PIPELINED]:
                    pipeline.llen(key)
                lengths += pipeline.execute(raise_on_error=False)
            self._note("lengths", lengths)
            try:
                unacked = self._unacked(server)
            except NoPermissionError as error:
                unacked = None
                self._note("unacked", [error])
        at = time.time()
        bound = {binding.queue for binding in self._bindings} if self._all_scanned else None
        alone = bound is not None and len(bound | set(names)) == 1  # then all that is held is of that queue
        if alone:
            self._refused.pop("held", None)
        samples: list[QueueSample] = []
        for number, name in enumerate(names):
            own = lengths[number * len(steps) : (number + 1) * len(steps)]
            priorities = {step: n for step, n in zip(steps, own, strict=True) if isinstance(n, int)}
            ready = sum(priorities.values()) if priorities else None
            held = self._held_by_all if alone else None
            if unacked is not None:
                held = unacked[name]
            exists = bound is None or name in bound or ready != 0 or held != 0
            samples.append(QueueSample(name, at, ready, held, None, priorities or None, exists=exists))
        return samples

    def connected_nodes(self, names: Sequence[str]) -> dict[str, bool]:
        """See Broker: Redis does not tell."""
        return {}

    def waiting(self, names: Sequence[str]) -> list[bytes]:
        """See Broker: those that run next, of every priority."""
        lists = [self._key(self._list(name, step)) for name in names for step in self._profile.redis.priority_steps]
        with mapped_errors(self._profile):
            return self._looking.look(self._redis(), lists)

    def close(self) -> None:
        """See Broker."""
        self._link.close()

    def _note(self, what: str, replies: Sequence[Any]) -> None:
        """Keep the first refusal among the replies to one question, or that there is none any more."""
        self._refused.pop(what, None)
        for reply in replies:
            if isinstance(reply, MovedError):  # a part of the figures is not a figure
                raise mapped_error(reply, self._profile)
            if isinstance(reply, NoPermissionError):
                self._refused[what] = str(mapped_error(reply, self._profile))
                return

    def _redis(self) -> redis.Redis:
        return self._link.client()

    def _key(self, name: str) -> str:
        return self._profile.redis.global_keyprefix + name

    def _list(self, queue: str, step: int) -> str:
        return f"{queue}{self._profile.redis.sep}{step}" if step else queue

    def _scan_exchanges(self) -> set[str]:
        """SCAN for bindings, never KEYS; the whole of a small database at once, a large one in turns."""
        prefix = self._key(BINDING_KEYS)
        pattern = re.sub(r"([\\*?\[\]])", r"\\\1", prefix) + "*"
        for _ in range(_LATER_SCANS if self._scanned else _FIRST_SCANS):
            reply: Any = self._redis().scan(self._cursor, match=pattern, count=_SCAN_COUNT)
            self._cursor, keys = reply
            self._passing |= {key.decode("utf-8", "backslashreplace")[len(prefix) :] for key in keys}
            if self._cursor == 0:
                self._exchanges, self._passing = self._passing, set()
                self._all_scanned = True
                break
        self._scanned = True
        return {name for name in self._exchanges | self._passing if is_task_queue(name)}

    def _unacked(self, server: redis.Redis) -> Counter[str] | None:
        """Count messages in flight by queue; None where there are too many to look through."""
        key = self._key(self._profile.redis.unacked_key)
        self._held_by_all = None
        pipeline = server.pipeline(transaction=False)
        pipeline.hlen(key)
        pipeline.memory_usage(key, samples=5)
        count, size = pipeline.execute(raise_on_error=False)
        self._note("unacked", [count, size])
        self._refused.pop("held", None)
        self._held_by_all = count if isinstance(count, int) else None
        if not isinstance(count, int):
            return None
        if count == 0:
            return Counter()
        if count > _UNACKED_ENTRIES or not isinstance(size, int) or size > _UNACKED_BYTES:
            if isinstance(size, int):
                self._refused["held"] = (
                    f"Workers hold {count:,} messages, too many to count those of each queue every time."
                )
            return None
        routes = {(binding.exchange, binding.routing_key): binding.queue for binding in self._bindings}
        found: Counter[str] = Counter()
        for _, value in server.hscan_iter(key, count=500):
            try:
                _, exchange, routing_key = _decode_unacked(value)
            except msgspec.MsgspecError:
                continue
            found[routes.get((exchange, routing_key), routing_key)] += 1
        return found
