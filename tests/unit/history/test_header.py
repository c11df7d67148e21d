"""The header of a SQLite file is read without a trace, and without dropping what SQLite holds in this process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from deskq.history.header import Header, header_of


def made(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "wal")
    connection.execute("CREATE TABLE t (n)")
    connection.pragma("user_version", 99)
    connection.pragma("application_id", 7)
    return connection


def test_it_is_read_beside_a_log_that_stays(tmp_path: Path) -> None:
    path = tmp_path / "a ?#%.sqlite"
    made(path).close()
    assert header_of(path) == Header(99, 7)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("content", [b"", b"SQLite", b"no database at all" * 20])
def test_what_is_no_database_has_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.sqlite"
    path.write_bytes(content)
    assert header_of(path) in (None, Header(0, 0))
    assert header_of(tmp_path / "missing") is None


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX locks")
def test_locks_of_this_process_stay(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    holder = made(path)
    holder.execute("SELECT * FROM t").fetchall()
    header_of(path)
    code = (  # the bytes that a reader locks: https://www.sqlite.org/src/file/src/os.h, SHARED_FIRST
        "import fcntl, sys\n"
        "file = open(sys.argv[1], 'r+b')\n"
        "try: fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)\n"
        "except OSError: print('held')\n"
    )
    told = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert told.stdout == "held\n"
    holder.close()
