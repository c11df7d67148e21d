"""Work that ends with the object it is for: tasks of the loop, and what a thread still has to tell."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject
from shiboken6 import isValid


def end_with(owner: QObject, task: asyncio.Task[Any]) -> None:
    """Cancel a task when its owner is destroyed, as a dialog is that is closed while it still reads.

    Without this the task would go on with widgets that are no longer there.
    """
    connection = owner.destroyed.connect(lambda *_: task.cancel())
    task.add_done_callback(lambda _: QObject.disconnect(connection))


def tell_from_thread(loop: asyncio.AbstractEventLoop, owner: QObject, tell: Callable[[], object]) -> None:
    """Call ``tell`` in the loop; without effect where the owner or the loop has ended meanwhile."""
    with contextlib.suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(lambda: tell() if isValid(owner) else None)
