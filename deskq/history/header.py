"""What the header of a SQLite file tells, before SQLite opens the file for writing: even that may change it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import apsw


class Header(NamedTuple):
    """``version``: user_version; ``application``: application_id (https://www.sqlite.org/fileformat.html, §1.3)."""

    version: int
    application: int


def header_of(path: Path) -> Header | None:
    """Return it, None if the file cannot be read or is none of SQLite's: whoever opens it says why.

    SQLite reads it, as a file that nobody changes: neither a log nor a lock is looked at. Reading it ourselves would
    drop, with our close, the locks that SQLite holds on the same file in this process
    (https://www.sqlite.org/howtocorrupt.html, §2.2).
    """
    name = f"file:{quote(str(path.absolute()))}?immutable=1"
    try:
        connection = apsw.Connection(name, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    except apsw.Error:
        return None
    try:
        return Header(int(connection.pragma("user_version")), int(connection.pragma("application_id")))
    except apsw.Error:
        return None
    finally:
        connection.close()
