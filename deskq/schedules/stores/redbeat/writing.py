"""One edit of redbeat's keys: compared and written in one transaction, and looked for where its reply was lost.

A connection that was given up may still deliver its EXEC. It is carried out only while nobody has touched the keys that
it watches: touching one of them, without changing it, makes sure that it is never carried out later.
"""

from __future__ import annotations

import math
import time
from typing import Any, Final

import redis
from redis.client import Pipeline

from deskq.schedules.model import Conflict, Entry, Schedule, StoreError, WriteUnknown
from deskq.schedules.stores.redbeat.entries import entry_of
from deskq.schedules.stores.redbeat.entry_json import definition_text, meta_of, meta_text
from deskq.schedules.timing.next_runs import next_runs

NEVER: Final = -1
"""The score of what will not run again; beat looks at none below 0."""


class Edit:
    """Puts ``new`` in the place of ``old``; as ScheduleStore.replace. Its methods take a pipeline that watches nothing.

    ``in_doubt``: EXEC may have left, and its reply has not come. ``stored``: what was written, None for a deletion.
    """

    def __init__(self, old: Entry | None, new: Entry | None, *, prefix: str, zone: str) -> None:
        self._old = old
        self._new = new
        self._prefix = prefix
        self._zone = zone
        self._source = None if old is None else to_bytes(old.key)
        self._target = None if new is None else to_bytes(prefix + new.name)
        self._text = ""
        self.in_doubt = False
        self.stored: Entry | None = None

    def write(self, pipe: Pipeline) -> None:
        """Compare, then write in one transaction. Raises WatchError if a key was touched in between, and StoreError."""
        old, new, source, target = self._old, self._new, self._source, self._target
        schedule = to_bytes(f"{self._prefix}:schedule")
        self._watch(pipe)
        if pipe.type(schedule) not in (b"zset", b"none"):
            raise StoreError(f"The key {to_text(schedule)} is not a sorted set. Check the key prefix.")
        definition, meta = self._still(pipe)
        if target is not None and target != source:
            self._free(pipe, target)
        elif target is not None and pipe.type(target) not in (b"hash", b"none"):
            raise StoreError(f"The key {to_text(target)} is not a hash. Delete the schedule and add it again.")
        now = time.time()
        self._text = "" if new is None else definition_text(new, to_text(definition or b""), now=now)
        pipe.multi()
        if source is not None and source != target:
            pipe.zrem(schedule, source)
            pipe.delete(source)
        if target is not None and new is not None:
            if old is None:
                pipe.delete(target)  # what beat may have left of a deleted entry of that name
                meta = meta_text(new, now).encode()
            pipe.hset(target, "definition", self._text)
            if source != target and meta is not None:
                pipe.hset(target, "meta", meta)
            else:
                pipe.hsetnx(target, "meta", '{"last_run_at": null}')
            last = meta_of(to_text(meta) if meta else None)[0]
            written = self._entry(target, self._text.encode(), meta)
            due = score(written.schedule, self._zone, last, now)
            pipe.zadd(schedule, {target: due})
            self.stored = self._entry(target, self._text.encode(), meta, None if due < 0 else due)
        self.in_doubt = True
        try:
            pipe.execute()
        except (redis.RedisError, OSError) as error:
            self.in_doubt = lost_connection(error) is not None
            raise
        self.in_doubt = False

    def look(self, pipe: Pipeline) -> bool:
        """Was it written, in spite of the lost reply? If not, it never will be. Raises WatchError, Unsure.

        To be asked over another connection.
        """
        self._watch(pipe)
        if self._is_there(pipe):
            return True
        if not self._is_as_before(pipe):
            entry = self._old or self._new
            name = entry.name if entry else ""
            raise WriteUnknown(
                f"Someone else has changed “{name}” since: whether this change was made is unknown. Refresh and check."
            )
        self._touch(pipe, self._source or self._target or b"")
        return False

    def _watch(self, pipe: Pipeline) -> None:
        pipe.watch(*{key for key in (self._source, self._target) if key is not None})

    def _is_there(self, pipe: Pipeline) -> bool:
        if self._target is None:
            return self._source is not None and pipe.type(self._source) == b"none"
        source = self._source
        gone = source is None or source == self._target or pipe.type(source) == b"none"
        return gone and _definition(pipe, self._target) == to_bytes(self._text)

    def _is_as_before(self, pipe: Pipeline) -> bool:
        if self._old is None:
            return _definition(pipe, self._target) is None
        return to_text(_definition(pipe, self._source) or b"") == self._old.version

    def _touch(self, pipe: Pipeline, key: bytes) -> None:
        """Have what another connection watches count as changed. Raises WatchError, Unsure."""
        kind = pipe.type(key)
        fields: Any = pipe.hmget(key, "definition", "meta") if kind == b"hash" else (None, None)
        kept: dict[Any, Any] = {
            name: value for name, value in zip(("definition", "meta"), fields, strict=True) if value is not None
        }
        if kind != b"none" and not kept:
            raise WriteUnknown(f"The key {to_text(key)} does not hold a schedule.")
        pipe.multi()
        pipe.hset(key, mapping=kept or {"definition": ""})  # what is there stays as it is
        if not kept:
            pipe.delete(key)
        pipe.execute()

    def _still(self, pipe: Pipeline) -> tuple[bytes | None, bytes | None]:
        """Return definition and meta of the entry as it was read; raises Changed."""
        old, source = self._old, self._source
        if old is None or source is None:
            return None, None
        try:
            answer: Any = pipe.hmget(source, "definition", "meta")
            definition, meta = answer
        except redis.ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            return None, None  # no entry at all: it can be taken away
        if to_text(definition or b"") != old.version:
            if definition is None:
                raise Conflict(f"Someone else has deleted “{old.name}”.", None)
            theirs = self._entry(source, definition, meta)
            raise Conflict(f"Someone else has changed “{old.name}”; nothing was written.", theirs)
        return definition, meta

    def _free(self, pipe: Pipeline, target: bytes) -> None:
        """Raise StoreError if the name is taken. A meta alone, which beat may leave of a deleted entry, is no entry."""
        kind = pipe.type(target)
        if kind == b"none" or (kind == b"hash" and not pipe.hexists(target, "definition")):
            return
        name = self._new.name if self._new else ""
        raise StoreError(f"“{name}” already exists; nothing was written. Choose another name.")

    def _entry(self, key: bytes, definition: bytes, meta: bytes | None, due_at: float | None = None) -> Entry:
        return entry_of(to_text(key), self._prefix, definition, meta, due_at=due_at, zone=self._zone)


def score(schedule: Schedule, zone: str, last_run_at: float | None, now: float) -> int:
    """Return when beat shall look at an entry, whole epoch seconds as redbeat writes them, NEVER if not again.

    As redbeat: what has never run is due now, what is overdue too. Otherwise the next run; redbeat's own sum is
    earlier by what has passed since the last run, so that beat looks in vain until then.
    """
    if last_run_at is None:
        return math.floor(now)
    runs = next_runs(schedule, zone, after=now, count=1, last_run_at=last_run_at)
    return math.floor(runs[0].at) if runs else NEVER


def lost_connection(error: BaseException | None) -> Exception | None:
    """Return the end of a connection that this error tells of: redis-py calls one within WATCH a WatchError."""
    while error is not None:
        if isinstance(error, redis.ConnectionError | redis.TimeoutError | OSError):
            return error
        error = error.__cause__ or error.__context__
    return None


def to_bytes(text: str) -> bytes:
    """Return a key's bytes; those that are no UTF-8 are surrogates in the text."""
    return text.encode("utf-8", "surrogateescape")


def to_text(value: Any) -> str:
    """Return a key, or another stored value, as text; see to_bytes."""
    text: str = value.decode("utf-8", "surrogateescape")
    return text


def _definition(pipe: Pipeline, key: bytes | None) -> bytes | None:
    """None where there is no entry."""
    if key is None or pipe.type(key) != b"hash":
        return None
    found: Any = pipe.hget(key, "definition")
    return found if isinstance(found, bytes) else None
