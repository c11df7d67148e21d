"""redbeat's schedule in Redis or Valkey, read and edited as redbeat itself does it, without redbeat."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final, TypeVar

import redis
from redis.client import Pipeline
from redis.exceptions import AskError, ClusterCrossSlotError, ClusterDownError

from deskq.brokers.ports import BrokerError
from deskq.brokers.redis.connection import mapped_error, place_of
from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.schedules.model import (
    Abilities,
    BeatEvidence,
    Crontab,
    Entry,
    Interval,
    Reading,
    RRule,
    StoreChunk,
    StoreContent,
    StoreError,
    StoreKind,
    WriteUnknown,
    whole,
)
from deskq.schedules.stores.redbeat.entries import entry_of, owned_by_code, refuse_unfit
from deskq.schedules.stores.redbeat.entry_json import definition_text
from deskq.schedules.stores.redbeat.nodes import ClusterNodes, Nodes, OneServer, by_node, in_one_slot
from deskq.schedules.stores.redbeat.writing import NEVER, Edit, lost_connection, to_bytes, to_text
from deskq.schedules.timing.zones import zone_of

NOTHING: Final = "Nothing was written."
_PAGE: Final = 1_000
_PART: Final = 400
_FIRST_PART: Final = 100
_TRIES: Final = 20
_HMGET: Final = b"*4\r\n$5\r\nHMGET\r\n$%d\r\n%b\r\n$10\r\ndefinition\r\n$4\r\nmeta\r\n"
_ZONE: Final = (
    "redbeat stores no time zone with its crontabs: they are shown in UTC. If the app's timezone is another, add it "
    "to the store's URL, like ?zone=Europe/Berlin."
)
_SLOTS: Final = (
    "The keys of this store lie in several slots of the cluster, and Redis changes only keys of one slot together: "
    "deskq shows these schedules and does not change them. With a hash tag in redbeat_key_prefix, like {redbeat}:, all "
    "keys lie in one slot."
)

T = TypeVar("T")


class RedBeatStore:
    """See ScheduleStore. redbeat 1 and 2: a hash for each entry, and a sorted set of when beat looks at which.

    A hash that is not in the sorted set is unknown to beat, and not shown: to find it, every key of the server would
    have to be looked at. Entries that beat is about to run while they are edited: beat then writes the next run of the
    old schedule, within those milliseconds; nothing in redbeat prevents that.
    """

    kind = StoreKind.REDBEAT

    def __init__(
        self, profile: Profile, *, url: str, prefix: str = "redbeat:", zone: str = "", cluster: bool = False
    ) -> None:
        """``profile``: how to reach the server. ``url``: the store's name, without password. Connects to nothing.

        ``cluster``: the profile's URL names nodes of a Redis Cluster, of which one that answers is enough.
        """
        try:
            zone_of(zone)
        except UserError as error:
            raise StoreError(str(error)) from None
        self._profile = profile
        self._prefix = prefix
        self._cluster = cluster
        self._nodes: Nodes = ClusterNodes(profile) if cluster else OneServer(profile)
        self._said_zone = bool(zone)
        self._read_before: dict[bytes, tuple[object, Entry]] = {}
        self.url = url
        self.zone = zone or "UTC"
        place = f"cluster at {place_of(profile)}" if cluster else place_of(profile)
        self.title = f"redbeat, {place}" + ("" if prefix == "redbeat:" else f", {prefix}")
        divided = cluster and not in_one_slot(prefix)
        self.abilities = Abilities(
            kinds=frozenset({Interval, Crontab, RRule}),
            fields=frozenset({"last_run_at", "total_run_count"}),
            why_not="The profile is read-only." if profile.read_only else _SLOTS if divided else "",
        )

    def read(self) -> StoreContent:
        """See ScheduleStore."""
        return whole(self.read_in_parts())

    def read_in_parts(self) -> Reading:
        """See ScheduleStore. ZSCAN and some hundred HMGET at a time: no command holds the server up."""
        with self._translated(writes=False):
            scores: dict[bytes, float] = {}
            try:
                scores = dict(self._at(":schedule").zscan_iter(self._key(":schedule"), count=_PAGE))
            except redis.ResponseError as error:
                raise self._wrong_type(error, ":schedule", "sorted set") from None
            try:
                statics = set(self._at(":statics").sscan_iter(self._key(":statics"), count=_PAGE))
            except redis.ResponseError as error:
                raise self._wrong_type(error, ":statics", "set") from None
            beat = self._evidence()
            self._read_before = {key: known for key, known in self._read_before.items() if key in scores}
            entries: list[Entry] = []
            for part in self._parts(scores, statics):
                entries += part
                yield StoreChunk(tuple(part), len(scores))
        entries.sort(key=lambda entry: entry.key)
        warnings = []
        if not self._said_zone and any(isinstance(entry.schedule, Crontab) for entry in entries):
            self._said_zone = True
            warnings.append(_ZONE)
        return StoreContent(entries=tuple(entries), beat=beat, warnings=tuple(warnings), read_at=time.time())

    def replace(self, old: Entry | None, new: Entry | None, *, change_shared: bool = False) -> Entry | None:
        """See ScheduleStore. WATCH on the hashes concerned, then hash and score in one MULTI; see Edit."""
        if self.abilities.why_not:
            raise StoreError(self.abilities.why_not)
        if new is not None:
            refuse_unfit(new, self.zone)
        if old is None and new is None:
            return None
        edit = Edit(old, new, prefix=self._prefix, zone=self.zone)
        try:
            with self._translated(writes=True):
                self._in_transaction(edit.write)
        except StoreError as error:
            if not edit.in_doubt:
                raise
            self._look_for(edit, error)
        if new is None or edit.stored is None:
            return None
        with contextlib.suppress(StoreError), self._translated(writes=False):  # it is written all the same
            target = self._key(new.name)
            scores = {target: self._score_of(target)}
            ((found,),) = self._parts(scores, self._static(new))
            if found.version == edit.stored.version:  # else somebody has changed it since: that is not taken back
                return found
        return edit.stored

    def check(self, old: Entry | None, new: Entry) -> None:
        """See ScheduleStore."""
        if self.abilities.why_not:
            raise StoreError(self.abilities.why_not)
        refuse_unfit(new, self.zone)
        definition_text(new, "" if old is None else old.version)

    def close(self) -> None:
        """See ScheduleStore."""
        self._nodes.close()

    def _in_transaction(self, work: Callable[[Pipeline], T]) -> T:
        """Do it; again where beat ran the entry meanwhile, or somebody edits it."""
        for _ in range(_TRIES):
            with self._at(":schedule").pipeline(transaction=True) as pipe:
                try:
                    return work(pipe)
                except redis.WatchError as error:
                    if (lost := lost_connection(error)) is not None:
                        raise lost from None
        raise StoreError(f"{self.title} keeps changing; nothing was written. Try again.")

    def _look_for(self, edit: Edit, lost: StoreError) -> None:
        """Return if it was written though its reply was lost; raises Unsure, and StoreError if it never will be."""
        words = str(lost).removesuffix(NOTHING).strip()
        try:
            with self._translated(writes=False):
                written = self._in_transaction(edit.look)
        except StoreError as error:
            told = (
                str(error)
                if isinstance(error, WriteUnknown)
                else "The change may have been written. Refresh and check."
            )
            raise WriteUnknown(f"{words} {told}", error.details) from None
        if not written:
            raise StoreError(f"{words} {NOTHING}", lost.details)

    def _parts(self, scores: dict[bytes, float], statics: set[bytes]) -> Iterator[list[Entry]]:
        """Read the hashes, first those at which beat looks soonest; a first small part is there at once."""
        keys = sorted(scores, key=lambda key: (scores[key] < 0, scores[key], key))
        owned = {to_bytes(self._prefix) + name for name in statics}
        starts = [0, *range(_FIRST_PART, len(keys), _PART)]
        for start, end in pairwise([*starts, len(keys)]) if keys else ():
            page = keys[start:end]
            found: list[Entry] = []
            for key, answer in zip(page, self._hashes(page), strict=True):
                due = scores[key] if scores[key] >= 0 else None
                now = (answer if isinstance(answer, Exception) else tuple(answer), due, key in owned)
                before = self._read_before.get(key)
                if before is not None and before[0] == now:  # reading its JSON again would take most of the time
                    found.append(before[1])
                    continue
                if isinstance(answer, redis.ResponseError) and "WRONGTYPE" in str(answer):
                    entry = entry_of(to_text(key), self._prefix, None, None, due_at=due, zone=self.zone)
                    wrong = "Its key is not a hash, which stops beat. Delete the schedule."
                    entry = replace(entry, problem=wrong)
                elif isinstance(answer, Exception):
                    raise answer
                else:
                    entry = entry_of(to_text(key), self._prefix, answer[0], answer[1], due_at=due, zone=self.zone)
                found.append(replace(entry, **owned_by_code(entry)) if key in owned else entry)
                self._read_before[key] = (now, found[-1])
            yield found

    def _evidence(self) -> BeatEvidence:
        key = self._key(":lock")
        with self._at(":lock").pipeline(transaction=False) as pipe:
            pipe.exists(key)
            pipe.pttl(key)
            held, left = pipe.execute()
        if not held:
            return BeatEvidence(words="redbeat's lock is free: beat is not running, or redbeat_lock_key is None.")
        if left < 0:
            return BeatEvidence(words="redbeat's lock never expires: a beat started now waits forever.")
        until = time.time() + left / 1000
        return BeatEvidence(
            alive=True, lock_until=until, words=f"Beat holds the lock; it expires in {left / 1000:,.0f} s."
        )

    def _score_of(self, key: bytes) -> float:
        found: Any = self._at(":schedule").zscore(self._key(":schedule"), key)
        return NEVER if found is None else float(found)

    def _static(self, entry: Entry | None) -> set[bytes]:
        name = entry.name if entry else ""
        return {to_bytes(name)} if self._at(":statics").sismember(self._prefix + ":statics", name) else set()

    def _key(self, name: str) -> bytes:
        return to_bytes(self._prefix + name)

    def _at(self, name: str) -> redis.Redis:
        return self._nodes.at(self._key(name))

    def _hashes(self, keys: list[bytes]) -> list[Any]:
        """Return definition and meta of each key, or the error that the server answered instead."""
        answers: list[Any] = [None] * len(keys)
        for server, numbers in by_node(self._nodes, keys):
            for number, answer in zip(numbers, _hashes(server, [keys[n] for n in numbers]), strict=True):
                answers[number] = answer
        return answers

    def _wrong_type(self, error: redis.ResponseError, name: str, wanted: str) -> Exception:
        if "WRONGTYPE" not in str(error):
            return error
        return StoreError(f"The key {self._prefix}{name} is not a {wanted}. Check the key prefix.")

    @contextlib.contextmanager
    def _translated(self, *, writes: bool) -> Iterator[None]:
        """What redis-py raises becomes a StoreError, and the store connects again next time."""
        try:
            yield
        except (redis.RedisError, OSError, BrokerError) as error:
            self.close()
            raise self._explained(error, writes) from None

    def _explained(self, error: Exception, writes: bool) -> StoreError:
        text = str(error)
        place = place_of(self._profile)
        if isinstance(error, redis.OutOfMemoryError) or "OOM" in text:
            return StoreError(f"{place} has no memory left; nothing was written. Raise its maxmemory or delete data.")
        if isinstance(error, redis.ReadOnlyError) or "READONLY" in text:
            return StoreError(f"{place} is a read-only replica. Use the master's address.")
        if isinstance(error, AskError | ClusterCrossSlotError) and not self._cluster:  # AskError: MOVED too
            return StoreError(
                f"{place} is a node of a Redis Cluster. Name the store like redbeat:redis-cluster://{place}.", text
            )
        if isinstance(error, AskError):
            return StoreError(f"The cluster at {place} is moving slots between its nodes. Try again in a while.", text)
        if isinstance(error, ClusterDownError):
            return StoreError(f"The cluster at {place} is down: some of its slots have no node.", text)
        if "MISCONF" in text:
            return StoreError(f"{place} cannot save its data and accepts no changes. Check its log.", text)
        told = error if isinstance(error, BrokerError) else mapped_error(error, self._profile)
        words = str(told)
        return StoreError(f"{words} {NOTHING}" if writes else words, told.details)


def _hashes(server: redis.Redis, keys: list[bytes]) -> list[Any]:
    """Return definition and meta of each key, or the error that the server answered instead.

    The commands go out as one piece made here: redis-py's pipeline takes longer to make and to match its commands than
    Redis takes to answer them.
    """
    pool = server.connection_pool
    connection = pool.get_connection()
    answers: list[Any] = []
    try:
        connection.send_packed_command([b"".join(_HMGET % (len(key), key) for key in keys)])
        for _ in keys:
            try:
                answers.append(connection.read_response())
            except redis.ResponseError as error:
                answers.append(error)
    except BaseException:
        connection.disconnect()  # what is still to come must not be taken for the answer to something else
        raise
    finally:
        pool.release(connection)
    return answers
