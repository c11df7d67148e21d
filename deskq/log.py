"""What deskq tells of its work to people who look for a fault: named loggers, silent until somebody asks.

The newest lines stay in memory all the same, and a crash report shows them, redacted. What a broker said is plain text
in a line, on one line; libraries' own loggers are left alone.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import time
from collections import deque
from typing import Final

from deskq.plain_text import plain

LEVELS: Final = ("debug", "info", "warning", "error")
VARIABLE: Final = "DESKQ_LOG"
"""The variable of the environment for those that start deskq by other means than a command line; children get it."""
_ROOT: Final = "deskq"
_KEPT: Final = 200
_LINE: Final = re.compile(r"\d{4}-\d\d-\d\dT\S+ (?:DEBUG|INFO|WARNING|ERROR|CRITICAL) deskq\S*: ")
_PRIORITIES: Final = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
"""Those of syslog, which journald reads at the beginning of a line (sd-daemon(3))."""


class Line(logging.Formatter):
    """``2026-03-01T12:00:00+0100 INFO deskq.recorder.recorder: recording``; journald writes the time itself."""

    def __init__(self, *, for_journald: bool) -> None:
        super().__init__()
        self._for_journald = for_journald

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        text = f"{record.name}: {plain(record.getMessage())}"
        if record.exc_info and record.exc_info[1] is not None:
            text += f" ({type(record.exc_info[1]).__name__}: {plain(str(record.exc_info[1]))})"
        if self._for_journald:
            return f"<{_PRIORITIES.get(record.levelno, 6)}>{text}"
        at = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(record.created))
        return f"{at} {record.levelname} {text}"


class Recent(logging.Handler):
    """Keeps the newest lines in memory."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(Line(for_journald=False))
        self.lines: deque[str] = deque(maxlen=_KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        self.lines.append(self.format(record))


_recent: Final = Recent()


def begin(level: str = "") -> None:
    """Write lines of this level and above to standard error, "" for none; once for each process.

    Raises ValueError for a level that is none of LEVELS.
    """
    if level and level not in LEVELS:
        raise ValueError(level)
    logger = logging.getLogger(_ROOT)
    end()
    logger.propagate = False
    logger.addHandler(_recent)
    logger.setLevel(logging.INFO)
    if level:
        writer = logging.StreamHandler(sys.stderr)
        writer.setFormatter(Line(for_journald=_is_journald()))
        writer.setLevel(level.upper())
        logger.addHandler(writer)
        logger.setLevel(min(logging.INFO, writer.level))
        os.environ[VARIABLE] = level


def end() -> None:
    """Take the handlers away again."""
    logger = logging.getLogger(_ROOT)
    for handler in list(logger.handlers):
        logger.removeHandler(handler)


def recent() -> list[str]:
    """Return the newest lines, the oldest first."""
    return list(_recent.lines)


def relay(line: str) -> bool:
    """Pass on a line that a child wrote to its log; False if it is not one."""
    if not _LINE.match(line):
        return False
    _recent.lines.append(line)
    if any(isinstance(handler, logging.StreamHandler) for handler in logging.getLogger(_ROOT).handlers):
        with contextlib.suppress(OSError, ValueError):
            print(line, file=sys.stderr, flush=True)
    return True


def _is_journald() -> bool:
    """Is standard error the journal's stream? (systemd.exec(5), JOURNAL_STREAM)."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return (device, inode) == (str(found.st_dev), str(found.st_ino))
