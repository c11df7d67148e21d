"""A history of three million tasks in the window: first paint, scrolling, filters, free text."""

from __future__ import annotations

import time
from pathlib import Path

import apsw
import pytest

from deskq.history.writing.writer import History
from deskq.protocol.events import decode_body
from tests.benchmarks.feed import events_of
from tests.benchmarks.figures import Figures, size
from tests.benchmarks.window import measure
from tests.support.servers import RedisServer

TASKS = size(3_000_000)
_FEW = 10_000


def long_history(path: Path, tasks: int) -> None:
    """Record some tasks, one in a hundred failed, and multiply them in SQL, each with an id of its own."""
    history = History(path)
    now = time.time() - tasks / 1_000
    for number in range(_FEW):
        for body in events_of(number, now + number / 1_000):
            for event in decode_body(body.encode(), None, None):
                if event.type == "task-succeeded" and number % 100 == 7:
                    event.type, event.result, event.exception = "task-failed", None, "ValueError('zebra')"
                assert event.uuid is not None
                history.record(event.uuid, event.timestamp).add(event)
    history.commit(time.time())
    history.close()
    connection = apsw.Connection(str(path))
    connection.pragma("synchronous", "off")
    connection.pragma("cache_size", -400_000)
    indexes = [
        (name, sql)
        for name, sql in connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'tasks' AND sql IS NOT NULL"
        )
    ]
    columns = [row[1] for row in connection.execute("PRAGMA table_info(tasks)")]
    copied = {
        **{name: name for name in columns},
        "id": "id + :block * :few",
        "uuid": "randomblob(16)",
        "seen": "seen + :block * :few / 1000.0",
        "args": "'(' || (id + :block * :few) || ', ''anna'')'",
        "exception": "replace(exception, 'zebra', CASE WHEN :block % 50 = 0 THEN 'zebra' ELSE 'horse' END)",
    }
    copy = f"INSERT INTO tasks ({', '.join(columns)}) SELECT {', '.join(copied[name] for name in columns)} FROM tasks "
    with connection:
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        for block in range(1, tasks // _FEW):
            connection.execute(f"{copy} WHERE id <= :few", {"block": block, "few": _FEW})
        for _, sql in indexes:
            connection.execute(sql)
        connection.execute("UPDATE state_counts SET n = n * ?", (tasks // _FEW,))
    connection.pragma("wal_checkpoint", "truncate")
    connection.close()


@pytest.mark.usefixtures("deskq_home")
def test_long_history(patient_redis: RedisServer, tmp_path: Path, figures: Figures) -> None:
    path = tmp_path / "long.sqlite"
    long_history(path, TASKS)
    found = measure("browse", patient_redis.url, path, 0, lambda: None)
    name = f"{TASKS:,} tasks"
    figures.at_most(f"{name}: first paint of the table", found["first"], 150, "ms")
    figures.note(f"{name}: until all ids are there", found["ids"], "ms")
    figures.at_most(f"{name}: scroll to rows never seen, p95", found["scroll p95"], 50, "ms")
    figures.at_most(f"{name}: indexed filter", found["filter"], 300, "ms")
    figures.at_most(f"{name}: free text, frequent", found["text"], 1_000, "ms")
    figures.at_most(f"{name}: free text, rare", found["rare text"], 1_000, "ms")
    for when in ("opening", "browsing"):
        figures.at_most(f"{name}: gap of the loop while {when}, max", found[f"{when} gap max"], 60, "ms")
