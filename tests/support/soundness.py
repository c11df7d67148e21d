"""Is a history whole? SQLite's own check, and every record decoded."""

from __future__ import annotations

from pathlib import Path

from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import TaskFilter


def assert_sound(path: Path) -> int:
    """Fail unless the file passes integrity_check and all in it decodes; returns how many tasks it holds."""
    reader = HistoryReader(path)
    try:
        assert reader._connection.pragma("integrity_check") == "ok"
        tasks = sum(1 for task in reader.export(TaskFilter()) if task["state"])
        assert tasks == reader.counts().total
        assert tasks == reader._all("SELECT count(*) FROM tasks", ())[0][0]
        for gap in reader.gaps():
            assert gap.ended is None or gap.ended >= gap.started
        reader.workers(), reader.queues(), reader.status(), reader.malformed(1_000)
        return tasks
    finally:
        reader.close()


def missing(path: Path, tasks: list[str]) -> list[str]:
    """Return those of these tasks that the history does not hold with their ending."""
    reader = HistoryReader(path)
    try:
        rows = ((task, reader.task_row(task)) for task in tasks)
        return [task for task, row in rows if row is None or row.state != "SUCCESS"]
    finally:
        reader.close()
