"""Tasks of the loop that end with the object they work for."""

from __future__ import annotations

import asyncio
from typing import Any

from PySide6.QtCore import QObject


def end_with(owner: QObject, task: asyncio.Task[Any]) -> None:
    """Cancel a task when its owner is destroyed, as a dialog is that is closed while it still reads.

    Without this the task would go on with widgets that are no longer there.
    """
    connection = owner.destroyed.connect(lambda *_: task.cancel())
    task.add_done_callback(lambda _: QObject.disconnect(connection))
