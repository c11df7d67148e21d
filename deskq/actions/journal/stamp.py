"""When the journal last changed, without opening it."""

from __future__ import annotations

from typing import Final

from deskq.actions.journal.journal import journal_path

Stamp = tuple[tuple[int, int], ...]
NO_JOURNAL: Final[Stamp] = ((0, 0), (0, 0))


def journal_stamp() -> Stamp:
    """What differs as soon as somebody has written: sizes and times of the file and of its log. Blocking.

    An empty log counts as none: whoever reads makes one, and removes it.
    """
    found = []
    for suffix in ("", "-wal"):
        try:
            status = journal_path().with_name(journal_path().name + suffix).stat()
        except OSError:
            found.append((0, 0))
        else:
            found.append((status.st_size, status.st_mtime_ns) if status.st_size else (0, 0))
    return tuple(found)
