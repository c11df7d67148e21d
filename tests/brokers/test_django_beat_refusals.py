"""What django-celery-beat's tables do not take, older and broken ones, and databases that refuse or do not answer."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
import sqlalchemy

from deskq.schedules.model import (
    Clocked,
    Crontab,
    Entry,
    Interval,
    RRule,
    StoreError,
    Unreadable,
    Unsupported,
)
from deskq.schedules.stores.django import databases
from deskq.schedules.stores.django.store import DjangoBeatStore
from tests.support.database_servers import PASSWORD, USER, MariaServer, PostgresServer
from tests.support.django_entries import AT, add, emptied, entry, only, same
from tests.support.django_project import DjangoProject


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (entry("a", schedule=RRule("daily")), "does not support rrule schedules"),
        (entry("a", schedule=Interval(60, relative=True)), "aligned to the clock"),
        (entry("a", schedule=Interval(1e-7)), "must be more than 0"),
        (entry("a", schedule=Interval(2_500.000_001)), "cannot store an interval"),
        (entry("a", schedule=Crontab("61")), "Invalid minute “61”"),
        (entry("a", schedule=Crontab(zone="Mars/Olympus")), "Unknown time zone"),
        (entry("a", schedule=Clocked(AT)), "must be one-off"),
        (entry("a", schedule=Unreadable("x", "It is nonsense.")), "nonsense"),
        (entry("a", schedule=Crontab(",".join(["59"] * 90))), "The minute has 269 characters"),
        (entry("a" * 201), "The name has 201 characters"),
        (entry(""), "needs a name"),
        (entry("a\0"), "NUL"),
        (entry("\ud800"), "Unicode"),
        (entry("a", options={"queue": "q", "shadow": 1, "link": 2}), "does not support link, shadow"),
        (entry("a", options={"priority": 256}), "from 0 to 255"),
        (entry("a", options={"expires": 1.5}), "expires must be a whole number"),
        (entry("a", options={"expires": 1}, expires_at=AT), "cannot store both"),
        (entry("a", options={"headers": [1]}), "headers must be"),
        (entry("a", options={"queue": 5}), "queue must be text"),
        (entry("a", args=[object()]), "no plain JSON|not plain JSON"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_told_and_not_written(django_store: DjangoBeatStore, new: Entry, says: str) -> None:
    with pytest.raises(StoreError, match=says):
        django_store.replace(None, new)
    assert django_store.read().entries == ()


def test_broken_rows_are_shown_and_can_be_switched_off(django_store: DjangoBeatStore) -> None:
    for name in ("args", "nothing", "gone", "clocked", "zone", "never", "two", "good"):
        add(
            django_store,
            entry(name, schedule=Crontab("0", "7", zone="UTC") if name in {"zone", "never"} else Interval(60.0)),
        )
    with django_store._database.transaction(writes=True) as connection:
        tables = django_store._look(connection)
        task, crontab = tables.task, tables.kinds["crontab"]
        values: dict[str, dict[str, Any]] = {
            "args": {"args": "[1, ", "kwargs": "[]", "headers": "5"},
            "nothing": {"interval_id": None},
            "gone": {"interval_id": 4711},
        }
        made = connection.execute(sqlalchemy.insert(tables.kinds["clocked"]).values(clocked_time=AT))
        assert made.inserted_primary_key is not None
        values["clocked"] = {"interval_id": None, "clocked_id": made.inserted_primary_key[0]}
        for name, fields in {
            "zone": {"timezone": "Mars/Olympus"},
            "never": {"day_of_month": "31", "month_of_year": "2"},
        }.items():
            row = {"minute": "0", "hour": "7", "day_of_month": "*", "month_of_year": "*", "day_of_week": "*"}
            made = connection.execute(sqlalchemy.insert(crontab).values({**row, "timezone": "UTC", **fields}))
            assert made.inserted_primary_key is not None
            values[name] = {"crontab_id": made.inserted_primary_key[0]}
        some = connection.execute(sqlalchemy.select(sqlalchemy.func.min(crontab.c.id))).scalar_one()
        values["two"] = {"crontab_id": some}
        for name, columns in values.items():
            connection.execute(sqlalchemy.update(task).where(task.c.name == name).values(columns))
    problems = {found.name: found.problem for found in django_store.read().entries}
    assert problems.pop("good") == ""
    for name, says in {
        "args": "args is not a JSON list. kwargs is not a JSON object. headers is not a JSON object.",
        "nothing": "No timing is set",
        "gone": "was removed from the database",
        "clocked": "must be one-off",
        "zone": "Unknown time zone “Mars/Olympus”",
        "never": "The crontab never runs",
        "two": "Several timings are set (interval, crontab)",
    }.items():
        assert says in problems[name]
    for broken in django_store.read().entries:
        off = django_store.replace(broken, replace(broken, enabled=False))
        assert off is not None
        assert not off.enabled
        assert off.problem == broken.problem  # nothing else was written
        mended = replace(off, schedule=Interval(30.0), args=[1], kwargs={"a": 1}, options={"headers": {"b": 1}})
        after = django_store.replace(off, mended)
        assert after is not None
        assert same(replace(mended, problem=""), after)


@pytest.mark.parametrize("version", ["v0005", "v0009", "v0013"])
def test_older_tables(django_files: DjangoProject, version: str) -> None:
    with closing(
        emptied(DjangoBeatStore(f"sqlite:///{django_files.folder}/{version}.sqlite3?deskq_zone=Europe/Berlin"))
    ) as django_store:
        django_store.read()
        zoned = version != "v0005"
        assert django_store.abilities.zoned is zoned
        assert (Clocked in django_store.abilities.kinds) is (version == "v0013")
        assert ("one_off" in django_store.abilities.fields) is zoned
        made = add(
            django_store, entry("a", schedule=Crontab("0", "7"), args=[1], options={"queue": "q"}, last_run_at=AT)
        )
        assert made.schedule == Crontab("0", "7", zone="Europe/Berlin" if zoned else "")
        edited = django_store.replace(made, replace(made, schedule=Interval(5.0), enabled=False))
        assert edited is not None
        assert (edited.enabled, edited.last_run_at, edited.args) == (False, AT, [1])
        if version == "v0013":
            once = entry("once", schedule=Clocked(AT), one_off=True)
            assert same(once, add(django_store, once))
        if version == "v0005":
            for new, says in [
                (entry("b", schedule=Clocked(AT), one_off=True), "too old for one_off"),
                (entry("c", options={"priority": 3, "headers": {"a": 1}}), "too old for priority, headers"),
                (entry("d", options={"expires": 3}), "too old for expire_seconds"),
                (entry("e", start_time=AT), "too old for start_time"),
                (entry("f", schedule=Crontab(zone="Asia/Tokyo")), "too old for crontabs with their own time zone"),
            ]:
                with pytest.raises(Unsupported, match=says):
                    django_store.replace(None, new)
            assert len(django_store.read().entries) == 1


def test_accounts_that_may_only_read(postgres: tuple[PostgresServer, Any], maria: tuple[MariaServer, Any]) -> None:
    with closing(postgres[0].connect()) as connection:
        connection.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest")
    with closing(maria[0].connect()) as other, other.cursor() as cursor:
        cursor.execute("CREATE USER guest IDENTIFIED BY 'guest'")
        cursor.execute("GRANT SELECT ON shop.* TO guest")
    for url in (postgres[0].url, maria[0].url):
        with closing(DjangoBeatStore(url)) as own:
            emptied(own)
            add(own, entry("a"))
        scheme, _, rest = url.partition("://")
        with closing(DjangoBeatStore(f"{scheme}://guest:guest@{rest.rpartition('@')[2]}")) as django_store:
            [found] = django_store.read().entries
            for old, new in ((None, entry("b")), (found, replace(found, args=[1])), (found, None)):
                with pytest.raises(StoreError, match="the account has no write permission"):
                    django_store.replace(old, new)
        with closing(DjangoBeatStore(f"{scheme}://{USER}:wrong@{rest.rpartition('@')[2]}")) as django_store:
            with pytest.raises(StoreError, match="cannot be reached") as refused:
                django_store.read()
            assert "wrong" not in str(refused.value) + refused.value.details


def test_rows_that_somebody_else_holds(
    postgres: tuple[PostgresServer, Any], maria: tuple[MariaServer, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "LOCK_SECONDS", 1)
    held: list[Any] = [
        psycopg.connect(postgres[0].url),
        pymysql.connect(host="127.0.0.1", port=maria[0].port, user=USER, password=PASSWORD, database="shop"),
    ]
    for connection, url in zip(held, (postgres[0].url, maria[0].url), strict=True):
        with closing(connection), closing(DjangoBeatStore(url)) as django_store:
            mine = add(emptied(django_store), entry("a"))
            connection.cursor().execute("UPDATE django_celery_beat_periodictask SET description = 'theirs'")
            with pytest.raises(StoreError, match="locked by another process"):
                django_store.replace(mine, replace(mine, args=[1]))
            assert only(django_store, "a").args == []
            connection.rollback()
            assert django_store.replace(mine, replace(mine, args=[1])) is not None


@pytest.mark.parametrize("kind", ["postgres", "maria"])
def test_a_server_that_does_not_answer(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = request.getfixturevalue(kind)[0]
    monkeypatch.setattr(databases, "ANSWER_SECONDS", 4)
    with closing(DjangoBeatStore(running.url)) as django_store:

        def ask() -> None:
            with django_store._database.transaction() as connection:
                running.freeze()
                connection.exec_driver_sql("SELECT 1")

        try:
            with pytest.raises(StoreError, match="cannot be reached"):
                ask()
        finally:
            running.thaw()
        django_store.read()
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_tables_that_change_while_they_are_read(django_files: DjangoProject, tmp_path: Path) -> None:
    file = shutil.copy(django_files.folder / "v0009.sqlite3", tmp_path / "db.sqlite3")
    with (
        closing(emptied(DjangoBeatStore(f"sqlite:///{file}"))) as django_store,
        closing(sqlite3.connect(file)) as other,
    ):
        add(django_store, entry("a"))
        other.execute("ALTER TABLE django_celery_beat_periodictask RENAME TO away")
        with pytest.raises(StoreError, match="no such table"):
            django_store.read()
        with pytest.raises(StoreError, match="has no table"):
            django_store.read()
        other.execute("ALTER TABLE away RENAME TO django_celery_beat_periodictask")
        assert [found.name for found in django_store.read().entries] == ["a"]


def test_a_locked_or_write_protected_file(
    django_store: DjangoBeatStore, django_files: DjangoProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "LOCK_SECONDS", 0.1)
    file = django_files.folder / "default.sqlite3"
    with closing(DjangoBeatStore(f"sqlite:///{file}")) as hurried:
        mine = add(hurried, entry("a"))
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert [found.name for found in hurried.read().entries] == ["a"]
            with pytest.raises(StoreError, match="locked by another process; nothing was written"):
                hurried.replace(mine, None)
        # Root may write whatever the mode says: so the database itself is told.
        with closing(DjangoBeatStore(f"sqlite:///file:{file}?mode=ro&uri=true")) as reader:
            assert len(reader.read().entries) == 1
            with pytest.raises(StoreError, match="the account has no write permission"):
                reader.replace(mine, None)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite:////nowhere/db.sqlite3", "the file is missing"),
        ("sqlite:///:memory:", "Use a file"),
        ("sqlite:///{folder}/text.sqlite3", "is not an SQLite database"),
        ("sqlite:///{folder}/empty.sqlite3", "has no table django_celery_beat_periodictask"),
        ("sqlite:///{folder}/odd.sqlite3", "it lacks enabled, kwargs"),
        ("postgresql://u:secret@127.0.0.1:1/x", "cannot be reached"),
        ("mysql://u:secret@127.0.0.1:1/x", "cannot be reached"),
        ("mysql://u:secret@127.0.0.1:port/x", "is not a database URL"),
        ("oracle://u:secret@h/x", "not a database that deskq can read"),
        ("nonsense", "not a database that deskq can read"),
        ("sqlite:///x?deskq_zone=Mars/Olympus", "Unknown time zone"),
    ],
)
def test_what_cannot_be_read_says_why(url: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "text.sqlite3").write_text("no database at all, but a text that is long enough" * 30)
    for name, columns in {"empty": "", "odd": "id, name, task, args"}.items():
        with closing(sqlite3.connect(tmp_path / f"{name}.sqlite3")) as made:
            made.execute("CREATE TABLE mine (a)")
            if columns:
                made.execute(f"CREATE TABLE django_celery_beat_periodictask ({columns})")
            made.commit()
    with pytest.raises(StoreError, match=says) as refused:
        DjangoBeatStore(url.format(folder=tmp_path)).read()
    assert "secret" not in str(refused.value) + refused.value.details


def test_names_without_passwords() -> None:
    django_store = DjangoBeatStore(
        "django-celery-beat:postgres://u:secret@db/shop?sslmode=require&deskq_zone=Europe/Berlin"
    )
    assert django_store.zone == "Europe/Berlin"
    assert django_store.url == "django-celery-beat:postgres://u@db/shop?sslmode=require&deskq_zone=Europe/Berlin"
    assert django_store.title == "postgres://u@db/shop?sslmode=require"
    again = DjangoBeatStore(django_store.url)
    assert (again.url, again.zone) == (django_store.url, django_store.zone)


def test_a_driver_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_args: object, **_kwargs: object) -> None:
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")

    monkeypatch.setattr(sqlalchemy, "create_engine", missing)
    with pytest.raises(StoreError, match=r"pip install 'deskq\[postgresql\]'"):
        DjangoBeatStore("postgresql://u@h/x")


def test_a_query_that_takes_too_long(postgres: tuple[PostgresServer, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "ANSWER_SECONDS", 4)
    with closing(DjangoBeatStore(postgres[0].url)) as django_store:

        def ask() -> None:
            with django_store._database.transaction() as connection:
                connection.exec_driver_sql("SELECT pg_sleep(30)")

        with pytest.raises(StoreError, match="did not respond in time; nothing was read"):
            ask()
