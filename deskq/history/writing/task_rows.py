"""One task as a row: its columns, the statements that write and load it, and what the writer keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from deskq.history.writing import codec
from deskq.history.writing.codec import RAN_TWICE, ROOT_IS_SELF, Texts, pack_uuid
from deskq.history.writing.counters import NOTHING, Counted, counted_of_row, packed_cells
from deskq.protocol.task_record import TaskRecord
from deskq.protocol.task_summary import TaskSummary

COLUMNS: Final = (
    "id, uuid, state_id, name_id, queue_id, worker_id, seen, sent, received, started, finished, runtime, eta, expires, "
    "retries, deliveries, flags, exchange_id, routing_key_id, root, parent, args, kwargs, result, exception, revoked, "
    "observations, counted"
)
INSERT: Final = f"INSERT INTO tasks ({COLUMNS}) VALUES ({', '.join('?' * 28)})"
UPDATE: Final = (
    "UPDATE tasks SET state_id=?3, name_id=?4, queue_id=?5, worker_id=?6, sent=?8, received=?9, started=?10, "
    "finished=?11, runtime=?12, eta=?13, expires=?14, retries=?15, deliveries=?16, flags=?17, exchange_id=?18, "
    "routing_key_id=?19, root=?20, parent=?21, args=?22, kwargs=?23, result=?24, exception=?25, revoked=?26, "
    "observations=?27, counted=?28 WHERE id=?1 AND ?2 IS NOT NULL AND ?7 IS NOT NULL"
)


def _text_of(column: str) -> str:
    return f"(SELECT text FROM texts WHERE id = {column})"


LOAD: Final = (  # sub-selects, since six joins take five times as long to find that there is no such task
    f"SELECT id, seen, {_text_of('state_id')}, {_text_of('name_id')}, args, kwargs, root, parent, eta, expires, "
    f"{_text_of('queue_id')}, {_text_of('exchange_id')}, {_text_of('routing_key_id')}, result, observations, flags, "
    "received, finished, runtime, counted FROM tasks WHERE id = ?"
)
FIND: Final = "SELECT id FROM tasks WHERE uuid = ?"


class CachedRecord(msgspec.Struct, gc=False):
    """A record in the writer's hands, with what is in the file of it already. ``id`` 0: not in the file yet.

    ``uuid``: as ``pack_uuid`` gives it. ``counted``: what the tallies in the file have of it.
    ``old_id``: the id that it had in a file that was set aside, and gets again.
    """

    record: TaskRecord
    seen: float
    uuid: bytes | str
    id: int = 0
    counted: Counted = NOTHING
    old_id: int = 0


def row_of(
    row_id: int, kept: CachedRecord, summary: TaskSummary, texts: Mapping[str, int | None], counted: Counted
) -> tuple[Any, ...]:
    """Return the values of INSERT and UPDATE, in the order of COLUMNS."""
    uuid, root, parent = summary.uuid, summary.root_id, summary.parent_id
    outcome = summary.outcome
    return (
        row_id,
        kept.uuid,
        texts[summary.state],
        texts[summary.name],
        texts[summary.queue],
        texts[summary.worker],
        kept.seen,
        summary.sent,
        summary.received,
        summary.started,
        summary.finished,
        summary.runtime,
        summary.eta,
        summary.expires,
        summary.retries,
        summary.deliveries,
        (RAN_TWICE if summary.ran_twice else 0) | (ROOT_IS_SELF if root == uuid else 0),
        texts[summary.exchange],
        texts[summary.routing_key],
        pack_uuid(root) if root and root != uuid else None,
        pack_uuid(parent) if parent else None,
        summary.args or None,
        summary.kwargs or None,
        (outcome.result if outcome is not None else summary.result) or None,
        summary.exception or None,
        summary.revoked or None,
        codec.pack_record(kept.record, summary.message, outcome),
        packed_cells(counted) if counted[5] else None,
    )


def cached_record_of(uuid: str, row: Any) -> CachedRecord:
    """Return what a row of LOAD says; raises one of codec.UNREADABLE where it is damaged."""
    row_id, seen, state, name, args, kwargs, root, parent, eta, expires = row[:10]
    queue, exchange, key, result, blob, flags, received, finished, runtime, cells = row[10:]
    root_id = uuid if flags & ROOT_IS_SELF else codec.unpack_uuid(root)
    texts = Texts(
        *(name or "", args or "", kwargs or "", root_id, codec.unpack_uuid(parent), eta, expires),
        *(queue or "", exchange or "", key or "", result or ""),
    )
    record = codec.unpack_record(uuid, blob, texts)
    counted = counted_of_row(state or "", name or "", received, finished, runtime, cells)
    return CachedRecord(record, seen, pack_uuid(uuid), row_id, counted)


def size_of(row: tuple[Any, ...]) -> int:
    """Return about how many characters a row of ``row_of`` holds: its arguments, its result and what was observed."""
    return len(row[26]) + len(row[21] or "") + len(row[22] or "") + len(row[23] or "")
