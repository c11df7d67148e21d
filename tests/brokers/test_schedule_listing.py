"""What ``deskq schedules list`` says of runs that did not come."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
import redis

from deskq.cli import main
from deskq.profiles import Profile, ProfileFile, Safety
from deskq.schedules.model import Interval, ScheduleStore
from deskq.schedules.stores.django.store import DjangoBeatStore
from tests.support.celery_worker import CeleryWorker
from tests.support.django_entries import add, entry
from tests.support.recording import Recording
from tests.support.sample_app import sample_client
from tests.support.schedule_entries import added
from tests.support.schedule_entries import entry as plain_entry
from tests.support.waiting import wait_until


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
    assert lines["late"].rpartition("Overdue since ")[2].endswith("+00:00.")  # nothing is cut in a pipe
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


def test_the_warnings_of_the_window_are_listed_too(
    redis_url: str, store: ScheduleStore, capsys: pytest.CaptureFixture[str]
) -> None:
    def listed() -> dict[str, str]:
        assert main(["schedules", "list", "shop", "--format", "json"]) == 0
        return {each["name"]: " ".join(each["warnings"]) for each in json.loads(capsys.readouterr().out)}

    profiles = ProfileFile()
    with Recording(redis_url) as recording, CeleryWorker(redis_url, concurrency=1) as worker:
        profile = Profile.from_url(redis_url, name="shop", history=str(recording.history))
        profiles.save([profile])
        new = (
            plain_entry("fine", Interval(3_600.0)),
            replace(plain_entry("unknown"), task="sample.none"),
            replace(plain_entry("nowhere"), options={"queue": "nowhere"}),
            replace(plain_entry("slow", Interval(1.0)), task="sample.sleep_for", args=[1.5]),
            replace(plain_entry("twice", Interval(60.0)), args=[4, 4]),
            replace(plain_entry("late", Interval(60.0)), last_run_at=time.time() - 600, total_run_count=1),
        )
        with redis.Redis.from_url(redis_url) as server:
            for each in new:
                added(store, each)
            server.zadd("redbeat::schedule", {"redbeat:late": time.time() - 540})
        with sample_client(redis_url) as client:
            client.send_task("sample.sleep_for", (1.5,))
            for _ in range(6):
                client.send_task("sample.add", (4, 4))

        wait_until(lambda: "overlap" in listed()["slow"], 30, "the slow one to end")
        wait_until(lambda: "doubled" in listed()["twice"], 30, "all runs to be recorded")
        wait_until(lambda: "No online worker consumes" in listed()["nowhere"], 30, "the worker to be known")
        found = listed()
        assert found["nowhere"] == "No online worker consumes the queue “nowhere”."
        assert "No worker has registered the task “sample.none” (1 worker answered at" in found["unknown"]
        assert found["slow"].startswith("Runs overlap: a recent run took")
        assert found["twice"].startswith("Its last runs were doubled")
        assert found["late"].startswith("Overdue since 20")
        assert found["fine"] == ""
        assert main(["schedules", "list", "shop"]) == 0
        assert "consumes the queue “nowhere”." in capsys.readouterr().out
        profiles.save([replace(profile, safety=Safety.READ_ONLY)])
        assert listed()["unknown"] == ""  # nobody was asked
        worker.stop()
