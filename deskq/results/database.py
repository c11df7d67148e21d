"""Result records in a database: Celery's own table, or django-celery-results'."""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

from deskq.profiles.urls import split_password
from deskq.results.record import RAW_BYTES, ResultRecord, decode_value, exception_text, from_mapping, shown
from deskq.results.search_path import schemas_of
from deskq.results.store import ResultsUnreadable
from deskq.system import close_socket_after

CELERY_TABLE: Final = "celery_taskmeta"
DJANGO_TABLE: Final = "django_celery_results_taskresult"
CONNECT_SECONDS: Final = 5
ANSWER_SECONDS: Final = 10
_DRIVERS: Final = {"postgresql": "psycopg", "mysql": "pymysql", "mariadb": "pymysql"}
"""deskq's own, whichever one the project's URL names."""
_DEADLINES: Final[dict[str, dict[str, Any]]] = {
    "sqlite": {"timeout": CONNECT_SECONDS},
    "psycopg": {
        "connect_timeout": CONNECT_SECONDS,
        "options": f"-c statement_timeout={ANSWER_SECONDS}s",
    },
    "pymysql": {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": ANSWER_SECONDS,
        "write_timeout": ANSWER_SECONDS,
    },
}
_PACKAGES: Final = {
    "postgresql": "'deskq[postgresql]'",
    "mysql": "'deskq[mysql]'",
    "mariadb": "'deskq[mysql]'",
    "oracle": "oracledb",
}


class DatabaseResults:
    """See ResultStore. SELECTs one row by its task id; columns that a table does not have are left out."""

    sqlite_mode = "ro"
    """SQLite would else make a file where there is none."""

    def __init__(self, url: str) -> None:
        self._url = url.partition("+")[2] if url.startswith(("db+", "django-db+", "database+")) else url
        self.place = split_password(url)[0]
        self._engine: sqlalchemy.Engine | None = None
        self._table: sqlalchemy.Table | None = None

    def get(self, task_id: str) -> ResultRecord | None:
        """See ResultStore."""
        try:
            with self._connected() as connection:
                table = self._found_table(connection)
                chosen = sqlalchemy.select(table).where(table.c.task_id == task_id).limit(1)
                row = connection.execute(chosen).mappings().first()
        except SQLAlchemyError as error:
            self.close()
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise ResultsUnreadable(f"The result backend {self.place} cannot be read: {reason}") from None
        if row is None:
            return None
        found = {str(key): value for key, value in row.items()}
        return _django(task_id, found) if table.name == DJANGO_TABLE else _celery(task_id, found)

    def close(self) -> None:
        """See ResultStore."""
        if self._engine is not None:
            with contextlib.suppress(SQLAlchemyError):
                self._engine.dispose()
            self._engine = self._table = None

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlalchemy.Connection]:
        """A connection of its own, on which no answer is waited for for ever."""
        if self._engine is None:
            self._engine = self._made_engine()
        try:
            opened = self._engine.connect()
        except RuntimeError as error:  # PyMySQL's, before there is a connection
            if "cryptography" not in str(error):
                raise
            raise ResultsUnreadable(
                f"Logging in to {self.place} needs one more package. Run: pip install cryptography"
            ) from None
        with opened, _in_time(opened):
            yield opened

    def _found_table(self, connection: sqlalchemy.Connection) -> sqlalchemy.Table:
        if self._table is None:
            there = schemas_of(connection, (CELERY_TABLE, DJANGO_TABLE))
            name = next((name for name in (CELERY_TABLE, DJANGO_TABLE) if name in there), None)
            if name is None:
                raise ResultsUnreadable(
                    f"{self.place} has no table {CELERY_TABLE} or {DJANGO_TABLE}: no Celery result was ever stored "
                    "there."
                )
            found = sqlalchemy.inspect(connection).get_columns(name, schema=there[name])
            binary = {"result", "children", "args", "kwargs", "stamps"} if name == CELERY_TABLE else set()
            columns = [  # what Celery pickles is read as bytes, whatever type the table has
                sqlalchemy.Column(c["name"], sqlalchemy.LargeBinary() if c["name"] in binary else sqlalchemy.Text())
                for c in found
            ]
            self._table = sqlalchemy.Table(name, sqlalchemy.MetaData(), *columns)
            connection.rollback()  # looking has begun a transaction
        return self._table

    def _made_engine(self) -> sqlalchemy.Engine:
        try:
            url = sqlalchemy.make_url(self._url)
            kind = url.get_backend_name()
            if kind == "sqlite" and url.database:
                place = f"file:{quote(url.database)}"
                url = url.set(drivername="sqlite", database=place, query={"mode": self.sqlite_mode, "uri": "true"})
            driver = _DRIVERS.get(kind, kind)
            if kind in _DRIVERS:
                url = url.set(drivername=f"{kind}+{driver}")
            arguments = dict(_DEADLINES.get(driver, {}))
            if driver == "psycopg":  # which would else take the place of what the URL says, such as a search_path
                own = url.query.get("options", ())
                parts = [own] if isinstance(own, str) else list(own)
                parts += ["-c default_transaction_read_only=on"] if self.sqlite_mode == "ro" else []
                arguments["options"] = " ".join([*parts, arguments["options"]])
            return sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool, connect_args=arguments)
        except NoSuchModuleError:
            raise ResultsUnreadable(f"Unknown database type in {self.place}. Check the URL.") from None
        except ModuleNotFoundError as error:
            kind = self._url.partition(":")[0].partition("+")[0]
            package = _PACKAGES.get(kind, error.name or "its driver")
            raise ResultsUnreadable(f"The database driver is missing. Install it with: pip install {package}") from None
        except (SQLAlchemyError, ValueError) as error:
            raise ResultsUnreadable(f"{self.place} is not a database URL: {str(error).splitlines()[0]}") from None


@contextlib.contextmanager
def _in_time(connection: sqlalchemy.Connection) -> Iterator[None]:
    """Cut the line to a PostgreSQL that stands still: psycopg would wait for ever."""
    if connection.dialect.driver != "psycopg":
        yield
        return
    opened: Any = connection.connection.driver_connection
    with close_socket_after(opened.fileno(), ANSWER_SECONDS):
        yield


def _celery(task_id: str, row: Mapping[str, Any]) -> ResultRecord:
    """Celery before 5.7 pickled ``result`` whatever the serializer was; later versions encode it."""
    raw = _bytes(row.get("result"))
    value, kind, text = decode_value(raw) if raw else (None, "nothing", "")
    exception = exception_text(value)
    meta = {key: row.get(key) for key in ("status", "traceback", "name", "worker", "queue")}
    retries, children = str(row.get("retries") or ""), decode_value(_bytes(row.get("children")))[0]
    record = from_mapping(task_id, {**meta, "children": children, "date_done": row.get("date_done")})
    return replace(
        record,
        result="" if exception is not None else text,
        kind=kind,
        exception=exception,
        args=decode_value(_bytes(row.get("args")))[0],
        kwargs=decode_value(_bytes(row.get("kwargs")))[0],
        retries=int(retries) if retries.isdigit() else 0 if "retries" in row and record.name else None,
        raw=raw[:RAW_BYTES],
        size=len(raw),
    )


def _django(task_id: str, row: Mapping[str, Any]) -> ResultRecord:
    """Its columns are texts; binary serializers are base64. Its arguments are the reprs that events carry, encoded."""
    binary = row.get("content_encoding") == "binary"
    raw = _decoded(row.get("result"), binary)
    value, kind, text = decode_value(raw) if raw else (None, "nothing", "")
    exception = exception_text(value)
    meta = decode_value(_decoded(row.get("meta"), binary))[0]
    known = meta if isinstance(meta, Mapping) else {}
    children = known.get("children")
    arguments = [decode_value(_decoded(row.get(key), binary))[0] for key in ("task_args", "task_kwargs")]
    names = {"status": row.get("status"), "traceback": row.get("traceback"), "date_done": row.get("date_done")}
    record = from_mapping(task_id, {**names, "name": row.get("task_name"), "worker": row.get("worker")})
    return replace(
        record,
        result="" if exception is not None else text,
        kind=kind,
        exception=exception,
        children=shown(children) if children else None,
        args=arguments[0],
        kwargs=arguments[1],
        arguments_are_reprs=True,
        raw=raw[:RAW_BYTES],
        size=len(raw),
    )


def _bytes(value: Any) -> bytes:
    if value is None:
        return b""
    return value.encode() if isinstance(value, str) else bytes(value)


def _decoded(value: Any, binary: bool) -> bytes:
    raw = _bytes(value)
    if binary:
        try:
            return base64.b64decode(raw, validate=True)
        except (binascii.Error, ValueError):
            return raw
    return raw
