"""Where nothing else tells a task's queue, the routes of the profile's own app do: if its code was confirmed here."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from deskq.actions.messages.argument_sources import gather
from deskq.actions.messages.places import app_places
from deskq.actions.messages.retry_candidates import Candidate
from deskq.history.reading.reader import HistoryReader
from deskq.history.writing.writer import History
from deskq.profiles import Profile
from deskq.profiles.storage.confirmed_code import confirm
from tests.unit.history.test_history import NOW, add_task, uuid_of

APP = """
open({ran!r}, "a").close()
from celery import Celery
from kombu import Exchange, Queue
def router(name, args, kwargs, options, task=None, **rest):
    if name == "shop.broken":
        raise ValueError(name)
    return {{"queue": "topic"}} if name == "shop.topical" else None
def nothing(): pass
app = Celery("shop")
app.conf.task_default_queue = "base"
app.conf.task_queues = [Queue("base"), Queue("slow"), Queue("topic", Exchange("news", type="topic"), "a.b")]
app.conf.task_routes = [router, {{"shop.slow": {{"queue": "slow"}}}}]
for name in ("slow", "plain", "topical", "broken"):
    app.task(name="shop." + name)(nothing)
app.task(name="shop.own", queue="slow")(nothing)
"""


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    (tmp_path / "shop.py").write_text(APP.format(ran=str(tmp_path / "RAN")))
    history = tmp_path / "shop.sqlite"
    return Profile.from_url(
        "redis://127.0.0.1:1/0",
        name="shop",
        history=str(history),
        schedule_stores=(f"code:shop?path={tmp_path}",),
        silent=True,  # no worker is asked
    )


def candidates(profile: Profile, name: str, queue: str = "") -> Candidate:
    history = History(profile.history_path())
    add_task(history, 1, state="failed", name=name, kwargs="{}", queue="")
    history.commit(NOW)
    history.close()
    with closing(HistoryReader(profile.history_path())) as reader:
        row = reader.task_row(uuid_of(1))
    assert row is not None
    (found,) = gather(profile, [row], queue=queue)
    return found


def test_a_confirmed_app_is_the_last_witness(profile: Profile, tmp_path: Path) -> None:
    assert candidates(profile, "shop.slow").why_not == "its queue is unknown"
    assert not (tmp_path / "RAN").exists()  # a profile may come from somebody else
    confirm(profile.schedule_stores)
    found = candidates(profile, "shop.slow")
    assert found.queue == "slow"
    assert "its queue is known only from the current routes of shop" in found.losses
    (tmp_path / "RAN").unlink()
    chosen = candidates(profile, "shop.slow", queue="q")
    assert (chosen.queue, (tmp_path / "RAN").exists()) == ("q", False)
    assert not any("routes" in loss for loss in chosen.losses)
    silent = replace(profile, schedule_stores=())
    assert candidates(silent, "shop.slow").why_not == "its queue is unknown"


def test_what_an_app_answers(profile: Profile) -> None:
    confirm(profile.schedule_stores)
    names = ["shop.slow", "shop.plain", "shop.topical", "shop.own", "shop.broken", "shop.unknown"]
    found = app_places(profile, iter(names))
    assert {name: (place.queue, place.exchange, place.routing_key) for name, place in found.items()} == {
        "shop.slow": ("slow", "", ""),
        "shop.plain": ("base", "", ""),
        "shop.own": ("slow", "", ""),
        "shop.topical": ("", "news", "a.b"),
    }
