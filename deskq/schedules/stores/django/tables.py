"""The tables of django-celery-beat 2.0 to 2.9, by the columns that they really have, and Django's times in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy

from deskq.results.search_path import schemas_of
from deskq.schedules.model import Clocked, Crontab, Interval, Solar, StoreError

PREFIX: Final = "django_celery_beat_"
TASK: Final = "periodictask"
CHANGES: Final = "periodictasks"
# The kinds of schedule, in the order in which beat looks for them, and their tables.
KINDS: Final[Mapping[str, str]] = {
    "interval": "intervalschedule",
    "crontab": "crontabschedule",
    "solar": "solarschedule",
    "clocked": "clockedschedule",
}
CLASSES: Final[Mapping[str, type]] = {"interval": Interval, "crontab": Crontab, "solar": Solar, "clocked": Clocked}
TIMES: Final = frozenset({"expires", "start_time", "last_run_at", "date_changed", "last_update", "clocked_time"})
_NUMBERS: Final = frozenset({"latitude", "longitude"})
_BOOLEANS: Final = frozenset({"enabled", "one_off"})
# These came later than 2.0: an Entry's field or option that needs the column.
_LATER: Final = {"one_off": "one_off", "start_time": "start_time"}


class Time(sqlalchemy.types.TypeDecorator[float]):
    """A time as Django keeps it, as epoch seconds: UTC, with the zone in PostgreSQL only, a text in SQLite.

    A project with USE_TZ = False keeps times without a zone: as in its beat (DJANGO_CELERY_BEAT_TZ_AWARE = False) they
    are UTC. In PostgreSQL, where such a project writes them as times of its own zone, they are off by its offset.
    """

    impl = sqlalchemy.DateTime
    cache_ok = True

    def __init__(self, zoned: bool = False) -> None:
        super().__init__()
        self._zoned = zoned

    def load_dialect_impl(self, dialect: sqlalchemy.Dialect) -> Any:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sqlalchemy.String())
        return dialect.type_descriptor(sqlalchemy.DateTime(timezone=self._zoned))

    def process_bind_param(self, value: float | None, dialect: sqlalchemy.Dialect) -> Any:
        if value is None:
            return None
        time = datetime.fromtimestamp(value, UTC)
        if not self._zoned:
            time = time.replace(tzinfo=None)
        return str(time) if dialect.name == "sqlite" else time

    def process_result_value(self, value: Any, dialect: sqlalchemy.Dialect) -> float | None:
        if value is None:
            return None
        try:
            time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
            return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None


@dataclass(frozen=True)
class Tables:
    """What was found: ``kinds`` of schedule that have a table and a column, ``lengths`` of the texts, by table."""

    task: sqlalchemy.Table
    changes: sqlalchemy.Table | None
    kinds: dict[str, sqlalchemy.Table]
    lengths: dict[tuple[str, str], int]

    def has(self, column: str) -> bool:
        """Whether the tasks' table has that column."""
        return column in self.task.c

    @property
    def zoned(self) -> bool:
        """Whether crontabs have zones."""
        return "crontab" in self.kinds and "timezone" in self.kinds["crontab"].c

    @property
    def classes(self) -> frozenset[type]:
        """The classes of Schedule that have a table."""
        return frozenset(CLASSES[kind] for kind in self.kinds)

    @property
    def fields(self) -> frozenset[str]:
        """The fields of Entry beside those that every version has."""
        later = {field for field, column in _LATER.items() if self.has(column)}
        return frozenset({"expires_at", "description", "last_run_at", "total_run_count"} | later)


def find_tables(connection: sqlalchemy.Connection, place: str) -> Tables:
    """Look what is there; raises StoreError where the tables are missing."""
    inspector = sqlalchemy.inspect(connection)
    names = {name: PREFIX + name for name in (TASK, CHANGES, *KINDS.values())}
    there = schemas_of(connection, names.values())
    if names[TASK] not in there:
        raise StoreError(
            f"{place} has no table {names[TASK]}: it is not the database of a project with django-celery-beat, "
            "or its migrations have not run (python manage.py migrate django_celery_beat)."
        )
    metadata, lengths = sqlalchemy.MetaData(), {}
    tables: dict[str, sqlalchemy.Table] = {}
    for short, name in names.items():
        if name not in there:
            continue
        columns = inspector.get_columns(name, schema=there[name])
        for column in columns:
            length = getattr(column["type"], "length", None)
            if isinstance(length, int):
                lengths[short, column["name"]] = length
        tables[short] = sqlalchemy.Table(name, metadata, *(_column(c["name"], c["type"]) for c in columns))
    task = tables[TASK]
    kinds = {kind: tables[t] for kind, t in KINDS.items() if t in tables and f"{kind}_id" in task.c}
    missing = {"id", "name", "task", "args", "kwargs", "enabled"} - set(task.c.keys())
    if missing or not kinds:
        raise StoreError(
            f"The table {names[TASK]} of {place} is not as django-celery-beat 2.0 to 2.9 makes it: "
            f"it lacks {', '.join(sorted(missing)) or 'its schedules'}."
        )
    return Tables(task, tables.get(CHANGES), kinds, lengths)


def _column(name: str, kind: Any) -> sqlalchemy.Column[Any]:
    primary = name in {"id", "ident"}
    if name in TIMES:
        return sqlalchemy.Column(name, Time(bool(getattr(kind, "timezone", False))))
    if name in _NUMBERS:
        return sqlalchemy.Column(name, sqlalchemy.Float())
    if name in _BOOLEANS:
        return sqlalchemy.Column(name, sqlalchemy.Boolean())
    if primary or name.endswith("_id") or name in {"every", "priority", "expire_seconds", "total_run_count"}:
        return sqlalchemy.Column(name, sqlalchemy.BigInteger(), primary_key=primary)
    if isinstance(kind, sqlalchemy.String):
        return sqlalchemy.Column(name, sqlalchemy.Text())
    return sqlalchemy.Column(name, kind)  # of a later version; only looked at for the version of a row
