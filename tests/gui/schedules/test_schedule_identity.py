"""Dialog → store → dialog is the identity: what is typed into the editor is what a store gives back to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QDateTimeEdit, QDoubleSpinBox, QLineEdit, QSpinBox

from deskq.actions.plan import Outcome
from deskq.actions.schedule_edit import ScheduleRunner, plan_changes
from deskq.profiles import Profile, Safety
from deskq.schedules.diff import FieldChange
from deskq.schedules.model import Clocked, Crontab, Entry, Interval, RRule, Schedule, ScheduleStore, Solar
from deskq.schedules.opening import open_store
from deskq.schedules.stores.django.store import DjangoBeatStore
from deskq.schedules.stores.redbeat.store import RedBeatStore
from deskq.schedules.text.compact import schedule_to_text, span_of
from deskq.schedules.text.toml import entry_to_plain
from deskq.schedules.timing.validation import check
from deskq.views.schedules.editor.dialog import ScheduleDialog
from deskq.views.schedules.editor.type_panes import UNITS
from tests.gui.schedules.test_schedule_fields import NAMES, WORDS
from tests.support.django_project import DjangoProject, sqlite
from tests.support.schedule_entries import names
from tests.unit.schedules.text.test_toml import CRONTABS, RRULES

FREE = Profile.from_url("redis://127.0.0.1:1/0", name="shop", safety=Safety.FREE)
MOMENTS = st.integers(0, 4_000_000_000).map(float) | st.sampled_from(
    [253_402_300_799.0, 1_792_888_200.0, 1_792_891_800.0, 1_795_000_000.25]  # "never", an hour that comes twice
)
INTERVALS = st.builds(
    Interval,
    st.integers(1, 10_000).map(lambda n: n / 1_000) | st.integers(1, 400).map(lambda n: n * 3_600.0) | st.just(1e8),
)
ZONES = st.sampled_from(["", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"])
SOLARS = st.builds(
    Solar,
    st.sampled_from(["sunset", "dawn_civil", "solar_noon"]),
    *(st.integers(-most * 10**6, most * 10**6).map(lambda n: n / 10**6) for most in (60, 180)),
)
SCHEDULES: dict[type, st.SearchStrategy[Any]] = {
    Interval: INTERVALS,
    Crontab: st.builds(lambda made, zone: replace(made, zone=zone), CRONTABS, ZONES),
    Clocked: st.builds(Clocked, MOMENTS),
    Solar: SOLARS,
    RRule: RRULES.filter(lambda made: made.count is None or made.until is None),  # dateutil warns of both
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.floats(-1e9, 1e9) | WORDS, st.lists, max_leaves=4
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "queue": NAMES,
        "routing_key": NAMES,
        "priority": st.integers(0, 255),
        "expires": st.integers(0, 2_000_000_000),
        "headers": st.dictionaries(WORDS, JSON, min_size=1, max_size=2),
    },
)
FEW = settings(
    max_examples=20,
    phases=[Phase.explicit, Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def entries(kind: type) -> st.SearchStrategy[Entry]:
    """Everything that the editor has a field for; ``one_off``, times and description where the store keeps them."""
    return st.builds(
        Entry,
        name=NAMES.filter(str.isprintable),
        task=NAMES,
        schedule=SCHEDULES[kind],
        args=st.lists(JSON, max_size=3),
        kwargs=st.dictionaries(WORDS, JSON, max_size=2),
        options=OPTIONS,
        enabled=st.booleans(),
        one_off=st.just(True) if kind is Clocked else st.booleans(),
        start_time=st.none() | MOMENTS,
        expires_at=st.none() | MOMENTS,
        description=WORDS | st.just(""),
    )


@pytest.fixture(scope="module")
def django_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("identity")
    DjangoProject(folder, {"default": sqlite(folder / "django.sqlite3")}).migrate({"default": ""})
    return folder


@pytest.fixture(params=["redis", "valkey", "django"])
def store(request: pytest.FixtureRequest) -> Iterator[ScheduleStore]:
    if request.param == "django":
        url = f"django-celery-beat:sqlite:///{request.getfixturevalue('django_folder')}/django.sqlite3"
    else:
        url = request.getfixturevalue(f"{request.param}_url")
    with closing(open_store(url)) as opened:
        opened.read()  # now it knows what its tables keep
        yield opened


def emptied(store: ScheduleStore) -> None:
    for each in store.read().entries:
        store.replace(each, None)


def typed(line: QLineEdit, text: str) -> None:
    """What a person types: Qt tells of it."""
    line.setText(text)
    line.textEdited.emit(text)


def fill(dialog: ScheduleDialog, entry: Entry, *, as_text: bool) -> None:
    """Type an entry into an editor that was opened on nothing."""
    fields, when = dialog.fields, dialog.when
    typed(fields.name, entry.name)
    fields.task.setEditText(entry.task)
    typed(fields.args, json.dumps(entry.args, ensure_ascii=False))
    typed(fields.kwargs, json.dumps(entry.kwargs, ensure_ascii=False))
    fields.queue.setEditText(entry.queue)
    for key, spin in (("priority", fields.priority), ("expires", fields.expires)):
        if key in entry.options:
            spin.setValue(entry.options[key])
    rest = {key: entry.options[key] for key in ("routing_key", "headers") if key in entry.options}
    typed(fields.options, json.dumps(rest, ensure_ascii=False) if rest else "")
    fields.enabled.setChecked(entry.enabled)
    fields.one_off.setChecked(entry.one_off)
    for at, box, moment in (
        (entry.start_time, fields.has_start, fields.start),
        (entry.expires_at, fields.has_end, fields.end),
    ):
        box.setChecked(at is not None)
        if at is not None:
            moment.set_moment(at)
    typed(fields.description, entry.description)
    kind = {Interval: "interval", Crontab: "crontab", Clocked: "clocked", Solar: "solar", RRule: "rrule"}
    when.radios[kind[type(entry.schedule)]].click()
    if isinstance(entry.schedule, Crontab):
        when.zone_field.setEditText(entry.schedule.zone)
    if as_text:
        typed(when.raw, schedule_to_text(entry.schedule))
    elif isinstance(entry.schedule, RRule):  # its fields do not show all of it
        partly = replace(entry.schedule, freq="daily", interval=1, count=None, byweekday=())
        typed(when.raw, schedule_to_text(partly))
        fill_pane(when.panes["rrule"], entry.schedule)
    else:
        fill_pane(when.panes[kind[type(entry.schedule)]], entry.schedule)


def fill_pane(pane: Any, schedule: Schedule) -> None:
    if isinstance(schedule, Interval):
        number, unit = span_of(schedule.seconds)
        pane.unit.setCurrentIndex([short for _, short, _ in UNITS].index(unit))
        pane.number.setValue(number)
        pane.relative.setChecked(schedule.relative)
    elif isinstance(schedule, Crontab):
        for key, field in pane.fields.items():
            typed(field, getattr(schedule, key))
    elif isinstance(schedule, Clocked):
        pane.at.set_moment(schedule.at)
    elif isinstance(schedule, Solar):
        pane.event_name.setCurrentText(schedule.event)
        pane.latitude.setValue(schedule.latitude)
        pane.longitude.setValue(schedule.longitude)
    elif isinstance(schedule, RRule):
        pane.freq.setCurrentText(schedule.freq)
        pane.interval.setValue(schedule.interval)
        pane.count.setValue(schedule.count or 0)
        for number, box in enumerate(pane.days):
            box.setChecked((number, 0) in schedule.byweekday)


def shown(dialog: ScheduleDialog) -> dict[str, Any]:
    """What stands in every field that a person sees of this kind."""
    pane = dialog.when.stack.currentWidget()
    found: dict[str, Any] = {"kind": type(pane).__name__, "text": dialog.when.raw.text()}
    if isinstance(dialog.when._schedule, Crontab):
        found["zone"] = dialog.when.zone_field.currentText()
    for where, parent in (("fields", dialog.fields), ("pane", pane)):
        owned: dict[str, Any] = {}
        for key, value in vars(parent).items():
            many = value if isinstance(value, list) else value.values() if isinstance(value, dict) else [value]
            owned |= {f"{where} {key} {n}": content(each) for n, each in enumerate(many) if content(each) is not None}
        found |= owned
    found["fields options 0"] = json.loads(found["fields options 0"] or "{}")  # the order means nothing
    for box, moment in (("has_start", "start"), ("has_end", "end")):
        if not getattr(dialog.fields, box).isChecked():
            found.pop(f"fields {moment} 0")  # nobody is asked for it, and it is not kept
    return found


def content(widget: object) -> Any:
    if isinstance(widget, QLineEdit):
        return widget.text()
    if isinstance(widget, QComboBox):
        return widget.currentText()
    if isinstance(widget, QCheckBox):
        return widget.isChecked()
    if isinstance(widget, QDateTimeEdit):
        return widget.dateTime().toMSecsSinceEpoch()
    if isinstance(widget, QSpinBox | QDoubleSpinBox):
        return widget.value()
    return None


def saved(store: ScheduleStore, dialog: ScheduleDialog) -> Entry:
    """Press Save, carry the plan out as the journal keeps it, and read the store."""
    wanted: list[Entry] = []
    dialog.accepted_entry.connect(wanted.append)
    assert dialog.save.isEnabled(), dialog.problem.text()
    dialog.save.click()
    (step,) = plan_changes(store, FREE, [FieldChange(dialog.old, wanted[0])]).items
    (ending,) = ScheduleRunner(store).run_steps([replace(step, detail=json.loads(json.dumps(step.detail)))])
    assert ending.outcome is Outcome.DONE, ending.words
    return names(store)[wanted[0].name]


def closed(*dialogs: ScheduleDialog) -> None:
    for dialog in dialogs:
        dialog.done(0)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def beneath(store: ScheduleStore, entry: Entry) -> dict[str, Any]:
    """What the store holds of an entry, field by field, as it is."""
    if isinstance(store, DjangoBeatStore):
        with store._database.transaction() as connection:
            task = store._look(connection).task
            row = connection.execute(sqlalchemy.select(task).where(task.c.id == int(entry.key))).mappings().one()
            return {key: value for key, value in row.items() if key != "date_changed"}
    assert isinstance(store, RedBeatStore)
    server: Any = store._nodes.at(entry.key.encode())
    definition, meta = server.hmget(entry.key, "definition", "meta")
    return {**json.loads(definition), "meta": meta, "others": server.hkeys(entry.key)}


@pytest.mark.parametrize("kind", list(SCHEDULES), ids=lambda kind: kind.__name__)
def test_dialog_store_dialog(qapp: QApplication, store: ScheduleStore, kind: type) -> None:
    if kind not in store.abilities.kinds:
        pytest.skip(f"{store.kind} keeps no {kind.__name__}")
    kept = store.abilities.fields

    @FEW
    @given(entries(kind), st.booleans(), st.data())
    def same(made: Entry, as_text: bool, data: st.DataObject) -> None:
        assume(not check(made.schedule, store.zone))
        if not store.abilities.zoned and isinstance(made.schedule, Crontab):
            made = replace(made, schedule=replace(made.schedule, zone=""))
        if isinstance(made.schedule, RRule) and not as_text:
            made = replace(made, schedule=replace(made.schedule, byweekday=tuple(sorted(made.schedule.byweekday))))
        if "one_off" not in kept:
            made = replace(made, one_off=False, start_time=None, expires_at=None, description="")
        elif made.expires_at is not None:
            made = replace(made, options={k: v for k, v in made.options.items() if k != "expires"})  # one or the other
        emptied(store)
        first = ScheduleDialog(store, None, None)
        fill(first, made, as_text=as_text)
        before = shown(first)
        stored = saved(store, first)
        again = ScheduleDialog(store, stored, None)
        if isinstance(made.schedule, Crontab) and store.abilities.zoned and not made.schedule.zone:
            made = replace(made, schedule=replace(made.schedule, zone=store.zone))  # it is stored with its zone
            before["zone"] = store.zone
        assert entry_to_plain(stored) == entry_to_plain(made)
        assert shown(again) == before
        assert again.entry() == stored
        assert again.problem.text() == "No changes yet."

        raw = beneath(store, stored)
        field = data.draw(st.sampled_from(["args", "enabled", "queue"]))
        if field == "args":
            typed(again.fields.args, json.dumps([*made.args, "other"]))
        elif field == "enabled":
            again.fields.enabled.toggle()
        else:
            again.fields.queue.setEditText(made.queue + "x")
        edited = saved(store, again)
        after = beneath(store, edited)
        changed = {key for key in raw | after if raw.get(key) != after.get(key)}
        assert changed == {"options" if field == "queue" and "options" in raw else field}
        assert edited.schedule == stored.schedule
        closed(first, again)

    same()
    emptied(store)
