"""Databases of others: reached by SQLAlchemy, with deadlines everywhere, and errors that say what to do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from deskq.profiles.urls import shown
from deskq.schedules.model import StoreError, WriteUnknown
from deskq.system import close_socket_after

CONNECT_SECONDS: Final = 5
LOCK_SECONDS: Final = 5
ANSWER_SECONDS: Final = 15
_DRIVERS: Final = {"postgresql": "psycopg", "mysql": "pymysql", "sqlite": "pysqlite"}
_ALIASES: Final = {"postgres": "postgresql", "mariadb": "mysql", "sqlite3": "sqlite"}
_EXTRAS: Final = {"postgresql": "postgresql", "mysql": "mysql"}
# SQLSTATEs of PostgreSQL, error numbers of MySQL and MariaDB (1020: from MariaDB 11.6 on, a row that changed since the
# transaction began), and what SQLite says.
_LOCKED: Final = {"55P03", "40P01", "40001", 1020, 1205, 1213}
_LATE: Final = {"57014", 1969, 3024}
_FORBIDDEN: Final = {"42501", "25006", 1142, 1143, 1044, 1227, 1290, 1792, 1836}


class Database:
    """One database. Connections are opened for each transaction and closed after it: none idles at the server."""

    def __init__(self, url: str) -> None:
        """``url``: SQLAlchemy's; deskq chooses the driver. Connects to nothing. Raises StoreError."""
        self.place = shown(url)
        scheme, separator, rest = url.partition("://")
        kind = scheme.partition("+")[0].lower()
        self.kind = _ALIASES.get(kind, kind)
        if not separator or self.kind not in _DRIVERS:
            raise StoreError(
                f"{self.place} is not a database that deskq can read. Use postgresql://, mysql:// or sqlite:///."
            )
        try:
            parsed = sqlalchemy.make_url(f"{self.kind}+{_DRIVERS[self.kind]}://{rest}")
            if self.kind == "sqlite":
                parsed = _existing_file(parsed)
            self._engine = sqlalchemy.create_engine(
                parsed, poolclass=sqlalchemy.pool.NullPool, connect_args=_deadlines(self.kind), hide_parameters=True
            )
        except ModuleNotFoundError:
            raise StoreError(
                f"The driver for {self.place} is missing: install it with pip install 'deskq[{_EXTRAS[self.kind]}]'."
            ) from None
        except (SQLAlchemyError, ValueError):
            raise StoreError(
                f"{self.place} is not a database URL. Write it like {self.kind}://user@host/name."
            ) from None
        if self.kind == "sqlite":
            # The sqlite3 module would begin a transaction only when something is written.
            sqlalchemy.event.listen(self._engine, "connect", _no_transactions)
            sqlalchemy.event.listen(self._engine, "begin", _begin)

    @contextlib.contextmanager
    def transaction(self, *, writes: bool = False) -> Iterator[sqlalchemy.Connection]:
        """One transaction, rolled back if it raises. Raises StoreError for whatever the database says.

        Unsure where the connection ended after COMMIT was sent; before that nothing was written.
        """
        committing = False
        try:
            connecting = self._engine.connect()
            with connecting as connection, self._watched(connection):
                connection = connection.execution_options(deskq_writes=writes)
                with connection.begin() as begun:
                    self._limit(connection, writes)
                    yield connection
                    committing = writes
                    begun.commit()
        except DBAPIError as error:
            raise self._explained(error, writes, committing) from None
        except SQLAlchemyError as error:
            raise StoreError(f"The database {self.place} cannot be read: {_first_line(error)}.") from None
        except RuntimeError as error:  # PyMySQL's, before there is a connection
            if "cryptography" not in str(error):
                raise
            raise StoreError(
                f"Logging in to {self.place} needs one more package. Run: pip install cryptography"
            ) from None
        except UnicodeError:
            raise StoreError("The database rejects this text. Remove what is not valid Unicode.") from None

    def close(self) -> None:
        """Never raises."""
        with contextlib.suppress(SQLAlchemyError):
            self._engine.dispose()

    def _limit(self, connection: sqlalchemy.Connection, writes: bool) -> None:
        if self.kind == "postgresql":
            if not writes:  # all tables as of one moment, which the others do by themselves
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_SECONDS * 1000}")
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {(ANSWER_SECONDS - 3) * 1000}")
        elif self.kind == "mysql":
            connection.exec_driver_sql(f"SET SESSION innodb_lock_wait_timeout = {LOCK_SECONDS}")

    @contextlib.contextmanager
    def _watched(self, connection: sqlalchemy.Connection) -> Iterator[None]:
        """Cuts the line to a PostgreSQL that does not answer: psycopg would wait for ever."""
        if self.kind != "postgresql":
            yield
            return
        opened: Any = connection.connection.driver_connection
        with close_socket_after(opened.fileno(), ANSWER_SECONDS):
            yield

    def _explained(self, error: DBAPIError, writes: bool, committing: bool) -> StoreError:
        original = error.orig
        # psycopg tells an SQLSTATE, PyMySQL a number first.
        codes = {getattr(original, "sqlstate", None), *(original.args[:1] if original else ())}
        reason = _first_line(original or error)
        if codes & _FORBIDDEN or "readonly database" in reason or "read-only" in reason:
            if writes:
                return StoreError(
                    f"{self.place} was not changed: the account has no write permission. Grant it on the tables "
                    "django_celery_beat_*, or use another account.",
                    reason,
                )
            return StoreError(f"{self.place} denies the account reading its tables: {reason}.", reason)
        done = "nothing was written" if writes else "nothing was read"
        if codes & _LATE:
            return StoreError(f"{self.place} did not respond in time; {done}. Try again in a moment.", reason)
        if codes & _LOCKED or "database is locked" in reason or "database table is locked" in reason:
            return StoreError(f"{self.place} is locked by another process; {done}. Try again in a moment.", reason)
        if "unable to open database file" in reason:
            return StoreError(f"Cannot open {self.place}: the file is missing or not readable.", reason)
        if "file is not a database" in reason:
            return StoreError(f"{self.place} is not an SQLite database.", reason)
        if isinstance(error, sqlalchemy.exc.IntegrityError):
            return StoreError(f"{self.place} was not changed: it rejected the row: {reason}.", reason)
        if error.connection_invalidated or isinstance(error, sqlalchemy.exc.OperationalError):
            if committing:
                return WriteUnknown(f"The connection to {self.place} was lost while writing: {reason}.", reason)
            return StoreError(f"The database {self.place} cannot be reached; {done}: {reason}.", reason)
        doing = "changed" if writes else "read"
        return StoreError(f"{self.place} was not {doing}: {reason}.", reason)


def _existing_file(url: sqlalchemy.URL) -> sqlalchemy.URL:
    """SQLite would else make a file where there is none; one that may only be read is still read."""
    if not url.database or url.database == ":memory:":
        raise StoreError("An in-memory database cannot be shared. Use a file, like sqlite:////srv/shop/db.sqlite3.")
    if url.database.startswith("file:"):
        return url
    return url.set(database=f"file:{quote(url.database)}", query={**url.query, "mode": "rw", "uri": "true"})


def _deadlines(kind: str) -> dict[str, Any]:
    if kind == "postgresql":
        return {"connect_timeout": CONNECT_SECONDS, "application_name": "deskq"}
    if kind == "mysql":
        return {
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": ANSWER_SECONDS,
            "write_timeout": ANSWER_SECONDS,
            "program_name": "deskq",
        }
    return {"timeout": LOCK_SECONDS}


def _no_transactions(connection: Any, _record: object) -> None:
    connection.isolation_level = None


def _begin(connection: sqlalchemy.Connection) -> None:
    writes = connection.get_execution_options().get("deskq_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _first_line(error: BaseException) -> str:
    args = error.args
    text = str(args[1] if len(args) > 1 and isinstance(args[0], int) else error)
    return (text.strip().splitlines() or [type(error).__name__])[0].strip().rstrip(".")
