"""Gaps and other writes that wait for a history that cannot be written just now."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import apsw
import pytest

from deskq.history.reading.reader import HistoryReader
from deskq.history.rows import Gap
from deskq.history.writing.writer import History
from deskq.protocol.events import Event
from deskq.recorder.gap_log import Gaps

NOW = 1_795_000_000.0


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    opened = History(tmp_path / "h.sqlite")
    yield opened
    opened.close()


def lock(history: History) -> apsw.Connection:
    """Another writer holds the file, so that every write fails until it is closed."""
    history._connection.set_busy_timeout(0)
    other = apsw.Connection(str(history.path))
    other.execute("BEGIN IMMEDIATE")
    return other


def gaps_of(history: History) -> list[Gap]:
    reader = HistoryReader(history.path)
    gaps = reader.gaps()
    reader.close()
    return gaps


def test_a_gap_has_a_beginning_and_an_end(history: History) -> None:
    gaps = Gaps(history)
    gaps.end(NOW)
    assert (gaps.count, gaps.ended) == (0, None)
    gaps.begin(NOW, "the broker went away")
    gaps.begin(NOW + 1, "and is still away")
    assert [gap.ended for gap in gaps_of(history)] == [None]
    gaps.end(NOW + 2)
    assert gaps_of(history) == [Gap(1, NOW, NOW + 2, "the broker went away", None)]
    assert (gaps.count, gaps.ended) == (1, NOW + 2)


def test_what_cannot_be_written_waits_in_order(history: History) -> None:
    gaps = Gaps(history)
    other = lock(history)
    gaps.note(NOW, NOW + 1, "first", 3)
    gaps.begin(NOW + 2, "second")
    gaps.end(NOW + 3)
    gaps.later(partial(history.put_malformed, "garbage", b"x", NOW, 10_000_000))
    with pytest.raises(apsw.BusyError):
        gaps.write()
    other.close()
    gaps.write()
    gaps.write()
    assert gaps_of(history) == [Gap(1, NOW, NOW + 1, "first", 3), Gap(2, NOW + 2, NOW + 3, "second", None)]
    reader = HistoryReader(history.path)
    assert [row.size for row in reader.malformed()] == [10_000_000]
    reader.close()
    assert (gaps.count, gaps.ended) == (2, NOW + 3)


def test_a_commit_that_fails_at_its_end_leaves_no_ids_behind(history: History) -> None:
    """In WAL mode a full disk shows at the COMMIT: texts that were numbered before it were never written."""
    uuid = "00000000-0000-4000-8000-000000000001"
    history.record(uuid, NOW).add(
        Event(type="task-received", hostname="w1", pid=1, clock=1, timestamp=NOW, uuid=uuid, name="new.name", retries=0)
    )
    fail = True
    history._connection.set_commit_hook(lambda: fail)
    with pytest.raises(apsw.ConstraintError):
        history.commit(NOW)
    fail = False
    assert history.commit(NOW) == 1
    reader = HistoryReader(history.path)
    row = reader.task_row(uuid)
    assert row is not None
    assert (row.name, row.worker) == ("new.name", "w1")
    assert reader.counts().by_state == {"RECEIVED": 1}
    reader.close()
    assert history.tasks_seen == 1


def test_the_log_says_that_events_are_read_again_only_where_they_are(
    history: History, caplog: pytest.LogCaptureFixture
) -> None:
    """A recorder that ends before it ever reached its broker has read nothing."""
    gaps = Gaps(history)
    with caplog.at_level("INFO", "deskq"):
        gaps.begin(NOW, "the connection was lost")
        gaps.end(NOW + 5, read_again=False)
        history.commit(NOW + 5)
        assert [gap.ended for gap in gaps_of(history)] == [NOW + 5]
        assert "read again" not in caplog.text
        gaps.begin(NOW + 6, "the connection was lost")
        gaps.end(NOW + 7)
        assert "events are read again after 1.0 s" in caplog.text
