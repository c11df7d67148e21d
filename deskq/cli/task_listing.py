"""Tasks as they are listed: for every command that prints tasks."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from deskq.cli.colour import OF_STATE
from deskq.cli.listing import Listing
from deskq.history.reading.reader import EXPORT_KEYS

_SHOWN: Final = ("state", "name", "queue", "worker", "received", "runtime", "retries", "uuid", "args", "exception")


def _cells(task: dict[str, Any]) -> list[str]:
    return [_cell(key, task) for key in _SHOWN]


def _cell(key: str, task: dict[str, Any]) -> str:
    value, revoked = task[key], task["revoked"]
    if value is None:
        return ""
    if key == "state" and revoked not in (None, "revoked"):
        return f"{value} ({revoked})"
    if key == "received":
        return datetime.fromtimestamp(value).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if key == "runtime":
        return f"{value:.3f} s" if task["runtime_exact"] else f"≈ {value:.3f} s"
    return str(value).splitlines()[0] if str(value) else ""


TASKS: Final = Listing[dict[str, Any]](
    titles=[key.upper() for key in _SHOWN],
    cells=_cells,
    values=lambda task: task,
    empty="No task matches.",
    keys=EXPORT_KEYS,
    colours=lambda task: {0: OF_STATE[task["state"]]} if task["state"] in OF_STATE else {},
)
