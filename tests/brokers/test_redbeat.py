"""redbeat's schedule: what is written is what redbeat reads, its beat obeys it, and nothing else is touched."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from redbeat import RedBeatSchedulerEntry

from deskq.schedules.model import (
    Conflict,
    Crontab,
    Interval,
    Owner,
    RRule,
    Schedule,
    ScheduleStore,
    StoreError,
)
from deskq.schedules.opening import open_store
from deskq.schedules.stores.redbeat.entry_json import schedule_of
from deskq.schedules.timing.validation import check
from tests.support.processes import Process
from tests.support.sample_app import BROKER, CONFIG
from tests.support.schedule_entries import added, entry, names
from tests.support.waiting import wait_until

_ROOT = Path(__file__).resolve().parents[2]
SCHEDULE, STATICS = "redbeat::schedule", "redbeat::statics"


@pytest.fixture
def app(redis_url: str) -> Iterator[Celery]:
    made = Celery("redbeat", broker=redis_url, set_as_current=False)
    made.conf.update(redbeat_redis_url=redis_url, redbeat_redis_options={}, timezone="UTC")
    yield made
    if hasattr(made, "redbeat_redis"):
        made.redbeat_redis.close()
    made.close()


def test_entries_that_redbeat_wrote_are_read(app: Celery, store: ScheduleStore) -> None:
    from celery.schedules import crontab, schedule
    from dateutil.rrule import FR, MO
    from redbeat.schedules import rrule

    for name, made in (
        ("cron", crontab(minute=0, hour="7", day_of_week="mon-fri")),
        ("often", schedule(10, relative=True)),
        ("rule", rrule("WEEKLY", byweekday=[MO, FR], bymonth=(1, 2), count=5)),
    ):
        written = RedBeatSchedulerEntry(name, "t", made, args=[1], kwargs={"a": 1}, options={"queue": "q"}, app=app)
        written.save()
    found = names(store)
    assert found["cron"].schedule == Crontab("0", "7", day_of_week="mon-fri")
    assert found["often"].schedule == Interval(10.0, relative=True)
    rule = found["rule"].schedule
    assert isinstance(rule, RRule)
    assert (rule.freq, rule.byweekday, rule.others, rule.count) == (
        *("weekly", ((0, 0), (4, 0)), (("bymonth", (1, 2)),), 5),
    )
    for each in found.values():
        assert (each.problem, each.owner, each.queue, each.args) == ("", Owner.EDITABLE, "q", [1])
        assert each.due_at is not None
        assert each.last_run_at is not None


_RULES = st.builds(
    RRule,
    st.sampled_from(["yearly", "monthly", "weekly", "daily", "hourly"]),
    st.integers(1, 5),
    st.integers(1_700_000_000, 1_760_000_000).map(float),
    st.sampled_from([0.0, 60.0, -330.0]),
    st.none() | st.integers(1_900_000_000, 2_000_000_000).map(float),
    st.just(0.0),
    st.none() | st.integers(1, 9),
    st.none() | st.integers(0, 6),
    st.lists(st.tuples(st.integers(0, 6), st.just(0)), max_size=3, unique=True).map(tuple),
    st.sampled_from([(), (("byminute", (5, 30)),), (("bymonth", (1, 12)), ("byminute", (30,)))]),
).map(lambda rule: rule if rule.count is None else replace(rule, until=None))  # dateutil takes one of them
_SCHEDULES = st.one_of(
    st.builds(Interval, st.integers(1, 10**9).map(lambda ms: ms / 1000), st.booleans()),
    st.builds(
        Crontab,
        st.sampled_from(["*", "0", "*/5", "1,7"]),
        st.sampled_from(["*", "7", "0-6"]),
        st.sampled_from(["*", "1", "15-20"]),
        st.sampled_from(["*", "1,6"]),
        st.sampled_from(["*", "mon-fri", "0"]),
    ),
    _RULES.filter(lambda rule: not check(rule)),  # what never runs is refused
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.generate],
    report_multiple_bugs=False,
)
@given(_SCHEDULES, st.dictionaries(st.text(max_size=4), st.none() | st.integers(), max_size=2), st.booleans())
def test_what_is_written_is_what_redbeat_reads(
    app: Celery, store: ScheduleStore, schedule: Schedule, kwargs: dict[str, Any], enabled: bool
) -> None:
    from redbeat.decoder import RedBeatJSONEncoder

    stored = added(store, entry("one", schedule, kwargs=kwargs, enabled=enabled, options={"priority": 3}))
    try:
        assert stored.schedule == schedule
        theirs = RedBeatSchedulerEntry.from_key("redbeat:one", app=app)
        assert (theirs.name, theirs.task, list(theirs.args)) == ("one", "sample.add", [1, 2])
        assert (theirs.kwargs, theirs.enabled, theirs.options["priority"]) == (kwargs, enabled, 3)
        assert theirs.last_run_at is not None
        assert abs(theirs.last_run_at.timestamp() - time.time()) < 30  # it begins now, and is not sent at once
        assert schedule_of(json.loads(json.dumps(theirs.schedule, cls=RedBeatJSONEncoder))) == schedule
        theirs_at = theirs.score
        assert (stored.due_at is None) == (theirs_at == -1)
        assert stored.due_at is None or abs(stored.due_at - theirs_at) <= 90
    finally:
        store.replace(stored, None)


def test_the_score_follows_the_new_schedule_and_never_is_never(store: ScheduleStore, server: redis.Redis) -> None:
    last = time.time() - 100
    one = added(store, entry("one", Interval(3600.0), last_run_at=last, total_run_count=5))
    assert one.due_at == pytest.approx(last + 3600, abs=2)
    sooner = store.replace(one, replace(one, schedule=Interval(300.0)))
    assert sooner is not None
    assert sooner.due_at == pytest.approx(last + 300, abs=2)
    overdue = store.replace(sooner, replace(sooner, schedule=Interval(10.0)))
    assert overdue is not None
    assert overdue.due_at == pytest.approx(time.time(), abs=30)
    ended = RRule("daily", dtstart=1_000_000_000.0, count=2)
    never = store.replace(overdue, replace(overdue, schedule=ended))
    assert never is not None
    assert (never.due_at, server.zscore(SCHEDULE, "redbeat:one")) == (None, -1)
    assert never.last_run_at == pytest.approx(last, abs=1e-3)
    assert never.total_run_count == 5


def test_rename_keeps_what_has_run_and_takes_no_other_name(store: ScheduleStore, server: redis.Redis) -> None:
    one = added(store, entry("one", last_run_at=1.75e9, total_run_count=41))
    two = added(store, entry("two"))
    with pytest.raises(StoreError, match="already"):
        store.replace(one, replace(one, name="two"))
    with pytest.raises(StoreError, match="already"):
        store.replace(None, entry("two"))
    server.hset("redbeat:three", "meta", "{}")  # what beat may leave of a deleted entry
    three = store.replace(one, replace(one, name="three"))
    assert three is not None
    assert (three.last_run_at, three.total_run_count, three.key) == (1.75e9, 41, "redbeat:three")
    assert set(names(store)) == {"two", "three"}
    assert not server.exists("redbeat:one")
    store.replace(two, None)
    assert (set(names(store)), server.exists("redbeat:two")) == ({"three"}, 0)


def test_a_change_by_somebody_else_is_never_overwritten(redis_url: str, store: ScheduleStore) -> None:
    one = added(store, entry("one"))
    other = open_store(redis_url)
    theirs = other.replace(one, replace(one, args=[5]))
    with pytest.raises(Conflict) as caught:
        store.replace(one, replace(one, enabled=False))
    assert caught.value.theirs is not None
    assert caught.value.theirs.args == [5]
    assert names(store)["one"].enabled
    other.replace(theirs, None)
    with pytest.raises(Conflict) as caught:
        store.replace(one, None)
    assert caught.value.theirs is None
    other.close()


def test_beat_running_an_entry_is_no_change_and_stays(store: ScheduleStore, server: redis.Redis) -> None:
    one = added(store, entry("one"))
    meta = '{"last_run_at": {"__type__": "datetime", "year": 2026, "month": 1, "day": 1, "timezone": "UTC"}, "x": 1}'
    server.hset("redbeat:one", "meta", meta)
    edited = store.replace(one, replace(one, enabled=False))
    assert edited is not None
    assert edited.last_run_at == 1_767_225_600.0
    assert server.hget("redbeat:one", "meta") == meta


def test_owned_by_code_and_the_zone_are_told_and_no_other_prefix_is_seen(
    redis_url: str, store: ScheduleStore, server: redis.Redis
) -> None:
    added(store, entry("one", Crontab("0")))
    server.sadd(STATICS, "one")
    other = open_store(f"{redis_url}?prefix=shop:&zone=Europe/Berlin")
    added(other, entry("two", Crontab("0")))
    assert (set(names(other)), other.read().warnings, other.zone) == ({"two"}, (), "Europe/Berlin")
    first = store.read()
    assert [each.owner for each in first.entries] == [Owner.CODE]
    assert "?zone=" in first.warnings[0]
    assert store.read().warnings == ()
    assert first.beat.alive is None
    server.set("redbeat::lock", "x", px=60_000)
    lock = store.read().beat
    assert lock.alive
    assert lock.lock_until == pytest.approx(time.time() + 60, abs=30)
    other.close()


def test_thousands_of_entries_are_read(store: ScheduleStore, server: redis.Redis) -> None:
    with server.pipeline(transaction=False) as pipe:
        for number in range(3_000):
            schedule = {"__type__": "crontab", "minute": number % 60, "hour": number // 60 % 24}
            definition = {"name": f"n{number}", "task": "t", "schedule": schedule, "enabled": True}
            pipe.hset(f"redbeat:n{number}", mapping={"definition": json.dumps(definition), "meta": "{}"})
            pipe.zadd(SCHEDULE, {f"redbeat:n{number}": number})
        pipe.execute()
    found = names(store)
    assert len(found) == 3_000
    assert found["n2999"].schedule == Crontab("59", "1")


def test_a_real_beat_obeys_what_was_edited(
    redis_url: str, store: ScheduleStore, server: redis.Redis, tmp_path: Path
) -> None:
    edited = added(store, entry("edited", Interval(86_400.0), last_run_at=time.time(), total_run_count=1))
    ticking = added(store, entry("ticking", Interval(1.0), options={"queue": "ticking"}))
    silent = added(store, entry("silent", Interval(1.0), options={"queue": "silent"}))
    deleted = added(store, entry("deleted", Interval(1.0), options={"queue": "deleted"}))
    untouched = added(store, entry("untouched", Interval(86_400.0), last_run_at=1e9 + time.time() % 1, enabled=False))
    before = server.hgetall("redbeat:untouched")
    store.replace(silent, replace(silent, enabled=False))
    config = {
        "redbeat_redis_url": redis_url, "redbeat_redis_options": {}, "beat_max_loop_interval": 1,
        "beat_schedule": {"static": {"task": "sample.add", "schedule": 3600.0}},
    }  # fmt: skip
    environment = os.environ | {BROKER: redis_url, CONFIG: json.dumps(config)}
    arguments = [sys.executable, "-m", "celery", "-A", "tests.support.sample_app", "beat", "-l", "INFO"]
    arguments += ["-S", "redbeat.RedBeatScheduler", "--pidfile="]
    beat = Process(arguments, log=tmp_path / "beat.log", env=environment, cwd=_ROOT)
    try:
        wait_until(lambda: server.llen("ticking") and server.llen("deleted"), 30, "beat to send")
        assert store.read().beat.alive
        assert names(store)["static"].owner is Owner.CODE
        store.replace(deleted, None)
        gone = server.llen("deleted")
        store.replace(edited, replace(edited, schedule=Interval(1.0), args=[20, 22], options={"queue": "edited"}))
        wait_until(lambda: server.llen("edited"), 30, "the edited entry to fire")
        renamed = store.replace(ticking, replace(ticking, name="renamed"))
        assert renamed is not None
        assert renamed.total_run_count is not None
        assert renamed.total_run_count > 0
        once = RRule("daily", dtstart=float(int(time.time()) + 2), count=1)
        added(store, entry("once", once, options={"queue": "once"}))
        sent = server.llen("ticking")
        wait_until(lambda: server.llen("ticking") > sent + 1, 30, "the renamed entry to fire")
        wait_until(lambda: server.zscore(SCHEDULE, "redbeat:once") == -1, 30, "the rrule to end")
        assert server.llen("once") == 1
        found = names(store)
        assert found["renamed"].total_run_count > renamed.total_run_count  # type: ignore[operator]
        assert found["edited"].total_run_count > 1  # type: ignore[operator]
        assert set(found) == {"edited", "renamed", "silent", "untouched", "static", "once"}
        assert server.llen("deleted") - gone in (0, 1)  # one may have been on its way
        assert server.llen("silent") == 0
        assert server.hgetall("redbeat:untouched") == before
        assert names(store)["untouched"] == replace(untouched, due_at=found["untouched"].due_at)
        assert beat.returncode is None
    finally:
        beat.end(10)
