"""Schedules that django-celery-beat keeps in a database, without Django."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple

import sqlalchemy

from deskq.errors import UserError
from deskq.schedules.model import (
    Abilities,
    BeatEvidence,
    Clocked,
    Conflict,
    Crontab,
    Entry,
    Interval,
    Reading,
    Solar,
    StoreChunk,
    StoreContent,
    StoreError,
    StoreKind,
    Unsupported,
    WriteUnknown,
    whole,
)
from deskq.schedules.stores.django.databases import Database
from deskq.schedules.stores.django.rows import (
    DjangoRow,
    Sharers,
    columns_of,
    entry_of,
    schedule_columns,
    schedule_row,
    version_of,
)
from deskq.schedules.stores.django.tables import Tables, find_tables
from deskq.schedules.timing.zones import zone_of

ZONE_OPTION: Final = "deskq_zone"
_SCHEME: Final = f"{StoreKind.DJANGO.value}:"
_NEWEST: Final = frozenset({"one_off", "start_time", "expires_at", "description", "last_run_at", "total_run_count"})
_PART: Final = 500
_WORDS: Final = "Whether beat is running is unknown: django-celery-beat stores only runs, about every 3 minutes."


class _Written(NamedTuple):
    """What a transaction wrote: the task's row, and the entry as it will be read, None for a deletion."""

    key: int
    stored: Entry | None


class DjangoBeatStore:
    """See ScheduleStore. Tables of django-celery-beat 2.0 to 2.9 in PostgreSQL, MySQL, MariaDB or SQLite.

    Django's tables do not tell which entries an app's ``beat_schedule`` wrote: those are editable here and written
    again at beat's next start. Crontabs are read with the zone that is stored with each; one without is stored with
    the store's. ``abilities`` are those of the newest version until the first read has looked at the tables.
    An edit never changes a schedule row: an equal one is used or a new one made, unless ``change_shared``.
    Beat (2.9) reads a row and writes all of it after a run: an edit within those milliseconds is lost to it.
    """

    kind = StoreKind.DJANGO

    def __init__(self, url: str) -> None:
        """``url``: SQLAlchemy's, also with "django-celery-beat:" before it; the option ``deskq_zone`` in its query
        names the app's time zone (UTC). Connects to nothing. Raises StoreError."""
        plain, self.zone = _without_zone(url.removeprefix(_SCHEME))
        try:
            zone_of(self.zone)
        except UserError as error:
            raise StoreError(str(error)) from None
        self._database = Database(plain)
        self.title = self._database.place
        self.url = _SCHEME + self._database.place
        if self.zone != "UTC":
            self.url += f"{'&' if '?' in self.url else '?'}{ZONE_OPTION}={self.zone}"
        self._tables: Tables | None = None
        self.abilities = Abilities(kinds=frozenset({Interval, Crontab, Solar, Clocked}), fields=_NEWEST, zoned=True)

    def read(self) -> StoreContent:
        """See ScheduleStore."""
        return whole(self.read_in_parts())

    def read_in_parts(self) -> Reading:
        """See ScheduleStore. One query for each table; the transaction has ended before there is a first part."""
        with self._looking_again(), self._database.transaction() as connection:
            tables = self._look(connection)
            rows, made = self._rows(connection, tables)
        entries: list[Entry] = []
        for start in range(0, len(rows), _PART):
            part = [made(row) for row in rows[start : start + _PART]]
            entries += part
            yield StoreChunk(tuple(part), len(rows))
        last = max((entry.last_run_at for entry in entries if entry.last_run_at is not None), default=None)
        warnings = []
        if tables.changes is None:
            warnings.append("The table django_celery_beat_periodictasks is missing: beat would not see changes.")
        return StoreContent(
            entries=tuple(entries),
            beat=BeatEvidence(last=last, words=_WORDS),
            warnings=tuple(warnings),
            read_at=time.time(),
        )

    def replace(self, old: Entry | None, new: Entry | None, *, change_shared: bool = False) -> Entry | None:
        """See ScheduleStore. Only the columns that differ between ``old`` and ``new`` are written."""
        if old is None and new is None:
            return None
        written: list[_Written] = []
        try:
            with self._looking_again(), self._database.transaction(writes=True) as connection:
                written.append(self._write(connection, old, new, change_shared))
        except WriteUnknown as error:
            return self._look_for(old, written[0], error)
        return written[0].stored

    def _write(
        self, connection: sqlalchemy.Connection, old: Entry | None, new: Entry | None, change_shared: bool
    ) -> _Written:
        tables = self._look(connection)
        self._refuse_without_changes(tables)
        assert tables.changes is not None
        key = None if old is None else self._still(connection, tables, old)
        if new is not None and (old is None or new.name != old.name):
            _name_is_free(connection, tables, new.name, key)
        if new is None:
            connection.execute(sqlalchemy.delete(tables.task).where(tables.task.c.id == key))
        elif key is None or old is None:
            key = self._add(connection, tables, new)
        else:
            self._edit(connection, tables, key, old, new, change_shared)
        _touch(connection, tables.changes)
        assert key is not None
        stored = self._read(connection, tables, key) if new is not None else []
        return _Written(key, stored[0] if stored else None)

    def _look_for(self, old: Entry | None, written: _Written, lost: WriteUnknown) -> Entry | None:
        """What was committed although its reply was lost; raises Unsure, and StoreError if it never will be.

        A COMMIT may still be on its way, and its transaction open: then it holds the row that every change writes.
        """
        try:
            with self._database.transaction(writes=True) as connection:
                tables = self._look(connection)
                if tables.changes is None or not _hold(connection, tables.changes):
                    raise StoreError(f"{self.title} has no row in django_celery_beat_periodictasks to lock.")
                found = next(iter(self._read(connection, tables, written.key)), None)
        except StoreError as error:
            raise WriteUnknown(f"{lost} The change may have been written. Refresh and check.", str(error)) from None
        versions = [None if entry is None else entry.version for entry in (found, written.stored, old)]
        if versions[0] == versions[1]:
            return written.stored
        if versions[0] == versions[2]:
            raise StoreError(f"{lost} Nothing was written. Try again.", lost.details)
        raise WriteUnknown(
            f"{lost} Someone else has changed it since: whether this change was made is unknown. Check it."
        )

    def check(self, old: Entry | None, new: Entry) -> None:
        """See ScheduleStore."""
        tables = self._tables
        if tables is None:
            with self._looking_again(), self._database.transaction() as connection:
                tables = self._look(connection)
        self._refuse_without_changes(tables)
        if old is not None and new == replace(old, enabled=new.enabled):
            return
        columns_of(new, tables)
        if old is None or new.schedule != old.schedule:
            schedule_columns(new.schedule, tables, self.zone)

    def _refuse_without_changes(self, tables: Tables) -> None:
        if tables.changes is None:
            raise StoreError(f"{self.title} lacks django_celery_beat_periodictasks: beat would not see changes.")

    def close(self) -> None:
        """See ScheduleStore."""
        self._database.close()

    @contextlib.contextmanager
    def _looking_again(self) -> Iterator[None]:
        """After an error the tables are looked at again: a migration may have changed them."""
        try:
            yield
        except (Conflict, Unsupported, WriteUnknown):
            raise
        except StoreError:
            self._tables = None
            raise

    def _look(self, connection: sqlalchemy.Connection) -> Tables:
        if self._tables is None:
            self._tables = find_tables(connection, self.title)
            self.abilities = replace(
                self.abilities, kinds=self._tables.classes, fields=self._tables.fields, zoned=self._tables.zoned
            )
        return self._tables

    def _read(self, connection: sqlalchemy.Connection, tables: Tables, key: int) -> list[Entry]:
        rows, made = self._rows(connection, tables, key)
        return [made(row) for row in rows]

    def _rows(
        self, connection: sqlalchemy.Connection, tables: Tables, key: int | None = None
    ) -> tuple[list[dict[str, Any]], Callable[[dict[str, Any]], Entry]]:
        """Read the rows of the tasks, all or one, and what makes each an entry."""
        chosen = sqlalchemy.select(tables.task).order_by(tables.task.c.name, tables.task.c.id)
        if key is not None:
            chosen = chosen.where(tables.task.c.id == key)
        users = _users(connection, tables, key)
        rows = list(_rows(connection, chosen))
        schedules = {
            kind: self._schedule_rows(
                connection, tables, kind, None if key is None else [r[f"{kind}_id"] for r in rows]
            )
            for kind in tables.kinds
        }

        def made(row: dict[str, Any]) -> Entry:
            named = [(kind, number) for kind in tables.kinds if (number := row[f"{kind}_id"]) is not None]
            found = {kind: schedules[kind].get(number) or schedule_row(kind, None, self.zone) for kind, number in named}
            return entry_of(row, found, users[named[0]].besides(row["name"]) if named else ())

        return rows, made

    def _schedule_rows(
        self,
        connection: sqlalchemy.Connection,
        tables: Tables,
        kind: str,
        keys: list[int] | None,
        lock: bool = False,
    ) -> dict[int, DjangoRow]:
        """``keys``: None for all rows."""
        table = tables.kinds[kind]
        chosen = sqlalchemy.select(table)
        if keys is not None:
            chosen = chosen.where(table.c.id.in_(keys))
        if lock:
            chosen = chosen.with_for_update()
        return {row["id"]: schedule_row(kind, row, self.zone) for row in _rows(connection, chosen)}

    def _still(self, connection: sqlalchemy.Connection, tables: Tables, old: Entry) -> int:
        """Lock the entry's rows and compare; raises Changed."""
        key = int(old.key) if old.key.isdecimal() else -1
        chosen = sqlalchemy.select(tables.task).where(tables.task.c.id == key).with_for_update()
        rows = list(_rows(connection, chosen))
        if not rows:
            raise Conflict(f"Someone else has deleted “{old.name}”.", None)
        schedules: dict[str, DjangoRow] = {}
        for kind in tables.kinds:
            number = rows[0][f"{kind}_id"]
            if number is not None:
                found = self._schedule_rows(connection, tables, kind, [number], lock=True)
                schedules[kind] = found.get(number) or schedule_row(kind, None, self.zone)
        if version_of(rows[0], schedules) != old.version:
            theirs = self._read(connection, tables, key)
            raise Conflict(f"Someone else has changed “{old.name}”; nothing was written.", theirs[0])
        return key

    def _add(self, connection: sqlalchemy.Connection, tables: Tables, new: Entry) -> int:
        columns = columns_of(new, tables)
        columns |= {"last_run_at": new.last_run_at, "total_run_count": new.total_run_count or 0}
        kind, wanted = schedule_columns(new.schedule, tables, self.zone)
        columns[f"{kind}_id"] = _schedule_id(connection, tables.kinds[kind], wanted)
        columns["date_changed"] = time.time()
        known = {name: value for name, value in columns.items() if tables.has(name)}
        made = connection.execute(sqlalchemy.insert(tables.task).values(known))
        return _new_key(made)

    def _edit(
        self, connection: sqlalchemy.Connection, tables: Tables, key: int, old: Entry, new: Entry, change_shared: bool
    ) -> None:
        if new == replace(old, enabled=new.enabled):  # also where the rest is broken
            columns: dict[str, Any] = {"enabled": new.enabled}
        else:
            columns = self._changes(connection, tables, key, old, new, change_shared)
        if tables.has("date_changed"):
            columns["date_changed"] = time.time()
        connection.execute(sqlalchemy.update(tables.task).where(tables.task.c.id == key).values(columns))

    def _changes(
        self, connection: sqlalchemy.Connection, tables: Tables, key: int, old: Entry, new: Entry, change_shared: bool
    ) -> dict[str, Any]:
        """What to write into the task's row; the schedule's is written here."""
        wanted = columns_of(new, tables)
        before = _columns_as_read(old, tables)
        columns = {name: value for name, value in wanted.items() if name not in before or before[name] != value}
        if new.schedule != old.schedule:
            kind, fields = schedule_columns(new.schedule, tables, self.zone)
            if change_shared and isinstance(old.schedule, type(new.schedule)):
                table = tables.kinds[kind]
                asked = sqlalchemy.select(tables.task.c[f"{kind}_id"]).where(tables.task.c.id == key)
                row = connection.execute(asked).scalar_one()
                connection.execute(sqlalchemy.update(table).where(table.c.id == row).values(fields))
            else:
                columns |= {f"{other}_id": None for other in tables.kinds}
                columns[f"{kind}_id"] = _schedule_id(connection, tables.kinds[kind], fields)
        return columns


def _name_is_free(connection: sqlalchemy.Connection, tables: Tables, name: str, key: int | None) -> None:
    """``key``: the entry's own row, which may have that name in other case."""
    asked = sqlalchemy.select(tables.task.c.id).where(tables.task.c.name == name)
    if any(found != key for found in connection.execute(asked).scalars()):
        raise StoreError(f"“{name}” already exists; nothing was written. Choose another name.")


def _columns_as_read(old: Entry, tables: Tables) -> dict[str, Any]:
    """What the row holds as far as the entry tells; nothing of an entry whose row the store would not have taken."""
    try:
        return columns_of(old, tables)
    except StoreError:
        return {}


def _rows(connection: sqlalchemy.Connection, chosen: sqlalchemy.Select[Any]) -> Iterator[dict[str, Any]]:
    """One after the other: ten thousand at once would keep Python's collector of garbage busy."""
    result = connection.execute(chosen)
    names = tuple(result.keys())
    return (dict(zip(names, row, strict=True)) for some in result.partitions(500) for row in some)


def _users(connection: sqlalchemy.Connection, tables: Tables, key: int | None = None) -> dict[tuple[str, int], Sharers]:
    """Who uses each schedule row, by kind and id; with a ``key`` only the rows that this task uses."""
    task = tables.task
    names: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for kind in tables.kinds:
        column = task.c[f"{kind}_id"]
        asked = sqlalchemy.select(column, task.c.name).where(column.is_not(None)).order_by(task.c.name, task.c.id)
        if key is not None:
            asked = asked.where(column.in_(sqlalchemy.select(column).where(task.c.id == key).scalar_subquery()))
        for number, name in connection.execute(asked).all():
            names[kind, number].append(name)
    return {used: Sharers(found) for used, found in names.items()}


def _schedule_id(connection: sqlalchemy.Connection, table: sqlalchemy.Table, wanted: dict[str, Any]) -> int:
    """The first row that is equal, or a new one."""
    equal = [table.c[name] == value for name, value in wanted.items()]
    found = connection.execute(sqlalchemy.select(sqlalchemy.func.min(table.c.id)).where(*equal)).scalar()
    if found is not None:
        return int(found)
    return _new_key(connection.execute(sqlalchemy.insert(table).values(wanted)))


def _new_key(made: sqlalchemy.CursorResult[Any]) -> int:
    assert made.inserted_primary_key is not None
    return int(made.inserted_primary_key[0])


def _touch(connection: sqlalchemy.Connection, changes: sqlalchemy.Table) -> None:
    """Beat compares this time with the one that it saw: it must move, even if somebody's clock is ahead."""
    seen = connection.execute(sqlalchemy.select(changes.c.last_update).where(changes.c.ident == 1)).scalar()
    now = time.time()
    if seen is not None:
        now = max(now, seen + 1e-3)
    updated = connection.execute(sqlalchemy.update(changes).where(changes.c.ident == 1).values(last_update=now))
    if updated.rowcount == 0:
        connection.execute(sqlalchemy.insert(changes).values(ident=1, last_update=now))


def _hold(connection: sqlalchemy.Connection, changes: sqlalchemy.Table) -> bool:
    """Wait until nobody else holds the row that `_touch` writes; False if there is none."""
    chosen = sqlalchemy.select(changes.c.ident).where(changes.c.ident == 1).with_for_update()
    return connection.execute(chosen).first() is not None


def _without_zone(url: str) -> tuple[str, str]:
    """The URL without ``deskq_zone``, and that zone; the rest of the query stays as it is written."""
    head, asked, query = url.partition("?")
    parts = query.split("&") if asked else []
    zone = next((part.partition("=")[2] for part in parts if part.startswith(f"{ZONE_OPTION}=")), "UTC")
    kept = "&".join(part for part in parts if not part.startswith(f"{ZONE_OPTION}="))
    return f"{head}?{kept}" if kept else head, zone.replace("%2F", "/").replace("%2f", "/") or "UTC"
