"""Sending to Redis and Valkey: a script pushes the message and leaves a marker: trying again sends nothing twice."""

from __future__ import annotations

import contextlib
import json
import time
from bisect import bisect
from collections.abc import Sequence
from typing import Any, Final
from uuid import uuid4

import redis
from redis.exceptions import NoScriptError

from deskq.brokers.ports import BrokerError
from deskq.brokers.publishing import OutgoingMessage, PublishResult, sent_events
from deskq.brokers.redis.connection import (
    REFUSED_IN_SCRIPT,
    mapped_error,
    mapped_errors,
    refuse_cluster,
    server_facts,
)
from deskq.brokers.redis.event_source import channels
from deskq.brokers.redis.link import RedisLink
from deskq.profiles import Profile
from deskq.protocol.encoding.kombu_envelope import write_envelope
from deskq.protocol.message import RawMessage, write_redis_message

MARKER: Final = "deskq:sent:"
MARKER_SECONDS: Final = 86_400
CLAIM_SECONDS: Final = 120
"""Far longer than it takes until the others have heard by events what was sent."""
_PUSH: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local claimed = KEYS[2] ~= KEYS[1]
if claimed and redis.call('EXISTS', KEYS[2]) == 1 then return 2 end
if #KEYS > 3 then for number = 3, #KEYS do redis.call('LLEN', KEYS[number]) end end
redis.call('SET', KEYS[1], '1', 'EX', ARGV[1])
if claimed then redis.call('SET', KEYS[2], '1', 'EX', ARGV[2]) end
for number = 3, #KEYS do
  local pushed = redis.pcall('LPUSH', KEYS[number], ARGV[number])
  if type(pushed) == 'table' and pushed.err then
    local gone = redis.pcall('UNLINK', KEYS[1])
    if type(gone) == 'table' then redis.call('SET', KEYS[1], '0', 'PX', 1) end
    if claimed then redis.call('SET', KEYS[2], '0', 'PX', 1) end
    return pushed
  end
end
return 1
"""
"""KEYS: the marker, the claim (the marker again where there is none), then lists; ARGV: the seconds of both, then a
message for each list. Of several lists all are looked at first, so that one that is none ends it before anything is
pushed. The marker comes before the push: who may not write it sends nothing."""
_NOT_SENT: Final = "Not sent: "
ALREADY: Final = "it had already been sent"
CLAIMED: Final = "someone else retried it in the last two minutes. Check the tasks again."
_MAY_NOT: Final = (
    "permission denied. Grant the user SCRIPT LOAD, EVALSHA, EXISTS, LLEN, LPUSH, SET and UNLINK (ACL SETUSER)."
)
_REASONS: Final = (  # part of the error's class or text: redis-py takes some codes out of the text
    ("OutOfMemory", "Redis is out of memory. Raise maxmemory or delete data."),
    ("ReadOnly", "this Redis is a read-only replica. Use the master's address."),
    ("NoPermission", _MAY_NOT),
    *((words, _MAY_NOT) for words in REFUSED_IN_SCRIPT),
    ("WRONGTYPE", "the queue's key is not a list: another program uses it."),
    ("BusyLoading", "Redis is loading its data. Wait until it is ready."),
    ("MasterDown", "the master of this replica is down."),
    ("MISCONF", "Redis cannot save to disk and accepts no writes (stop-writes-on-bgsave-error)."),
    ("NOREPLICAS", "too few replicas are connected for Redis to accept writes (min-replicas-to-write)."),
)

_Encoded = tuple[list[str], list[bytes]]


class RedisPublisher:
    """See Publisher. A marker lives a day, or until the journal has the sending as done.

    A connection that is given up may still deliver: what the network holds arrives minutes later, and then the script
    runs again. Its markers outlive that, so they stay for their day.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._link = RedisLink(profile)
        self._sha = ""
        self._run = ""
        self._channel = channels(profile)[0]  # what is wrong with the profile is told before anything leaves
        self._given_up: set[str] = set()
        """Ids that were on a connection that was given up."""

    def check(self) -> None:
        """See Publisher."""
        with mapped_errors(self._profile):
            facts = server_facts(self._redis())
        refuse_cluster(facts, self._profile)
        if facts.get("role") == "slave":
            raise BrokerError(f"Not sent: {dict(_REASONS)['ReadOnly']}")
        if facts.get("loading", "0") != "0":
            raise BrokerError(f"Not sent: {dict(_REASONS)['BusyLoading']}")

    def publish(self, parcels: Sequence[OutgoingMessage]) -> list[PublishResult]:
        """See Publisher. After a lost connection the same is sent once more: the markers tell what had arrived."""
        encoded = [self._encode(parcel) for parcel in parcels]
        self._be_connected()
        if not self._may_load():
            return [PublishResult(False, f"{_NOT_SENT}{_MAY_NOT}")] * len(parcels)
        try:
            answers = [_answer(reply) for reply in self._push(encoded)]
        except (redis.RedisError, OSError) as error:
            run = self._run
            self.close()
            self._given_up.update(parcel.id for parcel in parcels)
            answers = self._again(parcels, encoded, run, str(mapped_error(error, self._profile)))
        if self._link.is_open:
            self._tell(sent_events(parcels, answers, time.time()))
        return answers

    def _again(
        self, parcels: Sequence[OutgoingMessage], encoded: Sequence[_Encoded], run: str, problem: str
    ) -> list[PublishResult]:
        """Send it once more, by the markers, to the server that may have it; another one has no markers to tell by.

        ``run``: of the server that it was sent to. What is refused now may still come by the first connection.
        """
        try:
            self._be_connected()
            if run and self._run == run:
                answers = [_answer(reply) for reply in self._push(encoded)]
                late = f"{problem} It may still arrive through the first connection; the second attempt was refused: "
                return [e if e.sent else PublishResult(None, late + e.words.removeprefix(_NOT_SENT)) for e in answers]
            found = self.resolve([parcel.id for parcel in parcels])
        except (redis.RedisError, OSError) as error:
            self.close()
            problem = str(mapped_error(error, self._profile))
        except BrokerError as error:
            problem = str(error)
        else:
            changed = "The server has restarted or been replaced" if self._run else "It was not found there"
            unsure = PublishResult(None, f"{problem} {changed}; it was not sent again.")
            return [PublishResult(True, ALREADY) if found[parcel.id] else unsure for parcel in parcels]
        return [PublishResult(None, problem)] * len(parcels)

    def resolve(self, ids: Sequence[str]) -> dict[str, bool | None]:
        """See Publisher. A marker says yes; without one it is not known, for markers end after a day."""
        with mapped_errors(self._profile):
            pipeline = self._redis().pipeline(transaction=False)
            for message_id in ids:
                pipeline.exists(self._key(MARKER + message_id))
            found = pipeline.execute()
        return {message_id: True if there else None for message_id, there in zip(ids, found, strict=True)}

    def forget(self, ids: Sequence[str]) -> None:
        """See Publisher; but for those that may still be delivered a second time."""
        names = [self._key(MARKER + message_id) for message_id in ids if message_id not in self._given_up]
        if names:
            with contextlib.suppress(redis.RedisError, OSError):
                self._redis().unlink(*names)

    def close(self) -> None:
        """See Publisher."""
        self._link.close()

    def _be_connected(self) -> None:
        """Before anything leaves: a connection that ended while it was idle is opened again. Raises BrokerError."""
        try:
            self._redis().ping()
        except (redis.RedisError, OSError):
            self.close()
            with mapped_errors(self._profile):
                self._redis().ping()
        if not self._run:
            with mapped_errors(self._profile):
                self._run = _run_of(self._redis())

    def _may_load(self) -> bool:
        """Load the script before anything leaves; a connection that is lost meanwhile is told by what follows."""
        try:
            with contextlib.suppress(redis.ConnectionError, redis.TimeoutError, OSError):
                self._sha = self._sha or str(self._redis().script_load(_PUSH))
        except redis.exceptions.NoPermissionError:
            return False
        return True

    def _tell(self, events: list[dict[str, object]]) -> None:
        """Publish events as kombu does; nothing depends on it."""
        channel = self._channel
        if self._profile.redis.fanout_patterns:
            channel += "/task.multi"
        if events:
            told = write_envelope(
                json.dumps(events).encode(),
                str(uuid4()),
                exchange=self._profile.event_exchange,
                routing_key="task.multi",
                properties={"priority": 0},
            )
            with contextlib.suppress(redis.RedisError, OSError):
                self._redis().publish(channel, told)

    def _encode(self, parcel: OutgoingMessage) -> _Encoded:
        """What the script takes. Each queue's message has a tag of its own: two with one tag would share one slot."""
        marker = self._key(MARKER + parcel.id)
        keys, messages = [marker, self._key(MARKER + parcel.claim) if parcel.claim else marker], []
        for number, queue in enumerate(parcel.queues):
            tag = f"{parcel.id}:{number}" if number else parcel.id
            keys.append(self._list(queue, parcel.message))
            messages.append(write_redis_message(parcel.message, parcel.routing_key, tag, parcel.exchange))
        return keys, messages

    def _push(self, encoded: Sequence[_Encoded]) -> list[Any]:
        server = self._redis()
        replies = self._evaluate(server, encoded)
        if any(isinstance(reply, NoScriptError) for reply in replies):  # a server that restarted has forgotten it
            self._sha = ""
            replies = self._evaluate(server, encoded)
        return replies

    def _evaluate(self, server: redis.Redis, encoded: Sequence[_Encoded]) -> list[Any]:
        if not self._sha:
            self._sha = str(server.script_load(_PUSH))
        pipeline = server.pipeline(transaction=False)
        for keys, messages in encoded:
            pipeline.evalsha(self._sha, len(keys), *keys, MARKER_SECONDS, CLAIM_SECONDS, *messages)
        replies: list[Any] = pipeline.execute(raise_on_error=False)
        return replies

    def _list(self, queue: str, message: RawMessage) -> str:
        """The list of a queue for the message's priority, as kombu chooses it (transport/redis.py, priority)."""
        options = self._profile.redis
        priority = message.properties.get("priority")
        number = max(0, min(priority, 9)) if isinstance(priority, int) else 0
        step = options.priority_steps[max(bisect(options.priority_steps, number) - 1, 0)]
        return self._key(f"{queue}{options.sep}{step}" if step else queue)

    def _key(self, name: str) -> str:
        return self._profile.redis.global_keyprefix + name

    def _redis(self) -> redis.Redis:
        if not self._link.is_open:
            self._sha = self._run = ""
        return self._link.client()


def _run_of(server: redis.Redis) -> str:
    """What names this run of the server, "" where the user may not ask. Raises what redis-py does."""
    try:
        facts: dict[str, Any] = server.info("server")
    except redis.ResponseError:
        return ""
    return str(facts.get("run_id") or "")


def _answer(reply: Any) -> PublishResult:
    if reply == 2:
        return PublishResult(False, f"{_NOT_SENT}{CLAIMED}")
    if isinstance(reply, int):
        return PublishResult(True, "" if reply else ALREADY)
    if not isinstance(reply, Exception):
        return PublishResult(
            None, "The broker's reply cannot be read: whether the task was sent is unknown. Check host and port."
        )
    text = f"{type(reply).__name__}: {reply}"
    reason = next((sentence for word, sentence in _REASONS if word in text), text)
    return PublishResult(False, f"{_NOT_SENT}{reason}")
