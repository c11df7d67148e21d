"""What failed since a moment: as many as the filter finds that leads to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deskq.history.reading import failures
from deskq.history.reading.filter_language import filter_text, parse
from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import Moment
from deskq.history.writing.writer import History
from deskq.protocol.events import Event
from tests.unit.history.test_history import NOW, add_task, uuid_of

SINCE = NOW + 1_000.0


@pytest.fixture
def reader(tmp_path: Path) -> HistoryReader:
    """Failures before SINCE, after it, and one that was seen long before it failed; one without name or exception."""
    history = History(tmp_path / "history.sqlite")
    for number in (10, 11, 1_200, 1_300, 1_301):
        add_task(history, number, state="failed", name="mail.send")
    add_task(history, 1_302)
    late = add_task(history, 5, state="running", name="mail.late")
    common: dict[str, Any] = {"hostname": "w1", "pid": 1, "uuid": late, "clock": 9, "traceback": "tb"}
    exception = "MyValueError('ValueError(1)')"
    history.record(late, NOW).add(Event(type="task-failed", timestamp=NOW + 1_400, exception=exception, **common))
    bare = uuid_of(1_500)
    history.record(bare, NOW).add(Event(type="task-failed", timestamp=NOW + 1_500, **{**common, "uuid": bare}))
    history.commit(NOW + 1_600)
    history.close()
    return HistoryReader(tmp_path / "history.sqlite")


def test_each_figure_is_that_of_the_filter_that_leads_to_it(reader: HistoryReader) -> None:
    found = reader.charts.failures(SINCE)
    assert (found.count, found.capped, len(found.most)) == (5, False, 3)
    ended = (Moment(">=", found.since),)
    assert len(reader.tasks(parse(filter_text(states=("FAILURE",), ended=ended)))) == 5
    for row in found.most:
        text = filter_text(states=("FAILURE",), names=(row.name,), kinds=(row.kind,), ended=ended)
        assert len(reader.tasks(parse(text))) == row.count, text
    assert {(row.name, row.kind): row.count for row in found.most} == {
        ("mail.send", "ValueError"): 3,
        ("mail.late", "MyValueError"): 1,
        ("", ""): 1,
    }
    reader.close()


def test_what_a_limit_leaves_out_is_said_where_the_charts_know_of_more(
    reader: HistoryReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "FAILURE_LIMIT", 4)
    assert reader.charts.failures(SINCE).capped  # the one that was seen first is not among the newest
    monkeypatch.setattr(failures, "FAILURE_LIMIT", 6)
    assert not reader.charts.failures(SINCE + 290).capped
    reader.close()
