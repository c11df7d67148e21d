"""Tasks that belong together: a canvas, retries, calls of one name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from deskq.history.reading.failures import Ask
from deskq.history.rows import TaskRow
from deskq.history.writing.codec import pack_uuid
from deskq.protocol.task_record import TaskRecord, sent_by_deskq

Rows = Callable[[str, tuple[Any, ...]], list[TaskRow]]
Records = Callable[[str, tuple[Any, ...]], Iterator[tuple[TaskRow, TaskRecord]]]


class Relatives:
    """Reads by ``rows``, ``records`` and ``ask`` of a HistoryReader; blocking, as that is."""

    def __init__(self, rows: Rows, records: Records, ask: Ask) -> None:
        self._rows = rows
        self._records = records
        self._all = ask

    def related(self, uuid: str, limit: int = 200) -> list[TaskRow]:
        """Return the root, the parent, the children and the rest of the canvas of a task, oldest first, without it."""
        own = pack_uuid(uuid)
        row = next(iter(self._rows("WHERE uuid = ?", (own,))), None)
        if row is None:
            return []
        root = pack_uuid(row.root_id) if row.root_id else own
        parent = pack_uuid(row.parent_id) if row.parent_id else None
        return self._rows(
            "WHERE uuid <> ? AND id IN (SELECT id FROM tasks WHERE root = ? "
            "UNION SELECT id FROM tasks WHERE parent = ? "
            "UNION SELECT id FROM tasks WHERE uuid IN (?, ?)) ORDER BY id LIMIT ?",
            (own, root, own, root, parent, limit),
        )

    def retries_of(self, sources: Sequence[str]) -> dict[str, list[TaskRow]]:
        """Return, for each of these tasks, those that retry it for deskq, whoever sent them; oldest first.

        They have it as their parent. Of those that kept the root of their canvas deskq's own ``task-sent`` tells.
        """
        found: dict[str, list[TaskRow]] = {}
        for first in range(0, len(sources), 500):
            part = tuple(pack_uuid(uuid) for uuid in sources[first : first + 500])
            marks = ", ".join("?" * len(part))
            for row, record in self._records(f"WHERE parent IN ({marks}) ORDER BY id", part):
                if row.retries_parent or (row.parent and sent_by_deskq(record)):
                    found.setdefault(row.parent, []).append(row)
        return found

    def argument_counts(self, name: str, limit: int = 1_000) -> list[tuple[str, str, int]]:
        """Return (args, kwargs, how many) of the newest tasks of a name, as their events told them; "" if not told."""
        rows = self._all(
            "SELECT CAST(coalesce(args, '') AS TEXT), CAST(coalesce(kwargs, '') AS TEXT), count(*) FROM "
            "(SELECT args, kwargs FROM tasks WHERE name_id = (SELECT id FROM texts WHERE text = ?) "
            "ORDER BY id DESC LIMIT ?) GROUP BY 1, 2",
            (name, limit),
        )
        return [(args, kwargs, int(n)) for args, kwargs, n in rows]
