"""The fields of the schedule editor: what is shown is what is returned, and what is typed is read both ways."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtWidgets import QApplication

from deskq.errors import UserError
from deskq.schedules.model import Abilities, Clocked, Crontab, Entry, Interval, RRule, Schedule, Solar
from deskq.schedules.timing.validation import check
from deskq.views.schedules.editor.fields import EntryFields
from deskq.views.schedules.editor.when import WhenEditor
from tests.unit.schedules.text.test_toml import CRONTABS, INTERVALS, RRULES

EVERYTHING = Abilities(
    kinds=frozenset({Interval, Crontab, Clocked, Solar, RRule}),
    fields=frozenset({"one_off", "start_time", "expires_at", "description"}),
    zoned=True,
)
# Also what the fields for times do not show: fractions, "never" at the end of 9999, long before 1970.
TIMES = st.floats(0, 4e9) | st.sampled_from([253_402_300_799.0, 253_402_300_799.999, -1e10, 1_792_888_200.5, 0.0])
SCHEDULES = st.one_of(
    INTERVALS,
    CRONTABS.map(lambda made: replace(made, zone="Asia/Tokyo")),
    st.builds(Clocked, TIMES),
    st.builds(Solar, st.just("sunset"), st.floats(-90, 90), st.floats(-180, 180)),
    RRULES.filter(lambda made: made.count is None or made.until is None),  # dateutil warns of both
)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=9)
NAMES = WORDS.map(str.strip).filter(bool)
ENTRIES = st.builds(
    Entry,
    name=NAMES,
    task=NAMES,
    schedule=st.just(Interval(60.0)),
    args=st.lists(st.integers() | WORDS | st.none(), max_size=3),
    kwargs=st.dictionaries(WORDS, st.booleans() | st.floats(-1, 1), max_size=2),
    options=st.fixed_dictionaries(
        {},
        optional={
            "queue": NAMES,
            "priority": st.integers(0, 255) | st.just("high"),
            "expires": st.integers(0, 10**9) | st.floats(1, 9),
            "headers": st.dictionaries(WORDS, WORDS, max_size=2),
        },
    ),
    enabled=st.booleans(),
    one_off=st.booleans(),
    start_time=st.none() | TIMES,
    expires_at=st.none() | TIMES,
    description=WORDS | st.just("one\ntwo"),
)
FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def test_a_schedule_is_returned_as_it_is_shown(qapp: QApplication) -> None:
    when = WhenEditor(EVERYTHING, "Europe/Berlin")

    @FEW
    @given(SCHEDULES)
    def same(schedule: Schedule) -> None:
        when.show_schedule(schedule)
        if check(schedule, "Europe/Berlin"):
            with pytest.raises(UserError):
                when.schedule()
            return
        assert when.schedule() == schedule
        when.raw.textEdited.emit(when.raw.text())  # what stands there as text means the same
        again = when.schedule()
        if isinstance(schedule, Interval):
            assert isinstance(again, Interval)
            assert again.seconds == pytest.approx(schedule.seconds, rel=1e-12)
        else:
            assert again == schedule

    same()


def test_an_entry_is_returned_as_it_is_shown(qapp: QApplication) -> None:
    fields = EntryFields(EVERYTHING)

    @FEW
    @given(ENTRIES)
    def same(entry: Entry) -> None:
        fields.show_entry(entry)
        assert fields.entry(entry.schedule) == entry

    same()


def test_fields_and_text_follow_each_other(qapp: QApplication) -> None:
    when = WhenEditor(EVERYTHING, "UTC")
    when.show_schedule(Crontab("0", "9", zone="Europe/Berlin"))
    hour = when.panes["crontab"].fields["hour"]  # type: ignore[attr-defined]
    hour.setText("25")
    hour.textEdited.emit("25")
    assert "hour" in when.problem
    assert when.raw.text() == "0 25 * * *"
    when.raw.setText("0 7 * * ")
    when.raw.textEdited.emit("0 7 * * ")
    assert "five fields" in when.problem
    assert hour.text() == "25"  # what was typed stays until it is understood
    when.raw.textEdited.emit("0 7 * * sun")
    assert hour.text() == "7"
    assert when.schedule() == Crontab("0", "7", day_of_week="sun", zone="Europe/Berlin")
    when.zone_field.setEditText("Mars/Olympus")
    assert "Mars/Olympus" in when.problem
    when.zone_field.setEditText("")
    assert when.schedule() == Crontab("0", "7", day_of_week="sun")
    for kind in ("interval", "clocked", "solar", "rrule"):
        when.radios[kind].click()
        assert not when.problem
    when.radios["crontab"].click()  # what it held is there again
    assert when.schedule() == Crontab("0", "7", day_of_week="sun")


def test_what_a_store_does_not_keep_is_not_offered(qapp: QApplication) -> None:
    redbeat = Abilities(kinds=frozenset({Interval, Crontab, RRule}))
    when = WhenEditor(redbeat, "UTC")
    assert [kind for kind, radio in when.radios.items() if radio.isEnabled()] == ["crontab", "interval", "rrule"]
    assert not when.zone_field.isEnabled()
    fields = EntryFields(redbeat)
    assert fields.one_off.parent() is None
    assert fields.description.parent() is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda fields: fields.name.setText(" "), "name"),
        (lambda fields: fields.task.setEditText(""), "task"),
        (lambda fields: fields.args.setText("{}"), "list"),
        (lambda fields: fields.kwargs.setText('{"a":\n1,}'), "line 2"),
        (lambda fields: fields.options.setText("nonsense"), "column 1"),
    ],
)
def test_what_is_wrong_is_said(qapp: QApplication, change: object, words: str) -> None:
    fields = EntryFields(EVERYTHING)
    fields.show_entry(Entry(name="a", task="t", schedule=Interval(1.0)))
    change(fields)  # type: ignore[operator]
    with pytest.raises(UserError, match=words):
        fields.entry(Interval(1.0))
