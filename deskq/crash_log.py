"""What is left of a run that went wrong: a report on disk, redacted, offered at the next start and sent nowhere.

Each process keeps one open file, ``running-<pid>.fault``, into which faulthandler writes when the interpreter itself
dies. An exception that nobody expected becomes a ``crash-….txt`` at once. A run that ends well leaves neither.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import platform
import re
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from deskq import __version__, log, paths

REPORTS_KEPT: Final = 20
_MOST_BYTES: Final = 256 * 1024
_NOTES_KEPT: Final = 40
_NOTES_WRITTEN: Final = 1_000
_NOTE: Final = "Said: "
_SHORTEST_HIDDEN: Final = 3
"""Shorter ones stand in every word: nothing would be left to read."""
_PLACE: Final = re.compile(r"://([^\s\"']{0,200}@)?(\[[^\]\s]*\]|[^\s/:\"',;?@]+)")
_PASSWORDS: Final = re.compile(
    r"(?i)\b(pass(?:word|wd)?|secret|token|api_?key)(['\"]?\s*[:=]\s*)(?:(['\"])(?:(?!\3).)+|[^\s'\",;)]+)"
)
_QUOTED_FILE: Final = re.compile(r"(?<=File \")[^\"\n]+[/\\](?=[^/\\\"\n]+\")")
_FOLDERS: Final = re.compile(r"(?<![\w…›~.:/\\])(?:~|[A-Za-z]:)?(?:[/\\][^\s/\\\"':;,()<>|]+)+[/\\](?=[^\s/\\])")
_TELLING: Final = re.compile(r".*[/\\](?=(?:site-packages|dist-packages|python3\.\d+|deskq)[/\\])")
_ADDRESS: Final = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")


@dataclass(frozen=True, slots=True)
class CrashReport:
    """One crash that was found on disk; ``text`` is redacted already."""

    path: Path
    at: float
    text: str


class CrashLog:
    """The crash log of this process; one for each process. ``notes`` are the last words of Qt and of warnings."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._folder = _folder()
        self._file: IO[str] | None = None
        self._notes: deque[str] = deque(maxlen=_NOTES_KEPT)
        self._written = 0
        self._told: set[str] = set()
        self._hidden: set[str] = set()
        self._listener: Callable[[CrashReport], None] | None = None
        self._before: tuple[object, object] | None = None

    def begin(self) -> None:
        """Let faulthandler write into a file of ours, and hear of every exception that nobody caught."""
        path = self._folder / f"running-{os.getpid()}.fault"
        with contextlib.suppress(OSError):  # a full disk is no reason not to start
            self._file = os.fdopen(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w", encoding="utf-8")
            self._file.write(self._heading() + "\n")
            self._file.flush()
            faulthandler.enable(self._file)
        self._before = sys.excepthook, threading.excepthook
        sys.excepthook = self._uncaught
        threading.excepthook = self._uncaught_in_thread

    def end(self) -> None:
        """The run ended well: nothing of it stays."""
        if self._before is not None:
            sys.excepthook, threading.excepthook = self._before  # type: ignore[assignment]
            self._before = None
        if self._file is not None:
            faulthandler.disable()
            with contextlib.suppress(OSError):  # what a full disk did not take is tried again
                self._file.close()
            self._file = None
            with contextlib.suppress(OSError):
                (self._folder / f"running-{os.getpid()}.fault").unlink()

    def listen(self, listener: Callable[[CrashReport], None] | None) -> None:
        """Call this with each new report, in the thread of the exception."""
        self._listener = listener

    def note(self, text: str) -> None:
        """Remember a line that a report should hold, such as a warning of Qt's."""
        line = f"{time.strftime('%H:%M:%S')} {text[:500]}"
        self._notes.append(line)
        self._written += 1
        if self._file is not None and self._written <= _NOTES_WRITTEN:  # the last words before the interpreter dies
            with contextlib.suppress(OSError, ValueError):
                self._file.write(_NOTE + redact(line, self._hidden).replace("\n", " ") + "\n")
                self._file.flush()

    def hide(self, *texts: str) -> None:
        """Keep these out of every report: passwords, users and hosts of profiles. Shorter than 3 are not looked for."""
        self._hidden.update(text for text in texts if len(text) >= 3)

    def report(self, error: BaseException, where: str) -> CrashReport | None:
        """Write a report of an exception; None if the same one was reported in this run, or cannot be written."""
        trace = "".join(traceback.format_exception(error))
        if trace in self._told:
            return None
        self._told.add(trace)
        parts = [self._heading(), f"In: {where}", "", trace]
        if self._notes:
            parts += ["Last messages:", *self._notes]
        if lines := log.recent():
            parts += ["Log:", *lines]
        at = time.time()
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(at))
        report = CrashReport(
            self._folder / f"crash-{stamp}-{os.getpid()}-{len(self._told)}.txt",
            at,
            redact("\n".join(parts), self._hidden),
        )
        try:
            _write(report.path, report.text)
        except OSError:
            return None
        if self._listener is not None:
            self._listener(report)
        return report

    def _heading(self) -> str:
        return (
            f"deskq {__version__} {self._kind} · Python {platform.python_version()} · {platform.system()} "
            f"{platform.machine()} · {time.strftime('%Y-%m-%d %H:%M:%S %z')}"
        )

    def _uncaught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, Exception):
            self.report(error, "main thread")
        sys.__excepthook__(kind, error, trace)

    def _uncaught_in_thread(self, found: threading.ExceptHookArgs) -> None:
        if found.exc_value is not None and issubclass(found.exc_type, Exception):
            self.report(found.exc_value, f"thread {found.thread.name if found.thread else ''}")
        threading.__excepthook__(found)


def pending() -> list[CrashReport]:
    """Return the reports of earlier runs, newest first; what faulthandler left of dead processes is among them."""
    folder = _folder()
    for path in folder.glob("running-*.fault"):
        _adopt(path)
    reports = [_read(path) for path in folder.glob("crash-*.txt")]
    found = sorted((report for report in reports if report is not None), key=lambda report: -report.at)
    for report in found[REPORTS_KEPT:]:
        discard(report)
    return found[:REPORTS_KEPT]


def discard(report: CrashReport) -> None:
    """Remove a report that was dealt with."""
    report.path.unlink(missing_ok=True)


def redact(text: str, hidden: Iterable[str] = ()) -> str:
    """Return the text without logins, passwords, hosts, the person's own folder and name, and what is ``hidden``."""
    for secret in sorted(hidden, key=len, reverse=True):
        if len(secret) >= _SHORTEST_HIDDEN:
            text = text.replace(secret, "•••")
    text = _PLACE.sub(lambda found: f"://{'•••@' if found[1] else ''}‹host›", text)
    text = _PASSWORDS.sub(lambda found: f"{found[1]}{found[2]}{found[3] or ''}•••", text)
    text = _ADDRESS.sub("‹address›", text)
    home = str(Path.home())
    if len(home) > 1:  # before other folders: of "/home/anna" they would leave "…/anna"
        text = re.sub(rf"(?<!\w){re.escape(home)}(?!\w|[-.]\w)", "~", text)
    for folders in (_QUOTED_FILE, _FOLDERS):
        text = folders.sub(_without_folders, text)
    for name in (os.environ.get("USER", ""), platform.node()):
        if len(name) > 2 and name not in ("root", "localhost"):
            text = re.sub(rf"\b{re.escape(name)}\b", "‹name›", text)
    return text


def _without_folders(found: re.Match[str]) -> str:
    """Of a path keep what says which library or part of deskq it is."""
    if found[0].startswith("…"):
        return found[0]
    telling = _TELLING.match(found[0])
    return f"…/{found[0][telling.end() :]}" if telling else "…/"


def _folder() -> Path:
    folder = paths.log_dir() / "crashes"
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _adopt(path: Path) -> None:
    """Make a report of what a dead process left, or remove it where it says nothing."""
    number = path.stem.partition("-")[2]
    if number.isdigit() and (int(number) == os.getpid() or _lives(int(number))):
        return
    try:
        text = path.read_bytes()[:_MOST_BYTES].decode("utf-8", "replace")
        heading, _, rest = text.partition("\n")
        if any(line.strip() and not line.startswith(_NOTE) for line in rest.splitlines()):
            at = path.stat().st_mtime
            stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(at))
            target = path.with_name(f"crash-{stamp}-{number}-0.txt")
            _write(target, redact(f"{heading}\nIn: the interpreter itself\n\n{rest}"))
            os.utime(target, (at, at))
        path.unlink()
    except OSError:
        return


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _read(path: Path) -> CrashReport | None:
    try:
        return CrashReport(path, path.stat().st_mtime, path.read_bytes()[:_MOST_BYTES].decode("utf-8", "replace"))
    except OSError:
        return None


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(text[:_MOST_BYTES])
