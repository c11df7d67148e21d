"""What is used by one thread of its own, as a connection is that blocks and knows no second thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

from deskq.errors import UserError


class Closing(Protocol):
    """What is closed at the end."""

    def close(self) -> object:
        """Give back what it holds."""


R = TypeVar("R", bound=Closing)
T = TypeVar("T")


class OwnThread(Generic[R]):
    """Opened when it is first used. ``lasting``: it is usable after a UserError too, else it is opened anew then."""

    def __init__(self, name: str, open_it: Callable[[], R], *, lasting: bool = False) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._open = open_it
        self._lasting = lasting
        self._opened: R | None = None

    async def use(self, verb: Callable[[R], T]) -> T:
        """Return what ``verb`` returns, one after the other."""
        return await self.run(lambda: self._use(verb))

    async def run(self, work: Callable[[], T]) -> T:
        """Do something else in this thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    async def close(self) -> None:
        """Close it, and end the thread."""
        await self.run(self._close)
        self._executor.shutdown(wait=False)

    def _use(self, verb: Callable[[R], T]) -> T:
        if self._opened is None:
            self._opened = self._open()
        try:
            return verb(self._opened)
        except UserError:
            if not self._lasting:
                self._close()
            raise

    def _close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None
