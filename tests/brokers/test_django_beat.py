"""django-celery-beat's tables as Django's own migrations make them, and what a real beat does with deskq's edits."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pytest
import redis
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.version import Version

from deskq.schedules.model import (
    Clocked,
    Conflict,
    Crontab,
    Entry,
    Interval,
    Owner,
    Solar,
    StoreError,
)
from deskq.schedules.stores.django.store import DjangoBeatStore
from deskq.schedules.timing.next_runs import due_since, entry_runs
from tests.support.django_entries import AT, FULL, add, emptied, entry, only, same
from tests.support.django_project import DjangoProject
from tests.support.waiting import wait_until


def last_update(django_store: DjangoBeatStore) -> float:
    with django_store._database.transaction() as connection:
        changes = django_store._look(connection).changes
        assert changes is not None
        return float(connection.execute(sqlalchemy.select(changes.c.last_update)).scalar_one())


def test_every_kind_comes_back_as_it_was(any_django_store: DjangoBeatStore) -> None:
    kinds = [
        FULL,
        entry("every 0.25 s", schedule=Interval(0.25), options={"expires": 30}),
        entry("2 days", schedule=Interval(172_800.0)),
        entry("once", schedule=Clocked(AT), one_off=True),
        entry("sun", schedule=Solar("sunset", 52.520_001, -13.4)),
        entry("sun 2", schedule=Solar("dawn_civil", -33.0, 151.25)),
    ]
    for new in kinds:
        assert same(new, add(any_django_store, new))
    found = {read.name: read for read in any_django_store.read().entries}
    assert len(found) == len(kinds)
    for new in kinds:
        assert same(new, found[new.name]), new.name
    assert any_django_store.read().beat.last == FULL.last_run_at


def test_editing_renaming_toggling_and_deleting(any_django_store: DjangoBeatStore) -> None:
    before = add(any_django_store, replace(FULL, enabled=True))
    bystander = add(any_django_store, entry("bystander", schedule=FULL.schedule, last_run_at=AT, total_run_count=3))
    touched = last_update(any_django_store)
    edited = any_django_store.replace(
        before, replace(before, name="neu", schedule=Interval(5.0), args=[2], expires_at=None)
    )
    assert edited is not None
    assert same(replace(before, name="neu", schedule=Interval(5.0), args=[2], expires_at=None), edited)
    assert (edited.key, edited.last_run_at, edited.total_run_count) == (before.key, FULL.last_run_at, 7)
    assert last_update(any_django_store) > touched
    off = any_django_store.replace(edited, replace(edited, enabled=False))
    assert off is not None
    assert same(replace(edited, enabled=False), off)
    assert any_django_store.replace(off, None) is None
    assert [found.name for found in any_django_store.read().entries] == ["bystander"]
    assert same(bystander, only(any_django_store, "bystander"))


def test_somebody_else_s_change_is_never_overwritten(any_django_store: DjangoBeatStore) -> None:
    mine = add(any_django_store, entry("a"))
    theirs = any_django_store.replace(mine, replace(mine, args=["theirs"]))
    for change in (replace(mine, args=["mine"]), None):
        with pytest.raises(Conflict) as changed:
            any_django_store.replace(mine, change)
        assert changed.value.theirs == theirs
    assert theirs is not None
    any_django_store.replace(theirs, None)
    with pytest.raises(Conflict) as changed:
        any_django_store.replace(theirs, replace(theirs, enabled=False))
    assert changed.value.theirs is None


def test_what_beat_counts_is_no_change(any_django_store: DjangoBeatStore) -> None:
    mine = add(any_django_store, entry("a"))
    with any_django_store._database.transaction(writes=True) as connection:
        task = any_django_store._look(connection).task
        connection.execute(sqlalchemy.update(task).values(last_run_at=AT, total_run_count=5, date_changed=AT))
    edited = any_django_store.replace(mine, replace(mine, args=[1]))
    assert edited is not None
    assert (edited.args, edited.last_run_at, edited.total_run_count) == ([1], AT, 5)


def test_names_are_unique(any_django_store: DjangoBeatStore) -> None:
    add(any_django_store, entry("a"))
    second = add(any_django_store, entry("b"))
    for old, new in ((None, entry("a")), (second, replace(second, name="a"))):
        with pytest.raises(StoreError, match="“a” already exists"):
            any_django_store.replace(old, new)
    assert [found.name for found in any_django_store.read().entries] == ["a", "b"]
    assert any_django_store.replace(second, replace(second, name="B")) is not None  # MariaDB's names know no case


def test_shared_schedules(django_store: DjangoBeatStore) -> None:
    daily, nightly = Crontab("0", "7", zone="UTC"), Crontab("0", "3", zone="UTC")
    for name in ("a", "b", "c"):
        add(django_store, entry(name, schedule=daily))
    first = only(django_store, "a")
    assert first.shared_with == ("b", "c")
    alone = django_store.replace(first, replace(first, schedule=nightly))
    assert alone is not None
    assert (alone.schedule, alone.shared_with) == (nightly, ())
    assert only(django_store, "b").schedule == daily
    back = django_store.replace(alone, replace(alone, schedule=daily))  # the equal row that is there
    assert back is not None
    assert back.shared_with == ("b", "c")
    django_store.replace(back, replace(back, schedule=nightly), change_shared=True)
    assert {found.schedule for found in django_store.read().entries} == {nightly}
    # Another's edit of the row is a change of every entry that uses it.
    with pytest.raises(Conflict):
        django_store.replace(back, replace(back, args=[1]))


def test_many_sharers_are_counted(django_store: DjangoBeatStore) -> None:
    for number in range(60):
        add(django_store, entry(f"{number:02}"))
    shared = only(django_store, "55").shared_with
    assert (len(shared), shared[0], shared[-1]) == (51, "00", "… and 9 more")


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
def test_an_entry_comes_back_as_it_was(django_store: DjangoBeatStore, new: Entry, other: Entry) -> None:
    stored = add(django_store, new)
    assert same(new, stored)
    assert same(new, django_store.read().entries[0])
    changed = django_store.replace(stored, replace(other, key=stored.key, version=stored.version))
    assert changed is not None
    kept = {"last_run_at": new.last_run_at, "total_run_count": new.total_run_count}
    assert same(replace(other, **kept), changed)  # type: ignore[arg-type]
    django_store.replace(changed, None)


def named(name: str) -> dict[str, Any]:
    """Options by which messages tell their entry: from version 2.8 on they do so by themselves."""
    return {"headers": {"entry": name}}


def name_in(message: dict[str, Any]) -> str:
    return str(message["headers"].get("entry", message["headers"]["task"]))


def is_count(counted: Entry, runs: int) -> bool:
    """Did beat count its runs? Until 2.6 django-celery-beat loses some when a change comes while it saves them."""
    loses = Version(version("django-celery-beat")) < Version("2.6")
    count = counted.total_run_count or 0
    return 10 <= count <= runs if loses else count == runs


def test_beat_does_what_was_edited(any_django: tuple[str, DjangoProject], redis_url: str) -> None:
    """The edited entry fires, the disabled one is silent, the deleted one gone, the others unharmed."""
    url, project = any_django
    with closing(emptied(DjangoBeatStore(url))) as django_store, redis.Redis.from_url(redis_url) as client:
        for name in ("edited", "disabled", "deleted", "untouched"):
            every = 3600.0 if name == "edited" else 0.5
            add(
                django_store,
                entry(
                    name,
                    schedule=Interval(every),
                    last_run_at=AT - 1e8,
                    total_run_count=10,
                    kwargs={"n": name},
                    options=named(name),
                ),
            )
        untouched = only(django_store, "untouched")

        def sent() -> Counter[str]:
            messages = [json.loads(raw) for raw in client.lrange("beaten", 0, -1)]
            return Counter(map(name_in, messages))

        beat = project.beat(redis_url)
        try:
            wait_until(
                lambda: min(sent()[name] for name in ("edited", "disabled", "deleted", "untouched")) > 0, 30, "runs"
            )
            assert sent()["edited"] == 1  # it was overdue, once
            edited, disabled, deleted = (only(django_store, name) for name in ("edited", "disabled", "deleted"))
            django_store.replace(deleted, None)
            django_store.replace(disabled, replace(disabled, enabled=False))
            django_store.replace(edited, replace(edited, schedule=Interval(0.5), kwargs={"n": "new"}))

            def stands() -> bool:
                """Beat saves whole rows after a run, a race of its own: an edit that it wrote over is made again."""
                now = {name: only(django_store, name) for name in ("disabled", "edited")}
                if now["disabled"].enabled:
                    django_store.replace(now["disabled"], replace(now["disabled"], enabled=False))
                if now["edited"].schedule != Interval(0.5):
                    again = replace(now["edited"], schedule=Interval(0.5), kwargs={"n": "new"})
                    django_store.replace(now["edited"], again)
                return not now["disabled"].enabled and now["edited"].schedule == Interval(0.5)

            def obeyed() -> bool:
                """The edited one runs, the disabled and the deleted one do not."""
                then = sent()
                wait_until(lambda: sent()["edited"] > then["edited"] + 2, 30, "the edited entry")
                wait_until(lambda: sent()["untouched"] > then["untouched"] + 1, 30, "more runs")
                now = sent()
                return stands() and (now["disabled"], now["deleted"]) == (then["disabled"], then["deleted"])

            wait_until(stands, 30, "the edits to stand")
            wait_until(obeyed, 60, "beat to obey")
            last = django_store.read().beat.last
            assert last is not None
            assert last > AT - 1e8
            after = only(django_store, "untouched")
            kept = {"last_run_at": after.last_run_at, "total_run_count": after.total_run_count}
            assert same(replace(untouched, **kept), after)  # type: ignore[arg-type]

            def counted() -> bool:
                """Beat writes its counts when it notices a change, but at its end only if it was not busy."""
                for name in ("edited", "untouched"):
                    if (running := only(django_store, name)).enabled:
                        django_store.replace(running, replace(running, enabled=False))
                return all(is_count(only(django_store, name), 10 + sent()[name]) for name in ("edited", "untouched"))

            wait_until(counted, 30, "counts that are true")
        finally:
            beat.end()
        messages = [json.loads(raw) for raw in client.lrange("beaten", 0, -1)]
        newest = next(m for m in messages if name_in(m) == "edited")
        assert newest["headers"]["kwargsrepr"] == "{'n': 'new'}"
        content = django_store.read()
        found = {read.name: read for read in content.entries}
        assert set(found) == {"edited", "disabled", "untouched", "celery.backend_cleanup"}
        assert found["celery.backend_cleanup"].owner is Owner.CODE
        assert not found["disabled"].enabled
        assert is_count(found["untouched"], 10 + sent()["untouched"])
        assert is_count(found["edited"], 10 + sent()["edited"])


def test_what_never_ran_counts_from_its_last_change(
    django_store: DjangoBeatStore, django_files: DjangoProject, redis_url: str
) -> None:
    """As a real beat does: what was changed longer ago than its pause is sent as soon as beat starts."""
    now = time.time()
    hour = datetime.fromtimestamp(now, UTC).hour
    day = {
        "interval": Interval(86_400.0),
        "crontab": Crontab("0", str(hour)),
        "clocked": Clocked(now - 3_600),
        "recent": Interval(86_400.0),
    }
    for name, schedule in day.items():
        add(django_store, entry(name, schedule=schedule, one_off=name == "clocked", options=named(name)))
    with django_store._database.transaction(writes=True) as connection:
        task = django_store._look(connection).task
        old = sqlalchemy.update(task).where(task.c.name.in_(["interval", "crontab"]))
        connection.execute(old.values(date_changed=now - 172_800))
    entries = {name: only(django_store, name) for name in day}
    found = {name: entry_runs(each, django_store, after=now, count=1)[0].at - now for name, each in entries.items()}
    assert found == pytest.approx({"interval": 0.0, "crontab": 0.0, "clocked": 0.0, "recent": 86_400}, abs=60)
    assert due_since(entries["interval"], django_store, now=now) == pytest.approx(now - 86_400, abs=1)
    if tuple(map(int, version("django-celery-beat").split(".")[:2])) < (2, 8):
        return  # that beat counts from its own start, and the tables do not tell which version reads them
    with closing(redis.Redis.from_url(redis_url)) as client:

        def sent() -> set[str]:
            messages = [json.loads(raw) for raw in client.lrange("beaten", 0, -1)]
            return set(map(name_in, messages))

        beat = django_files.beat(redis_url)
        try:
            wait_until(lambda: len(sent()) >= 3, 30, "runs")
        finally:
            beat.end()
        assert sent() == {"interval", "crontab", "clocked"}
