"""What the header of a SQLite file tells, read without SQLite: even opening a file for writing may change it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Header(NamedTuple):
    """``version``: user_version; ``application``: application_id (https://www.sqlite.org/fileformat.html, §1.3)."""

    version: int
    application: int


def header_of(path: Path) -> Header | None:
    """Return it, None if the file cannot be read or is none of SQLite's: whoever opens it says why."""
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except OSError:
        return None
    if len(head) < 72 or not head.startswith(b"SQLite format 3\0"):
        return None
    return Header(int.from_bytes(head[60:64], "big"), int.from_bytes(head[68:72], "big"))
