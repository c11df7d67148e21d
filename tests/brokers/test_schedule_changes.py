"""Schedules changed on the command line: previewed, journalled, taken back, and never over somebody else's change."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from deskq.actions.executor import PlanExecutor
from deskq.actions.journal.journal import Journal
from deskq.actions.plan import Outcome, Step
from deskq.actions.safety import Confirmation
from deskq.actions.schedule_edit import ScheduleRunner, plan_changes, store_of
from deskq.actions.undo import undo_plan
from deskq.cli import main
from deskq.profiles import PasswordStore, Profile, ProfileFile, Safety, SavedProfiles
from deskq.schedules.diff import FieldChange
from deskq.schedules.model import Crontab, Entry, Interval, ScheduleStore
from deskq.schedules.opening import open_store
from deskq.schedules.stores.django.store import DjangoBeatStore
from deskq.schedules.text.toml import entry_to_plain
from tests.support.schedule_entries import names


def outcomes(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out.splitlines()[-1])["outcomes"]
    return found


def test_add_edit_switch_rename_and_delete(
    redis_url: str, store: ScheduleStore, capsys: pytest.CaptureFixture[str]
) -> None:
    new = ["--name", "nightly", "--task", "report.build", "--cron", "30 2 * * *", "--args", '["Q3"]', "--queue", "slow"]
    assert main(["schedules", "add", redis_url, *new, "--dry-run"]) == 0
    assert "+ schedule" in capsys.readouterr().out
    assert names(store) == {}
    assert main(["schedules", "add", redis_url, *new, "--yes"]) == 0
    added = names(store)["nightly"]
    assert (added.schedule, added.args, added.queue) == (Crontab("30", "2"), ["Q3"], "slow")
    assert main(["schedules", "edit", redis_url, "nightly", "--every", "10m", "--yes"]) == 0
    assert main(["schedules", "disable", redis_url, "nightly", "--yes"]) == 0
    assert main(["schedules", "edit", redis_url, "nightly", "--name", "often", "--yes"]) == 0
    changed = names(store)
    assert set(changed) == {"often"}
    assert (changed["often"].schedule, changed["often"].enabled) == (Interval(600.0), False)
    assert main(["schedules", "enable", redis_url, "often", "--yes"]) == 0
    assert names(store)["often"].enabled
    capsys.readouterr()
    assert main(["schedules", "enable", redis_url, "often", "--yes"]) == 0
    assert "Nothing to change" in capsys.readouterr().err
    assert main(["schedules", "delete", redis_url, "often", "--yes"]) == 0
    assert names(store) == {}
    journal = Journal()
    try:
        assert len(journal.actions()) == 6
        assert all(action.outcomes == {"done": 1} for action in journal.actions())
    finally:
        journal.close()


def test_wrong_ones_are_told(redis_url: str, store: ScheduleStore, capsys: pytest.CaptureFixture[str]) -> None:
    store.replace(None, Entry(name="a", task="t", schedule=Interval(60.0)))
    for options, words in (
        (["add", redis_url, "--name", "b", "--task", "t", "--cron", "0 0 31 2 *"], "never"),
        (["add", redis_url, "--name", "b", "--task", "t"], "--every"),
        (["edit", redis_url, "nobody", "--every", "5s"], "nobody"),
        (["edit", redis_url, "a", "--every", "5s"], "--yes"),
        (["edit", redis_url, "a", "--cron", "61 * * * *"], "61"),
        (["edit", redis_url, "a", "--cron", "0 9 * * mon#3"], "Celery ignores a part of “mon#3”"),
    ):
        assert main(["schedules", *options]) == 2
        assert words in capsys.readouterr().err
    assert names(store)["a"].schedule == Interval(60.0)
    assert main(["schedules", "add", redis_url, "--name", "a", "--task", "u", "--every", "5s", "--yes"]) == 2
    assert names(store)["a"].task == "t"


def test_a_store_is_brought_to_a_file(
    redis_url: str, store: ScheduleStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b", "c"):
        store.replace(None, Entry(name=name, task=f"t.{name}", schedule=Interval(60.0)))
    path = tmp_path / "schedules.toml"
    assert main(["schedules", "export", redis_url, "--output", str(path)]) == 0
    text = path.read_text().replace("t.b", "t.changed")
    path.write_text(text[: text.rindex("[[")])
    assert main(["schedules", "import", redis_url, str(path), "--yes", "--format", "json"]) == 0
    assert [each["entry"] for each in outcomes(capsys)] == ["b"]
    assert set(names(store)) == {"a", "b", "c"}
    assert main(["schedules", "import", redis_url, str(path), "--delete-others", "--yes"]) == 0
    assert {name: entry.task for name, entry in names(store).items()} == {"a": "t.a", "b": "t.changed"}


def test_a_profile_decides_what_is_allowed(
    redis_url: str, store: ScheduleStore, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = SavedProfiles(ProfileFile(), PasswordStore())
    saved.put(Profile.from_url(redis_url, name="locked", safety=Safety.READ_ONLY))
    saved.put(Profile.from_url(redis_url, name="prod", safety=Safety.ASK_NAME))
    new = ["--name", "x", "--task", "t", "--every", "5m"]
    assert main(["schedules", "add", "locked", *new, "--yes"]) == 2
    assert "read-only" in capsys.readouterr().err
    assert main(["schedules", "add", "prod", *new, "--yes"]) == 2
    assert "--confirm-name" in capsys.readouterr().err
    assert names(store) == {}
    assert main(["schedules", "add", "prod", *new, "--confirm-name", "prod"]) == 0
    assert set(names(store)) == {"x"}


def carried(store_url: str, profile: Profile, change: FieldChange) -> str:
    """Carry one change out through the journal; returns the action's id."""
    journal = Journal()
    try:
        store = open_store(store_url)
        plan = plan_changes(store, profile, [change])
        result = PlanExecutor(plan, profile, journal, ScheduleRunner(store)).run(Confirmation(plan.id))
        assert result.done == 1, result.words
    finally:
        journal.close()
    return plan.id


def test_each_edit_is_taken_back(redis_url: str, store: ScheduleStore) -> None:
    profile = Profile.from_url(redis_url, name="shop", safety=Safety.FREE)
    first = store.replace(None, Entry(name="a", task="t", schedule=Interval(60.0), last_run_at=1e9, total_run_count=7))
    assert first is not None
    renamed = Entry(name="z", task="u", schedule=Crontab("5"), key=first.key, version=first.version)
    for new in (renamed, None):
        old = names(store)["a"]
        action = carried(redis_url, profile, FieldChange(old, new))
        assert "a" not in names(store)
        journal = Journal()
        try:
            back = undo_plan(journal, action)
            url = str(back.items[0].detail["store"])
            runner = ScheduleRunner(store_of(url, profile))
            assert PlanExecutor(back, profile, journal, runner).run(None).done == 1
            assert journal.undone_by(action) == back.id
        finally:
            journal.close()
        (now,) = names(store).values()
        assert entry_to_plain(now) == entry_to_plain(first)
        assert (now.last_run_at, now.total_run_count) == (1e9, 7)


def test_what_somebody_changed_meanwhile_is_not_overwritten(redis_url: str, store: ScheduleStore) -> None:
    profile = Profile.from_url(redis_url, name="shop", safety=Safety.FREE)
    old = store.replace(None, Entry(name="a", task="t", schedule=Interval(60.0)))
    assert old is not None
    store.replace(old, Entry(name="a", task="theirs", schedule=Interval(60.0), key=old.key, version=old.version))
    plan = plan_changes(store, profile, [FieldChange(old, None)])
    journal = Journal()
    try:
        result = PlanExecutor(plan, profile, journal, ScheduleRunner(open_store(redis_url))).run(None)
        assert result.failed == 1
        assert "Someone else" in result.words
    finally:
        journal.close()
    assert names(store)["a"].task == "theirs"


def test_an_entry_that_is_there_already_is_no_success(redis_url: str, store: ScheduleStore) -> None:
    new = Entry(name="a", task="t", schedule=Interval(60.0))
    store.replace(None, new)
    profile = Profile.from_url(redis_url, name="shop", safety=Safety.FREE)
    journal = Journal()
    try:
        plan = plan_changes(store, profile, [FieldChange(None, new)])
        result = PlanExecutor(plan, profile, journal, ScheduleRunner(open_store(redis_url))).run(None)
        assert (result.done, result.failed) == (0, 1)
        assert "already" in result.words
        assert journal.undos(plan.id) == []
    finally:
        journal.close()
    assert set(names(store)) == {"a"}


def test_a_store_that_cannot_be_reached_was_not_changed() -> None:
    url = "redbeat:redis://127.0.0.1:1/0"
    gone = open_store(url)
    runner = ScheduleRunner(gone)
    change = FieldChange(None, Entry(name="a", task="t", schedule=Interval(60.0)))
    profile = Profile.from_url("redis://127.0.0.1:1/0", name="shop", safety=Safety.FREE)
    (step,) = plan_changes(gone, profile, [change]).items
    (ending,) = runner.run_steps(
        [Step(target=step.target, command=step.command, detail=json.loads(json.dumps(step.detail)))]
    )
    assert ending.outcome is Outcome.FAILED
    assert ending.words.endswith("Nothing was written.")
    runner.close()


def test_the_journal_holds_no_password(redis_url: str) -> None:
    secret = redis_url.replace("redis://", "redis://:canary-of-a-password@")
    opened = open_store(secret)
    change = FieldChange(None, Entry(name="a", task="t", schedule=Interval(60.0)))
    plan = plan_changes(opened, Profile.from_url(secret, name="shop"), [change])
    opened.close()
    assert "canary" not in json.dumps([dict(step.detail) for step in plan.items]) + plan.title


_FINE = 'name = "fine"\ntask = "t"\nschedule = { kind = "interval", seconds = 60.0 }\n'
_MINUTE = 'task = "t"\nschedule = { kind = "interval", seconds = 60.0 }\n'


@pytest.mark.parametrize(
    ("kind", "entry", "words"),
    [
        ("redbeat", f'name = ":lock"\n{_MINUTE}', "reserved by redbeat"),
        ("redbeat", f'name = "nan"\nargs = [nan]\n{_MINUTE}', "cannot be stored as JSON"),
        ("redbeat", f'name = "tab\\u0009"\n{_MINUTE}', "without control characters"),
        ("django", f'name = "{"x" * 201}"\n{_MINUTE}', "201 characters"),
        ("django", f'name = "p"\noptions = {{ priority = 900 }}\n{_MINUTE}', "from 0 to 255"),
        ("django", f'name = "o"\noptions = {{ countdown = 5 }}\n{_MINUTE}', "does not support countdown"),
        (
            "django",
            'name = "r"\ntask = "t"\nschedule = { kind = "interval", seconds = 60.0, relative = true }',
            "clock",
        ),
        ("django", 'name = "i"\ntask = "t"\nschedule = { kind = "interval", seconds = 0.0000001 }', "interval"),
    ],
)
def test_a_dry_run_refuses_whatever_the_store_would_refuse(
    kind: str,
    entry: str,
    words: str,
    redis_url: str,
    django_store: DjangoBeatStore,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = redis_url if kind == "redbeat" else f"django-celery-beat:{django_store._database.place}"
    file = tmp_path / "schedules.toml"
    file.write_text(f"version = 1\n[[entry]]\n{_FINE}[[entry]]\n{entry}")
    for how in ("--dry-run", "--yes"):
        assert main(["schedules", "import", url, str(file), how]) == 2
        told = capsys.readouterr()
        assert words in told.err + told.out, how
    with closing(open_store(url)) as store:
        assert names(store) == {}  # the other one was not written either


def test_a_name_that_is_taken_is_refused_before_anything_is_planned(
    redis_url: str, store: ScheduleStore, capsys: pytest.CaptureFixture[str]
) -> None:
    new = ["--name", "one", "--task", "t", "--every", "10m"]
    assert main(["schedules", "add", redis_url, *new, "--yes"]) == 0
    assert main(["schedules", "add", redis_url, *new, "--dry-run"]) != 0
    assert "“one” already exists" in capsys.readouterr().err
    assert main(["schedules", "add", redis_url, *new[2:], "--name", "two", "--yes"]) == 0
    assert main(["schedules", "edit", redis_url, "two", "--name", "one", "--dry-run"]) != 0
    assert "“one” already exists" in capsys.readouterr().err
    assert set(names(store)) == {"one", "two"}
