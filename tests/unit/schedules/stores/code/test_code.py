"""The schedule of an app's code, and beat's own file, read in processes of their own."""

from __future__ import annotations

import dbm
import pickle
import shelve
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from celery.beat import ScheduleEntry
from celery.schedules import BaseSchedule, crontab, schedule, solar

from deskq.schedules.model import Crontab, Entry, Interval, NotEditable, Owner, RRule, Solar, StoreError, Unreadable
from deskq.schedules.stores.beat_file.store import BeatFileStore
from deskq.schedules.stores.code.store import CodeStore

_APP = """
from datetime import timedelta
from celery import Celery
from celery.schedules import BaseSchedule, crontab, solar
from redbeat.schedules import rrule

print("hello")
app = Celery("proj", broker="memory://")
app.conf.timezone = "Europe/Berlin"

class Odd(BaseSchedule):
    pass

app.conf.beat_schedule = {
    "nightly": {"task": "t.a", "schedule": crontab(minute=30, hour={3, 1}), "args": (1, timedelta(1)),
                "options": {"queue": "q"}},
    "often": {"task": "t.b", "schedule": 10, "relative": True, "kwargs": {"a": None}},
    "span": {"task": "t.b", "schedule": timedelta(minutes=1)},
    "dusk": {"task": "t.c", "schedule": solar("sunset", 52.5, 13.4)},
    "rule": {"task": "t.d", "schedule": rrule("WEEKLY", byweekday=[0, 2], count=3)},
    "odd": {"task": "t.e", "schedule": Odd()},
}

@app.on_after_finalize.connect
def add(sender, **kwargs):
    sender.add_periodic_task(5.0, sender.signature("t.f"), name="added")
"""


def test_the_schedule_of_an_app(tmp_path: Path) -> None:
    (tmp_path / "proj.py").write_text(_APP)
    store = CodeStore("proj:app", path=str(tmp_path))
    content = store.read()
    found = {entry.name: entry for entry in content.entries}
    assert set(found) == {"nightly", "often", "span", "dusk", "rule", "odd", "added"}
    assert store.zone == "Europe/Berlin"
    nightly = found["nightly"]
    assert nightly.schedule == Crontab("30", "1,3")
    assert (nightly.args, nightly.queue) == ([1, "datetime.timedelta(days=1)"], "q")
    assert (nightly.owner, nightly.problem) == (Owner.CODE, "")
    assert str(tmp_path / "proj.py") in nightly.origin
    assert found["often"].schedule == Interval(10.0, relative=True)
    assert found["span"].schedule == Interval(60.0)
    assert found["dusk"].schedule == Solar("sunset", 52.5, 13.4)
    rule = found["rule"].schedule
    assert isinstance(rule, RRule)
    assert (rule.freq, rule.count, rule.byweekday) == ("weekly", 3, ((0, 0), (2, 0)))
    assert isinstance(found["odd"].schedule, Unreadable)
    assert "proj.Odd" in found["odd"].problem
    with pytest.raises(NotEditable, match="app's code"):
        store.replace(nightly, None)


def test_classes_with_rules_of_their_own_are_not_taken_for_their_parents(tmp_path: Path) -> None:
    (tmp_path / "proj.py").write_text("""
from datetime import timedelta
from celery import Celery
from celery.schedules import crontab, schedule

class Shifted(schedule):
    def is_due(self, last_run_at):
        return super().is_due(last_run_at - timedelta(minutes=2))

class Holidays(crontab):
    def remaining_delta(self, last_run_at, tz=None, **more):
        return super().remaining_delta(last_run_at, tz, **more)

class Named(crontab):
    title = "only a name"

app = Celery("proj", broker="memory://")
app.conf.beat_schedule = {
    "shifted": {"task": "t", "schedule": Shifted(timedelta(minutes=12))},
    "holidays": {"task": "t", "schedule": Holidays(minute=0, hour=9)},
    "named": {"task": "t", "schedule": Named(minute=0, hour=9)},
    "range": {"task": "t", "schedule": crontab(minute=0, hour=[9], day_of_week=range(1, 4))},
    "generated": {"task": "t", "schedule": crontab(minute=(n for n in (0, 30)), hour=9)},
}
""")
    found = {entry.name: entry for entry in CodeStore("proj:app", path=str(tmp_path)).read().entries}
    for name, words in (("shifted", "proj.Shifted has its own is_due"), ("holidays", "its own remaining_delta")):
        assert isinstance(found[name].schedule, Unreadable)
        assert words in found[name].problem
    assert found["named"].schedule == Crontab("0", "9")
    assert (found["range"].schedule, found["range"].problem) == (Crontab("0", "9", day_of_week="1,2,3"), "")
    assert found["generated"].schedule == Crontab("0,30", "9")


def test_an_app_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "proj.py").write_text("raise RuntimeError('no settings')")
    with pytest.raises(StoreError, match="no settings"):
        CodeStore("proj", path=str(tmp_path)).read()
    with pytest.raises(StoreError, match="does not exist"):
        CodeStore("proj", path=str(tmp_path / "none")).read()
    with pytest.raises(StoreError):
        CodeStore("--help")


_AT = datetime(2026, 3, 1, 7, 30, 0, 250_000, UTC)


def _entries() -> dict[str, Any]:
    def entry(name: str, made: Any, last: datetime, **given: Any) -> ScheduleEntry:
        return ScheduleEntry(name=name, task="t", schedule=made, last_run_at=last, total_run_count=7, **given)

    berlin = _AT.astimezone(ZoneInfo("Europe/Berlin"))
    return {
        "nightly": entry("nightly", crontab(minute=30, hour="3"), _AT, args=(1, None), options={"queue": "q"}),
        "often": entry("often", schedule(timedelta(seconds=10), relative=True), berlin, kwargs={"a": [1]}),
        "dusk": entry("dusk", solar("sunset", 52.5, 13.4), _AT.replace(tzinfo=None)),
    }


def _by(module: Any) -> Callable[[str], Any]:
    return lambda path: module.open(path, "c")


def _formats() -> dict[str, Callable[[str], Any]]:
    import dbm.dumb

    formats: dict[str, Callable[[str], Any]] = {"dumb": _by(dbm.dumb)}
    for name in ("gnu", "ndbm", "sqlite3"):
        try:
            formats[name] = _by(__import__(f"dbm.{name}", fromlist=["open"]))
        except ImportError:
            continue
    return formats


@pytest.mark.parametrize("name", sorted(_formats()))
def test_beats_own_file_in_every_format_there_is(name: str, tmp_path: Path) -> None:
    path = tmp_path / "celerybeat-schedule"
    opened = _formats()[name](str(path))  # stays open, as beat keeps it
    try:
        opened[b"entries"] = pickle.dumps(_entries())
        opened[b"tz"] = pickle.dumps("Europe/Berlin")
        opened[b"__version__"] = pickle.dumps("5.6.0")
        if hasattr(opened, "sync"):
            opened.sync()
        elif name == "ndbm":
            opened.close()
            opened = dbm.open(str(path), "r")  # noqa: SIM115
        store = BeatFileStore(str(path))
        found = {entry.name: entry for entry in store.read().entries}
    finally:
        opened.close()
    _check(found)
    assert store.zone == "Europe/Berlin"
    with pytest.raises(NotEditable):
        store.replace(found["often"], None)


def _check(found: dict[str, Entry]) -> None:
    assert set(found) == {"nightly", "often", "dusk"}
    assert found["nightly"].schedule == Crontab("30", "3")
    assert (found["nightly"].args, found["nightly"].queue) == ([1, None], "q")
    assert found["often"].schedule == Interval(10.0, relative=True)
    assert found["dusk"].schedule == Solar("sunset", 52.5, 13.4)
    for entry in found.values():
        assert entry.last_run_at == _AT.timestamp()
        assert (entry.total_run_count, entry.owner, entry.problem) == (7, Owner.CODE, "")


def test_a_shelve_of_sqlite_as_python_3_13_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "celerybeat-schedule"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE Dict (key BLOB UNIQUE NOT NULL, value BLOB NOT NULL)")
        connection.execute("INSERT INTO Dict VALUES (?, ?)", (b"entries", pickle.dumps(_entries())))
    connection.close()
    _check({entry.name: entry for entry in BeatFileStore(str(path)).read().entries})


def test_a_range_in_a_crontab_of_beat_s_file(tmp_path: Path) -> None:
    path = tmp_path / "celerybeat-schedule"
    made = crontab(minute=0, hour=9, day_of_week=range(1, 4))
    odd = crontab(minute=0, hour=9)
    odd._orig_hour = range(10**12)  # a hostile one: only its beginning is looked at
    entries = {name: ScheduleEntry(name=name, task="t", schedule=one) for name, one in (("a", made), ("b", odd))}
    with shelve.open(str(path)) as opened:  # noqa: S301
        opened["entries"] = entries
    found = {entry.name: entry for entry in BeatFileStore(str(path)).read().entries}
    assert (found["a"].schedule, found["a"].problem) == (Crontab("0", "9", day_of_week="1,2,3"), "")
    assert "Invalid hour" in found["b"].problem


class _Canary:
    def __init__(self, function: Callable[..., Any], *given: Any) -> None:
        self._call = (function, given)

    def __reduce__(self) -> Any:
        return self._call


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_hostile_pickle_runs_nothing(protocol: int, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for call in (
        _Canary(Path.touch, canary),
        _Canary(eval, f"open({str(canary)!r}, 'w')"),
        _Canary(getattr, canary, "touch"),
    ):
        path = tmp_path / "celerybeat-schedule"
        with shelve.open(str(path), "n", protocol=protocol) as made:  # noqa: S301
            made["entries"] = _entries() | {"bad": call}
        found = {entry.name: entry for entry in BeatFileStore(str(path)).read().entries}
        assert not canary.exists()
        assert "It cannot be read" in found.pop("bad").problem
        _check(found)


class _Shifted(schedule):  # type: ignore[misc]
    """As a project has it: two minutes later."""

    def is_due(self, last_run_at: datetime) -> Any:
        return super().is_due(last_run_at - timedelta(minutes=2))


class _Moon(BaseSchedule):  # type: ignore[misc]
    """As a project has it, with a way of its own to be pickled: none."""


class _OwnEntry(ScheduleEntry):  # type: ignore[misc]
    """As a project's own scheduler has it."""


class _Kwargs(dict[str, Any]):
    """A dict that a pickle fills item by item."""


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_class_of_the_projects_own_leaves_the_other_entries_readable(protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "celerybeat-schedule"

    def entry(name: str, made: Any, kind: type = ScheduleEntry, **given: Any) -> Any:
        return kind(name=name, task="t", schedule=made, last_run_at=_AT, total_run_count=7, **given)

    own = {
        "shifted": entry("shifted", _Shifted(timedelta(minutes=12))),
        "moon": entry("moon", _Moon(nowfun=_AT.astimezone)),
        "entry": entry("entry", schedule(timedelta(minutes=12)), _OwnEntry),
        "kwargs": entry("kwargs", schedule(timedelta(minutes=12)), kwargs=_Kwargs(a=1)),
    }
    with shelve.open(str(path), "n", protocol=protocol) as made:  # noqa: S301
        made["entries"] = _entries() | own
    found = {each.name: each for each in BeatFileStore(str(path)).read().entries}
    for name, kind in (("shifted", "_Shifted"), ("moon", "_Moon")):
        one = found.pop(name)
        assert isinstance(one.schedule, Unreadable)
        assert f"{kind} is not one of Celery's: only beat knows" in one.problem
        assert (one.task, one.last_run_at, one.total_run_count) == ("t", _AT.timestamp(), 7)
    for name in ("entry", "kwargs"):
        one = found.pop(name)
        assert (one.schedule, one.problem) == (Interval(720.0), "")
    _check(found)


def test_a_schedule_in_code_that_cannot_be_looked_at_leaves_the_others_readable(tmp_path: Path) -> None:
    (tmp_path / "proj.py").write_text("""
from datetime import datetime
from celery import Celery
from celery.schedules import schedule
from redbeat.schedules import rrule

class Broken(schedule):
    @property
    def run_every(self):
        raise LookupError("no calendar")

    @run_every.setter
    def run_every(self, value):
        pass

naive = rrule("DAILY", dtstart=datetime(2027, 1, 1))
naive.dtstart = datetime(2027, 1, 1)
app = Celery("proj", broker="memory://")
app.conf.beat_schedule = {
    "broken": {"task": "t", "schedule": Broken(60)},
    "odd": 5,
    "naive": {"task": "t", "schedule": naive},
    "fine": {"task": "t", "schedule": 10},
}
""")
    found = {entry.name: entry for entry in CodeStore("proj:app", path=str(tmp_path)).read().entries}
    assert set(found) == {"broken", "odd", "naive", "fine"}
    assert "no calendar" in found["broken"].problem
    assert found["odd"].problem
    assert isinstance(found["naive"].schedule, RRule)
    assert found["naive"].schedule.dtstart == datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    assert (found["fine"].schedule, found["fine"].problem) == (Interval(10.0), "")


def test_what_is_not_an_entry_is_shown_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "celerybeat-schedule"
    days = ScheduleEntry("a", "t", _AT, 1, timedelta(days=1))
    soon = ScheduleEntry("a", "t", _AT, 1, timedelta(days=1))
    soon.schedule = "soon"
    with shelve.open(str(path), "n") as made:  # noqa: S301
        made["entries"] = {"number": 5, "span": timedelta(1), "soon": soon, "days": days}
    found = {entry.name: entry for entry in BeatFileStore(str(path)).read().entries}
    assert "not a Celery schedule entry" in found["number"].problem
    assert "not a Celery schedule entry" in found["span"].problem
    assert "not a schedule" in found["soon"].problem
    assert (found["days"].schedule, found["days"].problem) == (Interval(86_400.0), "")


def test_a_file_without_entries_is_told(tmp_path: Path) -> None:
    path = tmp_path / "celerybeat-schedule"
    with shelve.open(str(path), "n") as made:  # noqa: S301
        made["entries"] = 5
    with pytest.raises(StoreError, match=r"Cannot read .*: its entries are not a dict"):
        BeatFileStore(str(path)).read()


def test_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "celerybeat-schedule"
    with pytest.raises(StoreError, match="does not exist"):
        BeatFileStore(str(path)).read()
    path.write_bytes(b"something else altogether")
    with pytest.raises(StoreError, match="does not support its format"):
        BeatFileStore(str(path)).read()
