"""What an edit of a django-celery-beat entry leaves alone, and what its difference shows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deskq.actions.schedule_edit import plan_changes
from deskq.cli import main
from deskq.profiles import Profile
from deskq.schedules.diff import FieldChange
from deskq.schedules.model import Crontab, ScheduleStore
from deskq.schedules.stores.django.store import DjangoBeatStore
from deskq.schedules.text.toml import store_to_toml
from tests.support.django_entries import add, entry, only
from tests.support.schedule_entries import names


@pytest.fixture
def url(django_store: DjangoBeatStore) -> str:
    return f"django-celery-beat:{django_store._database.place}"


def test_an_edit_of_the_crontab_keeps_its_zone(
    django_store: DjangoBeatStore, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    add(django_store, entry("report", schedule=Crontab("0", "9", zone="Asia/Kolkata")))
    assert main(["schedules", "edit", url, "report", "--cron", "15 9 * * *", "--yes"]) == 0
    assert only(django_store, "report").schedule == Crontab("15", "9", zone="Asia/Kolkata")
    assert capsys.readouterr().out.count("Asia/Kolkata") == 2  # in both lines of the difference


def test_a_zone_that_changes_is_shown(
    django_store: DjangoBeatStore, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = add(django_store, entry("report", schedule=Crontab("0", "9", zone="Asia/Kolkata")))
    assert main(["schedules", "edit", url, "report", "--timezone", "", "--dry-run"]) == 0
    old, new = (line for line in capsys.readouterr().out.splitlines() if " schedule: " in line)
    assert json.loads(old.partition(": ")[2])["zone"] == "Asia/Kolkata"
    assert json.loads(new.partition(": ")[2])["zone"] == "UTC"
    profile = Profile.from_url("redis://127.0.0.1:1/0", name="shop")
    (step,) = plan_changes(
        django_store, profile, [FieldChange(before, replace(before, schedule=Crontab("5", "9")))]
    ).items
    assert '"zone": "UTC"' in step.command  # what is journalled is what will be stored, so that a look can find it
    assert step.detail["new"]["entry"]["schedule"]["zone"] == "UTC"


def test_a_file_without_zones_is_imported_once(
    django_store: DjangoBeatStore, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "schedules.toml"
    path.write_text(store_to_toml([entry("report", schedule=Crontab("0", "9"))]))
    assert main(["schedules", "import", url, str(path), "--yes"]) == 0
    capsys.readouterr()
    assert main(["schedules", "import", url, str(path), "--yes"]) == 0
    assert "Nothing to change" in capsys.readouterr().err


def test_a_file_of_django_s_comes_into_redbeat(
    redis_url: str, store: ScheduleStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its crontabs name the zone that all of redbeat's are in."""
    path = tmp_path / "schedules.toml"
    path.write_text(store_to_toml([entry("report", schedule=Crontab("0", "9", zone="UTC"))]))
    assert main(["schedules", "import", redis_url, str(path), "--yes"]) == 0
    assert names(store)["report"].schedule == Crontab("0", "9")
    assert main(["schedules", "import", redis_url, str(path), "--yes"]) == 0
    assert "Nothing to change" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"schedule": Crontab("0", "9", zone="Asia/Kolkata")}, "stores no time zone"),
        ({"description": "each night"}, "description"),
        ({"one_off": True}, "one_off"),
    ],
)
def test_a_dry_run_refuses_what_the_store_cannot_keep(
    redis_url: str,
    store: ScheduleStore,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: dict[str, Any],
    words: str,
) -> None:
    path = tmp_path / "schedules.toml"
    path.write_text(store_to_toml([entry("fits"), entry("report", **more)]))
    for last in ("--dry-run", "--yes"):
        assert main(["schedules", "import", redis_url, str(path), last]) == 2
        error = capsys.readouterr().err
        assert "“report”" in error
        assert words in error
    assert names(store) == {}
