"""``deskq schedules``: what a store keeps, as tables, JSON and TOML."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from deskq.cli import main
from deskq.profiles import PasswordStore, Profile, ProfileFile, SavedProfiles
from deskq.profiles.storage.confirmed_code import confirm
from deskq.schedules.model import Crontab, Interval
from deskq.schedules.text.toml import store_from_toml

_APP = """
from celery import Celery
from celery.schedules import crontab

app = Celery("proj", broker="memory://")
app.conf.timezone = "Europe/Berlin"
app.conf.beat_schedule = {
    "nightly": {"task": "t.a", "schedule": crontab(minute=30, hour=3), "args": (1,), "options": {"queue": "q"}},
    "often\\x1b": {"task": "t.b", "schedule": 10},
    "odd": {"task": "t.c", "schedule": "x"},
}
"""


@pytest.fixture
def store(tmp_path: Path) -> str:
    (tmp_path / "proj.py").write_text(_APP)
    return f"code:proj?path={tmp_path}"


def test_list_show_next_and_export(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schedules", "list", store]) == 0
    out = capsys.readouterr().out
    assert "nightly" in out
    assert "03:30" in out
    assert "\x1b" not in out
    assert main(["schedules", "list", store, "--format", "json"]) == 0
    listed = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert listed["nightly"]["owner"] == "code"
    assert listed["odd"]["problem"]
    assert main(["schedules", "show", store, "nightly"]) == 0
    assert "Europe/Berlin" in capsys.readouterr().out
    assert main(["schedules", "next", store, "nightly", "--count", "3", "--format", "json"]) == 0
    times = [datetime.fromisoformat(run["at"]) for run in json.loads(capsys.readouterr().out)]
    assert [(time.hour, time.minute) for time in times] == [(3, 30)] * 3
    assert times == sorted(set(times))
    assert main(["schedules", "next", store, "odd"]) == 1
    assert "will not run" in capsys.readouterr().err
    target = tmp_path / "out.toml"
    assert main(["schedules", "export", store, "--output", str(target)]) == 1  # one was left out
    assert "left out “odd”" in capsys.readouterr().err
    first, second = store_from_toml(target.read_text())
    assert (first.schedule, first.queue, second.schedule) == (Crontab("30", "3"), "q", Interval(10.0))


def test_a_profile_means_all_its_stores_or_one_of_them(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    saved = SavedProfiles(ProfileFile(), PasswordStore())
    saved.put(Profile.from_url("redis://127.0.0.1:1/0", name="shop", schedule_stores=(store,)))
    saved.put(Profile.from_url("amqp://127.0.0.1:1", name="bank"))
    assert main(["schedules", "list", "shop/code"]) == 2
    assert f"read it once: deskq schedules list '{store}'" in capsys.readouterr().err
    confirm([store])
    assert main(["schedules", "list", "shop/code", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 3
    assert main(["schedules", "list", "shop"]) == 1
    captured = capsys.readouterr()
    assert "nightly" in captured.out
    assert "Nothing is listening" in captured.err
    for wrong in ("shop/redbeat", "bank", "nobody"):
        assert main(["schedules", "list", wrong]) == 2
    assert main(["schedules", "show", "shop/code", "none"]) == 2
