"""Ten thousand schedules in redbeat: how long until they are shown, an edit is seen, and next runs are known."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace

import redis

from deskq.profiles import Profile
from deskq.schedules.base import Crontab, Entry
from deskq.schedules.opening import open_store
from deskq.schedules.plain import to_redbeat_json
from deskq.schedules.reading import ScheduleReader
from tests.benchmarks.figures import Figures, size

ENTRIES = size(10_000)


def test_ten_thousand_schedules(redis_url: str, figures: Figures) -> None:
    with closing(redis.Redis.from_url(redis_url)) as server:
        pipeline = server.pipeline(transaction=False)
        for n in range(ENTRIES):
            made = Entry(name=f"entry {n}", task="shop.clean", schedule=Crontab(str(n % 60), str(n % 24)), args=[n])
            pipeline.hset(f"redbeat:entry {n}", mapping={"definition": to_redbeat_json(made), "meta": "{}"})
            pipeline.zadd("redbeat::schedule", {f"redbeat:entry {n}": 2e9})
        pipeline.execute()
    with closing(ScheduleReader(Profile.from_url(redis_url))) as reader, closing(open_store(redis_url)) as store:
        began = time.perf_counter()
        reader.read()
        rows = reader.rows()
        figures.at_most(f"{ENTRIES:,} schedules: read for the view", (time.perf_counter() - began) * 1_000, 300, "ms")
        assert len(rows) == ENTRIES
        began = time.perf_counter()
        reader.read()
        figures.note(f"{ENTRIES:,} schedules: read again", (time.perf_counter() - began) * 1_000, "ms")
        began = time.perf_counter()
        sight = [row.key for row in rows[:40]]
        while any(row.looked_at is None for row in reader.rows()[:40]):
            reader.look_ahead(sight, 0.005)  # it goes on with the others for as long as it is given
        figures.at_most("next runs of 40 schedules", (time.perf_counter() - began) * 1_000, 50, "ms")
        old = rows[5].entry
        began = time.perf_counter()
        store.replace(old, replace(old, args=["new"]))
        reader.read()
        found = next(row for row in reader.rows() if row.entry.name == old.name)
        took = time.perf_counter() - began
        assert found.entry.args == ["new"]
        figures.at_most(f"{ENTRIES:,} schedules: an edit is seen", took * 1_000, 200, "ms")
