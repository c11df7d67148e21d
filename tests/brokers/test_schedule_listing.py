"""What ``deskq schedules list`` says of runs that did not come."""

from __future__ import annotations

import json
import time

import pytest

from deskq.cli import main
from deskq.schedules.model import Interval, ScheduleStore
from deskq.schedules.stores.django.store import DjangoBeatStore
from tests.support.django_entries import add, entry
from tests.support.schedule_entries import added
from tests.support.schedule_entries import entry as plain_entry


def test_what_nobody_ran_is_overdue_and_told_whole(
    django_store: DjangoBeatStore, capsys: pytest.CaptureFixture[str]
) -> None:
    now = time.time()
    for name, ago in (("late", 420.0), ("fresh", 30.0)):
        add(django_store, entry(name + "-" * 60, task="t" * 60, schedule=Interval(60.0), last_run_at=now - ago))
    url = f"django-celery-beat:{django_store._database.place}"
    assert main(["schedules", "list", url]) == 0
    lines = {line.split()[1].rstrip("-…"): line for line in capsys.readouterr().out.splitlines()}
    assert " overdue " in lines["late"]
    assert lines["late"].rpartition("It should have run at ")[2].endswith("+00:00.")  # nothing is cut in a pipe
    assert "overdue" not in lines["fresh"]
    assert main(["schedules", "list", url, "--format", "json"]) == 0
    found = {each["name"].rstrip("-"): each["late_since"] for each in json.loads(capsys.readouterr().out)}
    assert found["fresh"] is None
    assert found["late"] is not None


def test_what_never_ran_has_no_last_run(
    redis_url: str, store: ScheduleStore, capsys: pytest.CaptureFixture[str]
) -> None:
    """redbeat dates the last run of a new entry to when it was added."""
    added(store, plain_entry("new", Interval(3_600.0), last_run_at=time.time(), total_run_count=0))
    added(store, plain_entry("old", Interval(3_600.0), last_run_at=time.time(), total_run_count=1))
    assert main(["schedules", "list", redis_url, "--format", "json"]) == 0
    found = {each["name"]: each["last_run"] for each in json.loads(capsys.readouterr().out)}
    assert found["new"] is None
    assert found["old"] is not None
