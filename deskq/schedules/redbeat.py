"""redbeat's schedule in Redis or Valkey, read and edited as redbeat itself does it, without redbeat."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

import redis
from redis.client import Pipeline

from deskq.brokers.base import BrokerError
from deskq.brokers.redis_connection import client, place_of, translate
from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.schedules.base import (
    Abilities,
    BeatEvidence,
    Changed,
    Content,
    Crontab,
    Entry,
    Interval,
    Part,
    Reading,
    RRule,
    Schedule,
    StoreError,
    StoreKind,
    Unsure,
    whole,
)
from deskq.schedules.preview import next_runs
from deskq.schedules.redbeat_entries import entry_of, owned_by_code, refuse_unfit
from deskq.schedules.redbeat_json import definition_text, meta_of, meta_text
from deskq.schedules.zones import zone_of

NEVER: Final = -1
"""The score of what will not run again; beat looks at none below 0."""
_PAGE: Final = 1_000
_PART: Final = 400
_FIRST_PART: Final = 100
_TRIES: Final = 20
_HMGET: Final = b"*4\r\n$5\r\nHMGET\r\n$%d\r\n%b\r\n$10\r\ndefinition\r\n$4\r\nmeta\r\n"
_ZONE: Final = (
    "redbeat keeps no zone with its crontabs: they are shown in UTC. If the app's timezone is another one, put it into "
    "the store's URL, like ?zone=Europe/Berlin."
)


class RedBeatStore:
    """See ScheduleStore. redbeat 1 and 2: a hash for each entry, and a sorted set of when beat looks at which.

    A hash that is not in the sorted set is unknown to beat, and not shown: to find it, every key of the server would
    have to be looked at. Entries that beat is about to run while they are edited: beat then writes the next run of the
    old schedule, within those milliseconds; nothing in redbeat prevents that.
    """

    kind = StoreKind.REDBEAT

    def __init__(self, profile: Profile, *, url: str, prefix: str = "redbeat:", zone: str = "") -> None:
        """``profile``: how to reach the server. ``url``: the store's name, without password. Connects to nothing."""
        try:
            zone_of(zone)
        except UserError as error:
            raise StoreError(str(error)) from None
        self._profile = profile
        self._prefix = prefix
        self._client: redis.Redis | None = None
        self._said_zone = bool(zone)
        self._read_before: dict[bytes, tuple[object, Entry]] = {}
        self.url = url
        self.zone = zone or "UTC"
        self.title = f"redbeat, {place_of(profile)}" + ("" if prefix == "redbeat:" else f", {prefix}")
        self.abilities = Abilities(
            kinds=frozenset({Interval, Crontab, RRule}),
            fields=frozenset({"last_run_at", "total_run_count"}),
            why_not="The profile is read-only." if profile.read_only else "",
        )

    def read(self) -> Content:
        """See ScheduleStore."""
        return whole(self.read_in_parts())

    def read_in_parts(self) -> Reading:
        """See ScheduleStore. ZSCAN and some hundred HMGET at a time: no command holds the server up."""
        with self._translated(writes=False) as server:
            scores: dict[bytes, float] = {}
            try:
                scores = dict(server.zscan_iter(self._key(":schedule"), count=_PAGE))
            except redis.ResponseError as error:
                raise self._wrong_type(error, ":schedule", "sorted set") from None
            try:
                statics = set(server.sscan_iter(self._key(":statics"), count=_PAGE))
            except redis.ResponseError as error:
                raise self._wrong_type(error, ":statics", "set") from None
            beat = self._evidence(server)
            self._read_before = {key: known for key, known in self._read_before.items() if key in scores}
            entries: list[Entry] = []
            for part in self._parts(server, scores, statics):
                entries += part
                yield Part(tuple(part), len(scores))
        entries.sort(key=lambda entry: entry.key)
        warnings = []
        if not self._said_zone and any(isinstance(entry.schedule, Crontab) for entry in entries):
            self._said_zone = True
            warnings.append(_ZONE)
        return Content(entries=tuple(entries), beat=beat, warnings=tuple(warnings), read_at=time.time())

    def replace(self, old: Entry | None, new: Entry | None, *, change_shared: bool = False) -> Entry | None:
        """See ScheduleStore. WATCH on the hashes concerned, then hash and score in one MULTI."""
        if self.abilities.why_not:
            raise StoreError(self.abilities.why_not)
        if new is not None:
            refuse_unfit(new, self.zone)
        if old is None and new is None:
            return None
        source = None if old is None else _bytes(old.key)
        target = None if new is None else self._key(new.name)
        with self._translated(writes=True) as server:
            for _ in range(_TRIES):
                with server.pipeline(transaction=True) as pipe:
                    try:
                        pipe.watch(*{key for key in (source, target) if key is not None})
                        self._write(pipe, old, new, source, target)
                        break
                    except redis.WatchError:  # beat ran it meanwhile, or somebody edits it: look again
                        continue
            else:
                raise StoreError(f"{self.title} changes too fast: nothing was written. Try again.")
            if target is None:
                return None
            scores = {target: self._score_of(server, target)}
            ((stored,),) = self._parts(server, scores, self._static(server, new))
            return stored

    def close(self) -> None:
        """See ScheduleStore."""
        if self._client is not None:
            with contextlib.suppress(redis.RedisError, OSError):
                self._client.close()
                self._client.connection_pool.disconnect()
        self._client = None

    def _write(
        self, pipe: Pipeline, old: Entry | None, new: Entry | None, source: bytes | None, target: bytes | None
    ) -> None:
        """Compare, then write in one transaction. Raises WatchError if a key was touched in between."""
        schedule = self._key(":schedule")
        if pipe.type(schedule) not in (b"zset", b"none"):
            raise StoreError(f"The key {_text(schedule)} is no sorted set: redbeat keeps its schedule elsewhere.")
        definition, meta = self._still(pipe, old, source)
        if target is not None and target != source:
            self._free(pipe, target, new)
        elif target is not None and pipe.type(target) not in (b"hash", b"none"):
            raise StoreError(f"The key {_text(target)} holds no hash: delete the entry and add it anew.")
        now = time.time()
        text = "" if new is None else definition_text(new, _text(definition or b""), now=now)
        pipe.multi()
        if source is not None and source != target:
            pipe.zrem(schedule, source)
            pipe.delete(source)
        if target is not None and new is not None:
            if old is None:
                pipe.delete(target)  # what beat may have left of a deleted entry of that name
                meta = meta_text(new, now).encode()
            pipe.hset(target, "definition", text)
            if source != target and meta is not None:
                pipe.hset(target, "meta", meta)
            else:
                pipe.hsetnx(target, "meta", '{"last_run_at": null}')
            last = meta_of(_text(meta) if meta else None)[0]
            written = entry_of(_text(target), self._prefix, text.encode(), meta, due_at=None, zone=self.zone)
            pipe.zadd(schedule, {target: score(written.schedule, self.zone, last, now)})
        pipe.execute()

    def _still(self, pipe: Pipeline, old: Entry | None, source: bytes | None) -> tuple[bytes | None, bytes | None]:
        """Return definition and meta of the entry as it was read; raises Changed."""
        if old is None or source is None:
            return None, None
        try:
            answer: Any = pipe.hmget(source, "definition", "meta")
            definition, meta = answer
        except redis.ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            return None, None  # no entry at all: it can be taken away
        if _text(definition or b"") != old.version:
            if definition is None:
                raise Changed(f"“{old.name}” was deleted by somebody else.", None)
            theirs = entry_of(old.key, self._prefix, definition, meta, due_at=None, zone=self.zone)
            raise Changed(f"“{old.name}” was changed by somebody else: nothing was written.", theirs)
        return definition, meta

    def _free(self, pipe: Pipeline, target: bytes, new: Entry | None) -> None:
        """Raise StoreError if the name is taken. A meta alone, which beat may leave of a deleted entry, is no entry."""
        kind = pipe.type(target)
        if kind == b"none" or (kind == b"hash" and not pipe.hexists(target, "definition")):
            return
        raise StoreError(
            f"There is an entry “{new.name if new else ''}” already: nothing was written. Take another name."
        )

    def _parts(self, server: redis.Redis, scores: dict[bytes, float], statics: set[bytes]) -> Iterator[list[Entry]]:
        """Read the hashes, first those at which beat looks soonest; a first small part is there at once."""
        keys = sorted(scores, key=lambda key: (scores[key] < 0, scores[key], key))
        owned = {_bytes(self._prefix) + name for name in statics}
        starts = [0, *range(_FIRST_PART, len(keys), _PART)]
        for start, end in pairwise([*starts, len(keys)]) if keys else ():
            page = keys[start:end]
            found: list[Entry] = []
            for key, answer in zip(page, _hashes(server, page), strict=True):
                due = scores[key] if scores[key] >= 0 else None
                now = (answer if isinstance(answer, Exception) else tuple(answer), due, key in owned)
                before = self._read_before.get(key)
                if before is not None and before[0] == now:  # reading its JSON again would take most of the time
                    found.append(before[1])
                    continue
                if isinstance(answer, redis.ResponseError) and "WRONGTYPE" in str(answer):
                    entry = entry_of(_text(key), self._prefix, None, None, due_at=due, zone=self.zone)
                    wrong = "Its key holds no hash, and beat stops at it: delete it."
                    entry = replace(entry, problem=wrong)
                elif isinstance(answer, Exception):
                    raise answer
                else:
                    entry = entry_of(_text(key), self._prefix, answer[0], answer[1], due_at=due, zone=self.zone)
                found.append(replace(entry, **owned_by_code(entry)) if key in owned else entry)
                self._read_before[key] = (now, found[-1])
            yield found

    def _evidence(self, server: redis.Redis) -> BeatEvidence:
        key = self._key(":lock")
        with server.pipeline(transaction=False) as pipe:
            pipe.exists(key)
            pipe.pttl(key)
            held, left = pipe.execute()
        if not held:
            return BeatEvidence(words="Nobody holds redbeat's lock: no beat runs, or it has redbeat_lock_key = None.")
        if left < 0:
            return BeatEvidence(words="redbeat's lock is held without an end: a beat that starts now waits for ever.")
        until = time.time() + left / 1000
        return BeatEvidence(alive=True, lock_until=until, words=f"A beat holds the lock for {left / 1000:,.0f} s more.")

    def _score_of(self, server: redis.Redis, key: bytes) -> float:
        found: Any = server.zscore(self._key(":schedule"), key)
        return NEVER if found is None else float(found)

    def _static(self, server: redis.Redis, entry: Entry | None) -> set[bytes]:
        name = entry.name if entry else ""
        return {_bytes(name)} if server.sismember(self._prefix + ":statics", name) else set()

    def _key(self, name: str) -> bytes:
        return _bytes(self._prefix + name)

    def _wrong_type(self, error: redis.ResponseError, name: str, wanted: str) -> Exception:
        if "WRONGTYPE" not in str(error):
            return error
        return StoreError(f"The key {self._prefix}{name} is no {wanted}: redbeat keeps its schedule elsewhere.")

    @contextlib.contextmanager
    def _translated(self, *, writes: bool) -> Iterator[redis.Redis]:
        """Yield the client; what it raises becomes a StoreError, and it connects anew next time."""
        try:
            if self._client is None:
                self._client = client(self._profile)
            yield self._client
        except (redis.RedisError, OSError, BrokerError) as error:
            self.close()
            raise self._explained(error, writes) from None

    def _explained(self, error: Exception, writes: bool) -> StoreError:
        text = str(error)
        place = place_of(self._profile)
        if isinstance(error, redis.OutOfMemoryError) or "OOM" in text:
            return StoreError(f"{place} has no memory left, nothing was written: raise its maxmemory or free some.")
        if isinstance(error, redis.ReadOnlyError) or "READONLY" in text:
            return StoreError(f"{place} is a replica that cannot be written: name the master.")
        if any(word in text for word in ("MOVED", "CROSSSLOT", "CLUSTERDOWN")):
            return StoreError(f"{place} is part of a cluster, whose schedules deskq does not edit.", text)
        if "MISCONF" in text:
            return StoreError(f"{place} cannot save its data and takes no changes: see its log.", text)
        told = error if isinstance(error, BrokerError) else translate(error, self._profile)
        words = str(told)
        if writes and isinstance(error, redis.ConnectionError | redis.TimeoutError | OSError):
            return Unsure(f"{words} If it was lost while writing, read again to see what is stored.", told.details)
        return StoreError(words, told.details)


def score(schedule: Schedule, zone: str, last_run_at: float | None, now: float) -> int:
    """Return when beat shall look at an entry, whole epoch seconds as redbeat writes them, NEVER if not again.

    As redbeat: what has never run is due now, what is overdue too. Otherwise the next run; redbeat's own sum is
    earlier by what has passed since the last run, so that beat looks in vain until then.
    """
    if last_run_at is None:
        return math.floor(now)
    runs = next_runs(schedule, zone, after=now, count=1, last_run_at=last_run_at)
    return math.floor(runs[0].at) if runs else NEVER


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


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(value: Any) -> str:
    text: str = value.decode("utf-8", "surrogateescape")
    return text
