"""The recorder as a process: signals, the status line, and the end of its parent."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any, Final, TextIO

from deskq.history.recovery.quarantine import open_history
from deskq.plain_text import plain
from deskq.profiles import Profile
from deskq.recorder.gc_tuning import relaxed_gc
from deskq.recorder.poller import Acted
from deskq.recorder.recorder import Recorder
from deskq.recorder.stopping import Stop

STATUS_SECONDS: Final = 5.0


def record(
    profile: Profile,
    history_path: Path,
    *,
    status_stream: TextIO | None = None,
    child: bool = False,
    acted: Callable[[], Acted | None] = lambda: None,
) -> dict[str, Any]:
    """Record until SIGINT or SIGTERM (as a child: also until standard input closes); return the summary.

    ``acted``: asked now and then, in a thread, what deskq did at this broker; None where nothing is new.
    Raises UserError: another recorder writes the history, or the broker refuses the login.
    """
    stop = Stop()
    history, aside = open_history(history_path, lambda text: _print(status_stream, text))
    try:
        with _signals(stop), relaxed_gc():
            recorder = Recorder(
                profile, history, stop, lambda text: _print(status_stream, f"deskq: {text}"), aside, acted
            )
            if child:
                _stop_with_parent(stop)
            ticker = threading.Thread(
                target=_tick, args=(recorder, stop, status_stream), name="status line", daemon=True
            )
            if status_stream is not None and not child:
                ticker.start()
            try:
                summary = recorder.run()
            finally:
                stop.set()
                if ticker.is_alive():
                    ticker.join(1.0)
            return asdict(summary)
    finally:
        history.close()


@contextmanager
def _signals(stop: Stop) -> Iterator[None]:
    """Set ``stop`` on SIGINT and SIGTERM; a second one ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[signal.Signals, Any] = {}

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.now()

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handling in before.items():
            signal.signal(number, handling)


def parent_is_gone() -> bool:
    """Has a child's parent ended? What it had to say must have been read. See ``_stop_with_parent``."""
    try:
        readable, _, _ = select.select([0], [], [], 0)
    except (OSError, ValueError):  # no pipe, or a system that selects sockets only
        return False
    return bool(readable) and not os.read(0, 4096)


def _stop_with_parent(stop: threading.Event) -> None:
    """Standard input is a pipe whose other end only the parent holds: its end is the parent's end."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        stop.set()

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _tick(recorder: Recorder, stop: threading.Event, stream: TextIO | None) -> None:
    while not stop.wait(STATUS_SECONDS):
        _print(stream, recorder.status_line())


def _print(stream: TextIO | None, text: str) -> None:
    if stream is not None:
        try:
            print(plain(" ".join(text.splitlines())), file=stream, flush=True)  # names of workers may be in it
        except (OSError, ValueError):
            sys.stderr = None  # nobody reads it any more
