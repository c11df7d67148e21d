"""Celery's own beat with a schedule in code: what deskq reads of the code and of beat's file is what beat does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from deskq.schedules.model import Crontab, Entry, Interval, NotEditable, Owner, ScheduleStore, StoreError
from deskq.schedules.opening import open_store
from tests.support.processes import Process
from tests.support.schedule_entries import names
from tests.support.waiting import wait_until

_APP = """
from celery import Celery
from celery.schedules import crontab

app = Celery("shop", broker={broker!r})
app.conf.timezone = "Europe/Berlin"
app.conf.beat_sync_every = 1  # beat notes every run at once, not every three minutes
app.conf.beat_schedule = {{
    "ticking": {{"task": "shop.tick", "schedule": 1.0, "args": (1,), "options": {{"queue": "ticking"}}}},
    "slower": {{"task": "shop.tick", "schedule": 2.0, "options": {{"queue": "slower"}}}},
    "new year": {{"task": "shop.report", "schedule": crontab("30", "2", day_of_month="1", month_of_year="1")}},
}}
"""


@pytest.fixture
def folder(redis_url: str, tmp_path: Path) -> Path:
    made = tmp_path / "project"
    made.mkdir()
    (made / "shop.py").write_text(_APP.format(broker=redis_url))
    return made


@pytest.fixture
def beat(folder: Path, tmp_path: Path) -> Iterator[Process]:
    arguments = [sys.executable, "-m", "celery", "-A", "shop", "beat", "--pidfile=", "--schedule=celerybeat-schedule"]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    process = Process([*arguments, "-l", "INFO"], log=tmp_path / "beat.log", env=environment, cwd=folder)
    yield process
    process.end(10)


@pytest.fixture
def code(folder: Path) -> Iterator[ScheduleStore]:
    with closing(open_store(f"code:shop:app?path={folder}")) as opened:
        yield opened


@pytest.fixture
def file(folder: Path) -> Iterator[ScheduleStore]:
    with closing(open_store(f"celerybeat-schedule:{folder}/celerybeat-schedule")) as opened:
        yield opened


def _files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """What is in each file, and when that was written."""
    return {str(each): (each.read_bytes(), each.stat().st_mtime_ns) for each in folder.rglob("*") if each.is_file()}


def _noted(file: ScheduleStore, runs: int) -> Entry | None:
    """What beat noted of the first entry, once it ran so often; None too while beat is writing."""
    try:
        found = names(file).get("ticking")
    except StoreError:
        return None
    return found if found is not None and (found.total_run_count or 0) >= runs else None


def test_code_and_file_tell_what_a_real_beat_does(
    folder: Path, beat: Process, code: ScheduleStore, file: ScheduleStore, redis_url: str
) -> None:
    with redis.Redis.from_url(redis_url) as server:
        first = wait_until(lambda: _noted(file, 2), 60, "beat to note its runs")
        assert first is not None
        later = wait_until(lambda: _noted(file, (first.total_run_count or 0) + 1), 60, "one more run")
        wait_until(lambda: server.llen("slower"), 60, "the slower one to run")
        assert later is not None
        assert first.last_run_at is not None
        assert later.last_run_at is not None
        assert later.last_run_at > first.last_run_at
        beat.end(10)
        sent = {name: server.llen(name) for name in ("ticking", "slower")}
        keys = sorted(server.keys())

        before = _files(folder)
        coded, noted = names(code), names(file)
        cleanup = noted.pop("celery.backend_cleanup")  # beat adds it by itself, to clean a backend that does not
        assert (cleanup.schedule, cleanup.total_run_count) == (Crontab("0", "4"), 0)
        for entries in (coded, noted):
            assert {name: each.schedule for name, each in entries.items()} == {
                "ticking": Interval(1.0),
                "slower": Interval(2.0),
                "new year": Crontab("30", "2", "1", "1"),
            }
            assert {name: (each.task, each.queue, each.args) for name, each in entries.items()} == {
                "ticking": ("shop.tick", "ticking", [1]),
                "slower": ("shop.tick", "slower", []),
                "new year": ("shop.report", "", []),
            }
            assert all(each.owner is Owner.CODE and not each.problem for each in entries.values())
        assert (code.zone, file.zone) == ("Europe/Berlin", "Europe/Berlin")
        assert {name: each.total_run_count for name, each in noted.items()} == {**sent, "new year": 0}
        assert {each.total_run_count for each in coded.values()} == {None}  # code counts nothing
        for store, entries in ((code, coded), (file, noted)):
            with pytest.raises(NotEditable):
                store.replace(entries["ticking"], None)
        assert _files(folder) == before
        assert sorted(server.keys()) == keys
        assert {name: server.llen(name) for name in sent} == sent
