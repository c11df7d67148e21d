"""Marking records in Celery's own table: one transaction, whose UPDATE has a condition on the state of the row."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from deskq.errors import UserError
from deskq.results.abort import port as aborting
from deskq.results.abort.port import AbortResult
from deskq.results.database import CELERY_TABLE, DatabaseResults
from deskq.results.store import ResultsUnreadable

_OVERTAKEN: Final = frozenset({1020, 1213, "40001", "40P01"})
"""MariaDB from 11.6 on refuses to write a row that changed since the transaction began (1020), as PostgreSQL does if
told to; 1213 and 40P01 are deadlocks. Each ends the transaction, also where it came to COMMIT."""


class DatabaseMarker(DatabaseResults):
    """See Marker. ``expires`` has no meaning: beat's ``celery.backend_cleanup`` removes what is done."""

    sqlite_mode = "rw"

    def mark(self, task_id: str, *, expires: float | None, create_missing: bool) -> AbortResult:
        """See Marker."""
        for _ in range(aborting.TRIES):
            found = self._tried(task_id, create_missing)
            if found is not None:
                return found
        return AbortResult("failed", aborting.TOO_BUSY)

    def _tried(self, task_id: str, create_missing: bool) -> AbortResult | None:
        """Try it once; None where somebody else wrote the row in this moment."""
        committing = False
        try:
            with self._connected() as connection, self._begun(connection) as (table, transaction):
                own = table.c.task_id == task_id
                row = connection.execute(sqlalchemy.select(table.c.status).where(own)).first()
                before = row[0] if row is not None else None
                if (left_alone := aborting.skip_reason(before)) is not None:
                    return left_alone
                empty = sqlalchemy.null()  # the columns' types are not those of the table: see DatabaseResults
                values = {"status": aborting.ABORTED, "result": empty, "traceback": empty, "date_done": empty}
                if row is None:
                    if not create_missing:
                        return aborting.not_begun(task_id)
                    self._insert(connection, {"task_id": task_id, **values})
                else:
                    same = table.c.status.is_(None) if before is None else table.c.status == before
                    if not connection.execute(sqlalchemy.update(table).where(own, same).values(values)).rowcount:
                        return None
                committing = True
                transaction.commit()
        except IntegrityError:
            return None
        except SQLAlchemyError as error:
            self.close()
            if _overtaken(error):
                return None
            if committing:
                return self._looked_again(task_id)
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise ResultsUnreadable(f"The result backend {self.place} cannot be written: {reason}") from None
        return aborting.marked(before)

    @contextlib.contextmanager
    def _begun(
        self, connection: sqlalchemy.Connection
    ) -> Iterator[tuple[sqlalchemy.Table, sqlalchemy.RootTransaction]]:
        table = self._found_table(connection)
        if table.name != CELERY_TABLE:
            raise ResultsUnreadable(f"{self.place} belongs to django-celery-results; deskq does not write to it.")
        with connection.begin() as transaction:
            yield table, transaction

    def _insert(self, connection: sqlalchemy.Connection, values: dict[str, Any]) -> None:
        """Celery's own table knows where the number of a new row comes from, which differs between databases."""
        from celery.backends.database.models import Task

        connection.execute(sqlalchemy.insert(Task.__table__).values(values))

    def _looked_again(self, task_id: str) -> AbortResult:
        try:
            record = self.get(task_id)
        except UserError:
            return aborting.NOT_KNOWN
        state = record.state if record is not None else None
        return aborting.NOT_TOLD if state == aborting.ABORTED else aborting.skip_reason(state) or aborting.NOT_KNOWN


def _overtaken(error: SQLAlchemyError) -> bool:
    """Did somebody else write in this moment, so that nothing of the transaction is there?"""
    original = getattr(error, "orig", None)
    # psycopg tells an SQLSTATE, PyMySQL a number first.
    codes = {getattr(original, "sqlstate", None), *(original.args[:1] if original is not None else ())}
    return not _OVERTAKEN.isdisjoint(codes)
