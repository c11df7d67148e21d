"""A history that was made to trap its reader: Ctrl+C ends the command."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import apsw
import pytest

from deskq.history.writing.writer import History
from tests.support.processes import Process
from tests.support.waiting import wait_until

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i > 0) SELECT i AS row FROM n"


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """The table of workers is a view that never ends."""
    path = tmp_path / "history.sqlite"
    History(path).close()
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "delete")
    connection.execute("DROP TABLE workers")
    connection.execute(f"CREATE VIEW workers AS SELECT row, '' AS hostname FROM ({ENDLESS}) WHERE row < 0")
    connection.close()
    return path


def test_ctrl_c_ends_it(endless: Path, tmp_path: Path) -> None:
    asks = (
        "import sys, pathlib; from deskq.history.reading.reader import HistoryReader; "
        "reader = HistoryReader(pathlib.Path(sys.argv[1])); print('reads', flush=True); reader.workers()"
    )
    reading = Process([sys.executable, "-P", "-c", asks, endless], log=tmp_path / "log")
    try:
        wait_until(lambda: "reads" in reading.log(), 30, "the query to begin")
        reading.send(signal.SIGINT)
        reading.wait(10)
        assert "KeyboardInterrupt" in reading.log()
    finally:
        reading.kill()
