"""A history in a folder that cannot be written: it is read, and nothing is left in the folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import apsw
import pytest

from deskq.errors import UserError
from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import TaskFilter
from deskq.history.writing.writer import History
from tests.unit.history.test_history import NOW, add_task

_NOBODY = 65_534


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be somebody whom permissions hold, since they do not hold root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def read(path: Path) -> tuple[int, int, bool]:
    """What a window reads first: a count, the table, whether a recorder is at work."""
    with as_nobody():
        reader = HistoryReader(path)
        try:
            assert reader.revision() > 0
            return reader.counts().total, len(reader.tasks(TaskFilter())), reader.status().writer_alive
        finally:
            reader.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that anybody may enter, unlike pytest's."""
    made = Path(tempfile.mkdtemp(prefix="deskq-read-only-"))
    made.chmod(0o755)
    yield made
    made.chmod(0o755)
    shutil.rmtree(made)


def locked_away(folder: Path) -> None:
    for place in folder.iterdir():
        place.chmod(0o444)
    folder.chmod(0o555)


def filled(path: Path, first: int = 1) -> History:
    history = History(path)
    for number in range(first, first + 20):
        add_task(history, number)
    history.commit(NOW)
    return history


def test_a_history_on_a_read_only_medium_is_read(folder: Path) -> None:
    filled(folder / "a history?.sqlite").close()
    (folder / "a history?.sqlite.lock").unlink()
    locked_away(folder)
    assert read(folder / "a history?.sqlite") == (20, 20, False)
    assert [place.name for place in folder.iterdir()] == ["a history?.sqlite"]


def test_one_that_was_copied_with_its_wal_is_read_as_far_as_it_goes(folder: Path, tmp_path: Path) -> None:
    filled(tmp_path / "live.sqlite").close()
    with closing(apsw.Connection(str(tmp_path / "live.sqlite"))) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM tasks").fetchall()  # what is written from now on cannot be merged
        live = filled(tmp_path / "live.sqlite", first=100)
        for name in ("live.sqlite", "live.sqlite-wal"):
            shutil.copy(tmp_path / name, folder / name)
    live.close()
    assert (folder / "live.sqlite-wal").stat().st_size
    locked_away(folder)
    assert read(folder / "live.sqlite") == (20, 20, False)
    assert sorted(place.name for place in folder.iterdir()) == ["live.sqlite", "live.sqlite-wal"]


def test_a_file_that_may_not_be_read_is_a_sentence(folder: Path) -> None:
    filled(folder / "history.sqlite").close()
    (folder / "history.sqlite").chmod(0)
    with pytest.raises(UserError, match="cannot be opened: Permission denied"):
        read(folder / "history.sqlite")
