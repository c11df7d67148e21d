"""How a recorder is told to stop: at its next look, or at once where it waits for a broker."""

from __future__ import annotations

import threading
from collections.abc import Callable


class _Stopped(BaseException):
    """Ends a wait of the main thread; nothing but ``Stop`` raises or catches it."""


class Stop(threading.Event):
    """Set by ``now`` in a signal's handler, or by ``set`` in a thread."""

    def __init__(self) -> None:
        super().__init__()
        self._may_interrupt = False

    def now(self) -> None:
        """Set it. To be called in the main thread: what that does ``until_set`` ends there and then."""
        self.set()
        if self._may_interrupt:
            self._may_interrupt = False
            raise _Stopped

    def until_set(self, work: Callable[[], None]) -> None:
        """Do it, unless this is set; cut short by ``now``. Who goes on behind it looks whether this is set."""
        try:
            try:
                self._may_interrupt = threading.current_thread() is threading.main_thread()
                if not self.is_set():
                    work()
            finally:
                self._may_interrupt = False
        except _Stopped:
            return
