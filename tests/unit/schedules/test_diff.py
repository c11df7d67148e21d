"""What a store needs to become like a file."""

from __future__ import annotations

from dataclasses import replace

from deskq.schedules.diff import changes_to, difference
from deskq.schedules.model import Entry, Interval, Unreadable


def entry(name: str, seconds: float = 10.0) -> Entry:
    return Entry(name=name, task="t", schedule=Interval(seconds))


def test_only_what_differs_is_changed_and_what_has_run_stays() -> None:
    same, other, gone = (replace(entry(name), key=name, version="v", total_run_count=3) for name in "abc")
    broken = replace(entry("d"), schedule=Unreadable("x", "odd"), problem="odd")
    wanted = [entry("a"), entry("b", 20.0), entry("d"), entry("e")]
    edited, mended, added = changes_to([same, other, gone, broken], wanted)
    assert (edited.old, edited.new) == (other, replace(other, schedule=Interval(20.0)))
    assert mended.new is not None
    assert (mended.new.schedule, mended.new.problem) == (Interval(10.0), "")
    assert (added.old, added.new) == (None, entry("e"))
    assert [change.name for change in (edited, mended, added)] == ["b", "d", "e"]
    assert changes_to([same, gone], [entry("a")], delete_others=True)[0].old == gone
    assert changes_to([same], [entry("a")], delete_others=True) == []


def test_the_difference_is_told_field_by_field() -> None:
    one = entry("a")
    assert difference(one, one) == []
    assert difference(one, replace(one, enabled=False, args=["é"])) == [
        "- enabled: true",
        "+ enabled: false",
        '+ args: ["é"]',
    ]
    assert difference(one, entry("a", 5.0)) == [
        '- schedule: {"kind": "interval", "seconds": 10.0}',
        '+ schedule: {"kind": "interval", "seconds": 5.0}',
    ]
    assert len(difference(None, one)) == len(difference(one, None)) == 4
