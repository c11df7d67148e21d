"""Questions to a history, answered in one reader thread: the newest of a slot wins, outdated ones are interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from deskq.history.reading.read_connection import Interrupted
from deskq.history.reading.reader import HistoryReader

T = TypeVar("T")


class HistoryLink:
    """The one reader of a history in this process. Its methods are called on the event loop's thread.

    The file is opened with the first question, and again after a failure: it may appear later than the window.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"history {path.stem}")
        self._reader: HistoryReader | None = None
        self._newest: dict[str, int] = {}
        self._tokens = 0
        self._running = ""
        self._closed = False

    async def ask(self, question: Callable[[HistoryReader], T], *, slot: str) -> T:
        """Return the answer; raises CancelledError if a newer question took the slot, UserError without a history."""
        if self._closed:
            raise asyncio.CancelledError
        self._tokens += 1
        token = self._newest[slot] = self._tokens
        if self._running == slot and self._reader is not None:
            self._reader.interrupt()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, self._answer, question, slot, token)
        except Interrupted:
            raise asyncio.CancelledError from None

    def _answer(self, question: Callable[[HistoryReader], T], slot: str, token: int) -> T:
        if self._outdated(slot, token):
            raise Interrupted
        if self._reader is not None and self._reader.replaced:  # a recorder salvaged it, or it was compacted
            self._close_reader()
        if self._reader is None:
            self._reader = HistoryReader(self.path)
        self._running = slot
        try:
            while True:
                try:
                    answer = question(self._reader)
                except Interrupted:
                    if self._outdated(slot, token):
                        raise
                    continue  # the interrupt was meant for the question before this one
                if self._outdated(slot, token):
                    raise Interrupted
                return answer
        finally:
            self._running = ""

    def _outdated(self, slot: str, token: int) -> bool:
        return self._closed or self._newest.get(slot) != token

    async def close(self) -> None:
        """Interrupt what runs, drop what waits, end the thread."""
        if self._closed:
            return
        self._closed = True
        if self._reader is not None:
            self._reader.interrupt()
        await asyncio.get_running_loop().run_in_executor(self._executor, self._close_reader)
        self._executor.shutdown(wait=False)

    def _close_reader(self, *_: Any) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
