"""django-celery-beat's tables as Django's own migrations make them, and what a real beat does with deskq's edits."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
import redis
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deskq.schedules import databases
from deskq.schedules.base import (
    Changed,
    Clocked,
    Crontab,
    Entry,
    Interval,
    Owner,
    RRule,
    Solar,
    StoreError,
    Unfit,
    Unreadable,
)
from deskq.schedules.django_beat import DjangoBeatStore
from tests.support.database_servers import PASSWORD, USER, MariaServer, PostgresServer
from tests.support.django_project import DjangoProject, server, sqlite
from tests.support.waiting import wait_until

Needs = Callable[[Callable[[], Any]], Any]
AT = datetime(2027, 3, 1, 7, 30, 0, 250_000, UTC).timestamp()
FIELDS = [f.name for f in fields(Entry) if f.name not in {"key", "version", "shared_with", "origin", "raw"}]


def same(entry: Entry, other: Entry | None) -> bool:
    """Whether two entries say the same, wherever they are kept."""
    return other is not None and all(getattr(entry, name) == getattr(other, name) for name in FIELDS)


def entry(name: str, **more: Any) -> Entry:
    return Entry(**{"name": name, "task": "shop.clean", "schedule": Interval(60.0), "total_run_count": 0, **more})


FULL = entry(
    "voll: grüße 🚀",
    schedule=Crontab("30", "7", "*", "*", "1-5", "Asia/Tokyo"),
    args=[1, "zwei", None, {"a": [1.5]}],
    kwargs={"käse": True},
    options={"queue": "slow", "exchange": "x", "routing_key": "r.k", "priority": 0, "headers": {"h": 1}},
    start_time=AT,
    expires_at=AT + 86_400,
    description="Zeile 1\nZeile 2 <b>",
    last_run_at=AT - 86_400,
    total_run_count=7,
    enabled=False,
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> DjangoProject:
    """SQLite files: the newest tables, and those of earlier versions."""
    folder = tmp_path_factory.mktemp("project")
    names = {"default": "", "v0005": "0005", "v0009": "0009", "v0013": "0013"}
    made = DjangoProject(folder, {name: sqlite(folder / f"{name}.sqlite3") for name in names})
    made.migrate(names)
    return made


@pytest.fixture(scope="module")
def postgres(needs: Needs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PostgresServer, DjangoProject]]:
    with needs(lambda: PostgresServer(shared=True)) as running:
        settings = {"default": server("postgresql", running.port, USER, PASSWORD)}
        made = DjangoProject(tmp_path_factory.mktemp("postgres"), settings)
        made.migrate({"default": ""})
        yield running, made


@pytest.fixture(scope="module")
def maria(needs: Needs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MariaServer, DjangoProject]]:
    with needs(lambda: MariaServer(shared=True)) as running:
        settings = {"default": server("mysql", running.port, USER, PASSWORD)}
        made = DjangoProject(tmp_path_factory.mktemp("maria"), settings)
        made.migrate({"default": ""})
        yield running, made


def emptied(store: DjangoBeatStore) -> DjangoBeatStore:
    with store._database.transaction(writes=True) as connection:
        tables = store._look(connection)
        for table in (tables.task, *tables.kinds.values(), tables.changes):
            assert table is not None
            connection.execute(sqlalchemy.delete(table))
    return store


@pytest.fixture
def store(project: DjangoProject) -> Iterator[DjangoBeatStore]:
    with closing(DjangoBeatStore(f"sqlite:///{project.folder}/default.sqlite3")) as opened:
        yield emptied(opened)


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def any_store(request: pytest.FixtureRequest, project: DjangoProject) -> Iterator[DjangoBeatStore]:
    if request.param == "sqlite":
        url = f"sqlite:///{project.folder}/default.sqlite3"
    else:
        url = request.getfixturevalue({"postgresql": "postgres", "mariadb": "maria"}[request.param])[0].url
    with closing(DjangoBeatStore(f"django-celery-beat:{url}")) as opened:
        yield emptied(opened)


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def any_project(request: pytest.FixtureRequest, project: DjangoProject) -> tuple[str, DjangoProject]:
    if request.param == "sqlite":
        return f"sqlite:///{project.folder}/default.sqlite3", project
    running, made = request.getfixturevalue({"postgresql": "postgres", "mariadb": "maria"}[request.param])
    return running.url, made


def only(store: DjangoBeatStore, name: str) -> Entry:
    return next(found for found in store.read().entries if found.name == name)


def add(store: DjangoBeatStore, new: Entry) -> Entry:
    stored = store.replace(None, new)
    assert stored is not None
    return stored


def last_update(store: DjangoBeatStore) -> float:
    with store._database.transaction() as connection:
        changes = store._look(connection).changes
        assert changes is not None
        return float(connection.execute(sqlalchemy.select(changes.c.last_update)).scalar_one())


def test_every_kind_comes_back_as_it_was(any_store: DjangoBeatStore) -> None:
    kinds = [
        FULL,
        entry("every 0.25 s", schedule=Interval(0.25), options={"expires": 30}),
        entry("2 days", schedule=Interval(172_800.0)),
        entry("once", schedule=Clocked(AT), one_off=True),
        entry("sun", schedule=Solar("sunset", 52.520_001, -13.4)),
        entry("sun 2", schedule=Solar("dawn_civil", -33.0, 151.25)),
    ]
    for new in kinds:
        assert same(new, add(any_store, new))
    found = {read.name: read for read in any_store.read().entries}
    assert len(found) == len(kinds)
    for new in kinds:
        assert same(new, found[new.name]), new.name
    assert any_store.read().beat.last == FULL.last_run_at


def test_editing_renaming_toggling_and_deleting(any_store: DjangoBeatStore) -> None:
    before = add(any_store, replace(FULL, enabled=True))
    bystander = add(any_store, entry("bystander", schedule=FULL.schedule, last_run_at=AT, total_run_count=3))
    touched = last_update(any_store)
    edited = any_store.replace(before, replace(before, name="neu", schedule=Interval(5.0), args=[2], expires_at=None))
    assert edited is not None
    assert same(replace(before, name="neu", schedule=Interval(5.0), args=[2], expires_at=None), edited)
    assert (edited.key, edited.last_run_at, edited.total_run_count) == (before.key, FULL.last_run_at, 7)
    assert last_update(any_store) > touched
    off = any_store.replace(edited, replace(edited, enabled=False))
    assert off is not None
    assert same(replace(edited, enabled=False), off)
    assert any_store.replace(off, None) is None
    assert [found.name for found in any_store.read().entries] == ["bystander"]
    assert same(bystander, only(any_store, "bystander"))


def test_somebody_else_s_change_is_never_overwritten(any_store: DjangoBeatStore) -> None:
    mine = add(any_store, entry("a"))
    theirs = any_store.replace(mine, replace(mine, args=["theirs"]))
    for change in (replace(mine, args=["mine"]), None):
        with pytest.raises(Changed) as changed:
            any_store.replace(mine, change)
        assert changed.value.theirs == theirs
    assert theirs is not None
    any_store.replace(theirs, None)
    with pytest.raises(Changed) as changed:
        any_store.replace(theirs, replace(theirs, enabled=False))
    assert changed.value.theirs is None


def test_what_beat_counts_is_no_change(any_store: DjangoBeatStore) -> None:
    mine = add(any_store, entry("a"))
    with any_store._database.transaction(writes=True) as connection:
        task = any_store._look(connection).task
        connection.execute(sqlalchemy.update(task).values(last_run_at=AT, total_run_count=5, date_changed=AT))
    edited = any_store.replace(mine, replace(mine, args=[1]))
    assert edited is not None
    assert (edited.args, edited.last_run_at, edited.total_run_count) == ([1], AT, 5)


def test_names_are_unique(any_store: DjangoBeatStore) -> None:
    add(any_store, entry("a"))
    second = add(any_store, entry("b"))
    for old, new in ((None, entry("a")), (second, replace(second, name="a"))):
        with pytest.raises(StoreError, match="There is an entry “a” already"):
            any_store.replace(old, new)
    assert [found.name for found in any_store.read().entries] == ["a", "b"]
    assert any_store.replace(second, replace(second, name="B")) is not None  # MariaDB's names know no case


def test_shared_schedules(store: DjangoBeatStore) -> None:
    daily, nightly = Crontab("0", "7", zone="UTC"), Crontab("0", "3", zone="UTC")
    for name in ("a", "b", "c"):
        add(store, entry(name, schedule=daily))
    first = only(store, "a")
    assert first.shared_with == ("b", "c")
    alone = store.replace(first, replace(first, schedule=nightly))
    assert alone is not None
    assert (alone.schedule, alone.shared_with) == (nightly, ())
    assert only(store, "b").schedule == daily
    back = store.replace(alone, replace(alone, schedule=daily))  # the equal row that is there
    assert back is not None
    assert back.shared_with == ("b", "c")
    store.replace(back, replace(back, schedule=nightly), change_shared=True)
    assert {found.schedule for found in store.read().entries} == {nightly}
    # Another's edit of the row is a change of every entry that uses it.
    with pytest.raises(Changed):
        store.replace(back, replace(back, args=[1]))


def test_many_sharers_are_counted(store: DjangoBeatStore) -> None:
    for number in range(60):
        add(store, entry(f"{number:02}"))
    shared = only(store, "55").shared_with
    assert (len(shared), shared[0], shared[-1]) == (51, "00", "… and 9 more")


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (entry("a", schedule=RRule("daily")), "keeps no schedule of the kind rrule"),
        (entry("a", schedule=Interval(60, relative=True)), "rounded to the clock"),
        (entry("a", schedule=Interval(1e-7)), "longer than nothing"),
        (entry("a", schedule=Interval(2_500.000_001)), "cannot keep an interval"),
        (entry("a", schedule=Crontab("61")), "The minute “61”"),
        (entry("a", schedule=Crontab(zone="Mars/Olympus")), "no time zone"),
        (entry("a", schedule=Clocked(AT)), "must be one-off"),
        (entry("a", schedule=Unreadable("x", "It is nonsense.")), "nonsense"),
        (entry("a", schedule=Crontab(",".join(["59"] * 90))), "The minute has 269 characters"),
        (entry("a" * 201), "The name has 201 characters"),
        (entry(""), "needs a name"),
        (entry("a\0"), "NUL"),
        (entry("\ud800"), "Unicode"),
        (entry("a", options={"queue": "q", "shadow": 1, "link": 2}), "the option link, shadow"),
        (entry("a", options={"priority": 256}), "from 0 to 255"),
        (entry("a", options={"expires": 1.5}), "expires must be a whole number"),
        (entry("a", options={"expires": 1}, expires_at=AT), "keeps either"),
        (entry("a", options={"headers": [1]}), "headers must be"),
        (entry("a", options={"queue": 5}), "queue must be a text"),
        (entry("a", args=[object()]), "no plain JSON|not plain JSON"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_told_and_not_written(store: DjangoBeatStore, new: Entry, says: str) -> None:
    with pytest.raises(StoreError, match=says):
        store.replace(None, new)
    assert store.read().entries == ()


def test_broken_rows_are_shown_and_can_be_switched_off(store: DjangoBeatStore) -> None:
    for name in ("args", "nothing", "gone", "clocked", "zone", "never", "two", "good"):
        add(store, entry(name, schedule=Crontab("0", "7", zone="UTC") if name in {"zone", "never"} else Interval(60.0)))
    with store._database.transaction(writes=True) as connection:
        tables = store._look(connection)
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
    problems = {found.name: found.problem for found in store.read().entries}
    assert problems.pop("good") == ""
    for name, says in {
        "args": "Its args are no JSON list. Its kwargs are no JSON object. Its headers are no JSON object.",
        "nothing": "It has no schedule",
        "gone": "was removed from the database",
        "clocked": "must be one-off",
        "zone": "There is no time zone “Mars/Olympus”",
        "never": "It never runs",
        "two": "several schedules (interval, crontab)",
    }.items():
        assert says in problems[name]
    for broken in store.read().entries:
        off = store.replace(broken, replace(broken, enabled=False))
        assert off is not None
        assert not off.enabled
        assert off.problem == broken.problem  # nothing else was written
        mended = replace(off, schedule=Interval(30.0), args=[1], kwargs={"a": 1}, options={"headers": {"b": 1}})
        after = store.replace(off, mended)
        assert after is not None
        assert same(replace(mended, problem=""), after)


@pytest.mark.parametrize("version", ["v0005", "v0009", "v0013"])
def test_older_tables(project: DjangoProject, version: str) -> None:
    with closing(
        emptied(DjangoBeatStore(f"sqlite:///{project.folder}/{version}.sqlite3?deskq_zone=Europe/Berlin"))
    ) as store:
        store.read()
        zoned = version != "v0005"
        assert store.abilities.zoned is zoned
        assert (Clocked in store.abilities.kinds) is (version == "v0013")
        assert ("one_off" in store.abilities.fields) is zoned
        made = add(store, entry("a", schedule=Crontab("0", "7"), args=[1], options={"queue": "q"}, last_run_at=AT))
        assert made.schedule == Crontab("0", "7", zone="Europe/Berlin" if zoned else "")
        edited = store.replace(made, replace(made, schedule=Interval(5.0), enabled=False))
        assert edited is not None
        assert (edited.enabled, edited.last_run_at, edited.args) == (False, AT, [1])
        if version == "v0013":
            once = entry("once", schedule=Clocked(AT), one_off=True)
            assert same(once, add(store, once))
        if version == "v0005":
            for new, says in [
                (entry("b", schedule=Clocked(AT), one_off=True), "too old for one_off"),
                (entry("c", options={"priority": 3, "headers": {"a": 1}}), "too old for priority, headers"),
                (entry("d", options={"expires": 3}), "too old for expire_seconds"),
                (entry("e", start_time=AT), "too old for start_time"),
                (entry("f", schedule=Crontab(zone="Asia/Tokyo")), "too old for crontabs with a time zone"),
            ]:
                with pytest.raises(Unfit, match=says):
                    store.replace(None, new)
            assert len(store.read().entries) == 1


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
times = st.integers(0, 4_000_000_000_000_000).map(lambda micros: micros / 1e6)
entries = st.builds(
    Entry,
    name=texts,
    task=texts,
    schedule=st.one_of(
        st.integers(1, 2_000_000).map(lambda n: Interval(float(n))),
        st.integers(1, 2_000_000).map(lambda n: Interval(n / 1e6)),
        st.builds(
            Crontab, *(st.sampled_from(["*", "*/5", "1", "1-3,5"]),) * 5, zone=st.sampled_from(["UTC", "Asia/Tokyo"])
        ),
        times.map(Clocked),
        st.builds(
            Solar,
            st.sampled_from(["sunset", "dawn_civil"]),
            st.integers(-90_000_000, 90_000_000).map(lambda n: n / 1e6),
            st.integers(-180_000_000, 180_000_000).map(lambda n: n / 1e6),
        ),
    ),
    args=st.lists(json_values, max_size=3),
    kwargs=st.dictionaries(st.text(max_size=5), json_values, max_size=3),
    options=st.fixed_dictionaries(
        {},
        optional={
            "queue": texts,
            "exchange": texts,
            "routing_key": texts,
            "priority": st.integers(0, 255),
            "headers": st.dictionaries(st.text(max_size=5), json_values, min_size=1, max_size=3),
        },
    ),
    enabled=st.booleans(),
    one_off=st.just(True),
    start_time=st.none() | times,
    expires_at=st.none() | times,
    description=st.just("") | texts,
    last_run_at=st.none() | times,
    total_run_count=st.integers(0, 2**31 - 1),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(new=entries, other=entries)
def test_an_entry_comes_back_as_it_was(store: DjangoBeatStore, new: Entry, other: Entry) -> None:
    stored = add(store, new)
    assert same(new, stored)
    assert same(new, store.read().entries[0])
    changed = store.replace(stored, replace(other, key=stored.key, version=stored.version))
    assert changed is not None
    kept = {"last_run_at": new.last_run_at, "total_run_count": new.total_run_count}
    assert same(replace(other, **kept), changed)  # type: ignore[arg-type]
    store.replace(changed, None)


def test_beat_does_what_was_edited(any_project: tuple[str, DjangoProject], redis_url: str) -> None:
    """The edited entry fires, the disabled one is silent, the deleted one gone, the others unharmed."""
    url, project = any_project
    with closing(emptied(DjangoBeatStore(url))) as store, redis.Redis.from_url(redis_url) as client:
        for name in ("edited", "disabled", "deleted", "untouched"):
            every = 3600.0 if name == "edited" else 0.5
            add(
                store,
                entry(name, schedule=Interval(every), last_run_at=AT - 1e8, total_run_count=10, kwargs={"n": name}),
            )
        untouched = only(store, "untouched")

        def sent() -> Counter[str]:
            messages = [json.loads(raw) for raw in client.lrange("beaten", 0, -1)]
            return Counter(message["headers"]["periodic_task_name"] for message in messages)

        beat = project.beat(redis_url)
        try:
            wait_until(
                lambda: min(sent()[name] for name in ("edited", "disabled", "deleted", "untouched")) > 0, 30, "runs"
            )
            assert sent()["edited"] == 1  # it was overdue, once
            edited, disabled, deleted = (only(store, name) for name in ("edited", "disabled", "deleted"))
            store.replace(deleted, None)
            store.replace(disabled, replace(disabled, enabled=False))
            store.replace(edited, replace(edited, schedule=Interval(0.5), kwargs={"n": "new"}))
            wait_until(lambda: sent()["edited"] > 1, 30, "the edited entry")
            then = sent()
            wait_until(lambda: sent()["edited"] > 3 and sent()["untouched"] > then["untouched"] + 1, 30, "more runs")
            now = sent()
            assert (now["disabled"], now["deleted"]) == (then["disabled"], then["deleted"])
        finally:
            beat.end()
        messages = [json.loads(raw) for raw in client.lrange("beaten", 0, -1)]
        newest = next(m for m in messages if m["headers"]["periodic_task_name"] == "edited")
        assert newest["headers"]["kwargsrepr"] == "{'n': 'new'}"
        content = store.read()
        found = {read.name: read for read in content.entries}
        assert set(found) == {"edited", "disabled", "untouched", "celery.backend_cleanup"}
        assert found["celery.backend_cleanup"].owner is Owner.CODE
        assert not found["disabled"].enabled
        after = found["untouched"]
        assert after.total_run_count == 10 + sent()["untouched"]
        assert content.beat.last is not None
        assert content.beat.last > AT - 1e8
        kept = {"last_run_at": after.last_run_at, "total_run_count": after.total_run_count}
        assert same(replace(untouched, **kept), after)  # type: ignore[arg-type]
        assert found["edited"].total_run_count == 10 + sent()["edited"]


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
        with closing(DjangoBeatStore(f"{scheme}://guest:guest@{rest.rpartition('@')[2]}")) as store:
            [found] = store.read().entries
            for old, new in ((None, entry("b")), (found, replace(found, args=[1])), (found, None)):
                with pytest.raises(StoreError, match="the account may not write there"):
                    store.replace(old, new)
        with closing(DjangoBeatStore(f"{scheme}://{USER}:wrong@{rest.rpartition('@')[2]}")) as store:
            with pytest.raises(StoreError, match="cannot be reached") as refused:
                store.read()
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
        with closing(connection), closing(DjangoBeatStore(url)) as store:
            mine = add(emptied(store), entry("a"))
            connection.cursor().execute("UPDATE django_celery_beat_periodictask SET description = 'theirs'")
            with pytest.raises(StoreError, match="locked by somebody else"):
                store.replace(mine, replace(mine, args=[1]))
            assert only(store, "a").args == []
            connection.rollback()
            assert store.replace(mine, replace(mine, args=[1])) is not None


@pytest.mark.parametrize("kind", ["postgres", "maria"])
def test_a_server_that_does_not_answer(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = request.getfixturevalue(kind)[0]
    monkeypatch.setattr(databases, "ANSWER_SECONDS", 4)
    with closing(DjangoBeatStore(running.url)) as store:

        def ask() -> None:
            with store._database.transaction() as connection:
                running.freeze()
                connection.exec_driver_sql("SELECT 1")

        try:
            with pytest.raises(StoreError, match="cannot be reached"):
                ask()
        finally:
            running.thaw()
        store.read()
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_tables_that_change_while_they_are_read(project: DjangoProject, tmp_path: Path) -> None:
    file = shutil.copy(project.folder / "v0009.sqlite3", tmp_path / "db.sqlite3")
    with closing(emptied(DjangoBeatStore(f"sqlite:///{file}"))) as store, closing(sqlite3.connect(file)) as other:
        add(store, entry("a"))
        other.execute("ALTER TABLE django_celery_beat_periodictask RENAME TO away")
        with pytest.raises(StoreError, match="no such table"):
            store.read()
        with pytest.raises(StoreError, match="has no table"):
            store.read()
        other.execute("ALTER TABLE away RENAME TO django_celery_beat_periodictask")
        assert [found.name for found in store.read().entries] == ["a"]


def test_a_locked_or_write_protected_file(
    store: DjangoBeatStore, project: DjangoProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "LOCK_SECONDS", 0.1)
    file = project.folder / "default.sqlite3"
    with closing(DjangoBeatStore(f"sqlite:///{file}")) as hurried:
        mine = add(hurried, entry("a"))
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert [found.name for found in hurried.read().entries] == ["a"]
            with pytest.raises(StoreError, match="locked by somebody else, nothing was written"):
                hurried.replace(mine, None)
        # Root may write whatever the mode says: so the database itself is told.
        with closing(DjangoBeatStore(f"sqlite:///file:{file}?mode=ro&uri=true")) as reader:
            assert len(reader.read().entries) == 1
            with pytest.raises(StoreError, match="the account may not write there"):
                reader.replace(mine, None)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite:////nowhere/db.sqlite3", "there is no such file"),
        ("sqlite:///:memory:", "name the file"),
        ("sqlite:///{folder}/text.sqlite3", "is no SQLite database"),
        ("sqlite:///{folder}/empty.sqlite3", "has no table django_celery_beat_periodictask"),
        ("sqlite:///{folder}/odd.sqlite3", "it lacks enabled, kwargs"),
        ("postgresql://u:secret@127.0.0.1:1/x", "cannot be reached"),
        ("mysql://u:secret@127.0.0.1:1/x", "cannot be reached"),
        ("mysql://u:secret@127.0.0.1:port/x", "is no database URL"),
        ("oracle://u:secret@h/x", "no database that deskq can read"),
        ("nonsense", "no database that deskq can read"),
        ("sqlite:///x?deskq_zone=Mars/Olympus", "no time zone"),
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
    store = DjangoBeatStore("django-celery-beat:postgres://u:secret@db/shop?sslmode=require&deskq_zone=Europe/Berlin")
    assert store.zone == "Europe/Berlin"
    assert store.url == "django-celery-beat:postgres://u@db/shop?sslmode=require&deskq_zone=Europe/Berlin"
    assert store.title == "postgres://u@db/shop?sslmode=require"
    again = DjangoBeatStore(store.url)
    assert (again.url, again.zone) == (store.url, store.zone)


def test_a_driver_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_args: object, **_kwargs: object) -> None:
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")

    monkeypatch.setattr(sqlalchemy, "create_engine", missing)
    with pytest.raises(StoreError, match=r"pip install 'deskq\[postgresql\]'"):
        DjangoBeatStore("postgresql://u@h/x")


def test_a_query_that_takes_too_long(postgres: tuple[PostgresServer, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "ANSWER_SECONDS", 4)
    with closing(DjangoBeatStore(postgres[0].url)) as store:

        def ask() -> None:
            with store._database.transaction() as connection:
                connection.exec_driver_sql("SELECT pg_sleep(30)")

        with pytest.raises(StoreError, match="did not answer in time, nothing was read"):
            ask()
