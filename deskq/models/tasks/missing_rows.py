"""Rows of the task table that were painted without content, read afterwards."""

from __future__ import annotations

from PySide6.QtCore import QTimer

from deskq.models.tasks.list import TaskList
from deskq.models.tasks.queries import HEAD
from deskq.services.session import ProfileSession


class MissingRows(QTimer):
    """Reads for ``rows`` what it is asked for, those in sight first; one question at a time."""

    def __init__(self, session: ProfileSession, rows: TaskList) -> None:
        super().__init__(rows, singleShot=True, interval=0)
        self._session = session
        self._rows = rows
        self._numbers: set[int] = set()
        self._reading = False
        self.timeout.connect(self._read)

    def want(self, row_id: int) -> None:
        """Read the row of this id soon."""
        self._numbers.add(row_id)
        if not self.isActive():
            self.start()

    def _read(self) -> None:
        if self._reading or not self._numbers:
            return
        near = {self._rows.id_at(row) for row in self._rows.near()}
        wanted = sorted(self._numbers, key=lambda row_id: (row_id in near, row_id))[-2 * HEAD :]
        self._numbers, self._reading = set(), True
        self._session.spawn(self._read_rows(wanted), "task rows", owner=self._rows)

    async def _read_rows(self, numbers: list[int]) -> None:
        try:
            rows = await self._session.ask(lambda reader: reader.rows(numbers), slot="task rows")
        finally:
            self._reading = False
        self._rows.drop(set(numbers) - {row.id for row in rows})
        self._rows.adopt_rows(rows)
        self._read()
