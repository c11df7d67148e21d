"""Waiting for what may ask a person first, as a keyring does that is locked."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def run_in_daemon_thread(work: Callable[[], T]) -> T:
    """Return what blocking ``work`` returns, from a thread of its own.

    Unlike an executor's, the thread keeps nobody from closing deskq: whoever no longer waits leaves it behind.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if answer.done():  # cancelled
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result: T | None = None
        raised: BaseException | None = None
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - raised where the answer is awaited
            raised = error
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, result, raised)

    threading.Thread(target=run, name="patient", daemon=True).start()
    return await answer


class InTurn:
    """Does blocking work in the order in which it was asked for, one after the other."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def __call__(self, work: Callable[[], T]) -> T:
        """See run_in_daemon_thread."""
        async with self._lock:
            return await run_in_daemon_thread(work)
