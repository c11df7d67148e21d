"""Ten thousand schedules in redbeat: how long until they are shown, an edit is seen, and next runs are known."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from deskq.profiles import Profile
from deskq.schedules.model import Crontab, Entry, Interval
from deskq.schedules.opening import open_store
from deskq.schedules.profile_reader import ScheduleReader
from deskq.schedules.stores.redbeat.entry_json import definition_text, meta_text
from tests.benchmarks.figures import Figures, size
from tests.benchmarks.window import measure
from tests.support.servers import RedisServer

ENTRIES = size(10_000)


def _fill(url: str) -> None:
    """Schedules of which most differ, that ran a little while ago."""
    now = time.time()
    with closing(redis.Redis.from_url(url)) as server:
        pipeline = server.pipeline(transaction=False)
        for n in range(ENTRIES):
            every, days = Interval(60.0 + n % 600), "mon-fri" if n % 3 else "*"
            schedule = every if n % 4 == 0 else Crontab(str(n % 60), str(n // 60 % 24), day_of_week=days)
            made = Entry(
                name=f"entry {n}",
                task=f"shop.clean_{n % 50}",
                schedule=schedule,
                args=[n],
                options={"queue": "celery"},
                last_run_at=now - n % 50,
                total_run_count=n,
            )
            key = f"redbeat:{made.name}"
            pipeline.hset(key, mapping={"definition": definition_text(made), "meta": meta_text(made, now)})
            pipeline.zadd("redbeat::schedule", {key: now + 600 + n})
        pipeline.execute()


@pytest.mark.usefixtures("deskq_home")
def test_the_view(patient_redis: RedisServer, tmp_path: Path, figures: Figures) -> None:
    _fill(patient_redis.url)
    name = f"{ENTRIES:,} schedules"
    found = measure("schedules", patient_redis.url, tmp_path / "history.sqlite", max(3, size(10)), lambda: None)
    figures.at_most(f"{name}: view opened to first painted rows", found["first"], 300, "ms")
    figures.note(f"{name}: view opened to all of them in the table", found["all"], "ms")
    figures.note(f"{name}: view opened to all next runs", found["all next"], "ms")
    figures.at_most(f"{name}: an edit is seen in the table, median", found["edit"], 200, "ms")
    figures.note(f"{name}: an edit is seen in the table, slowest", found["slowest edit"], "ms")
    for phase in ("opening", "edit", "sorting", "watching"):
        figures.at_most(f"{name}: gap of the window's loop, {phase}, p99", found[f"{phase} gap p99"], 20, "ms")
        figures.at_most(f"{name}: gap of the window's loop, {phase}, max", found[f"{phase} gap max"], 60, "ms")
        figures.note(f"{name}: own CPU in one turn of the loop, {phase}, max", found[f"{phase} gap own max"], "ms")


def test_ten_thousand_schedules(redis_url: str, figures: Figures) -> None:
    _fill(redis_url)
    with closing(ScheduleReader(Profile.from_url(redis_url))) as reader, closing(open_store(redis_url)) as store:
        began = time.perf_counter()
        reader.begin()
        reader.read_on(0.0)
        reader.look_ahead([row.key for row in reader.rows()[:40]])
        figures.note(
            f"{ENTRIES:,} schedules: a first page with its next runs", (time.perf_counter() - began) * 1_000, "ms"
        )
        while reader.read_on(0.03):
            pass
        rows = reader.rows()
        figures.at_most(f"{ENTRIES:,} schedules: read for the view", (time.perf_counter() - began) * 1_000, 300, "ms")
        assert len(rows) == ENTRIES
        began = time.perf_counter()
        reader.read()
        figures.note(f"{ENTRIES:,} schedules: read again", (time.perf_counter() - began) * 1_000, "ms")
        began = time.perf_counter()
        sight = [row.key for row in rows[5_000 * ENTRIES // 10_000 :][:40]]
        reader.look_ahead(sight, 0.0)
        known = {row.key: row.looked_at for row in reader.rows()}
        assert all(known[key] is not None for key in sight)
        figures.at_most("next runs of 40 schedules", (time.perf_counter() - began) * 1_000, 50, "ms")
        old = rows[5].entry
        began = time.perf_counter()
        store.replace(old, replace(old, args=["new"]))
        reader.read()
        found = next(row for row in reader.rows() if row.entry.name == old.name)
        took = time.perf_counter() - began
        assert found.entry.args == ["new"]
        figures.at_most(f"{ENTRIES:,} schedules: an edit is seen", took * 1_000, 200, "ms")
