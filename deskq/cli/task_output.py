"""Tasks as JSON lines, CSV or a table: for every command that prints tasks."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, TextIO

from deskq.cli.common import table
from deskq.history.cells import safe_cell
from deskq.history.reading.reader import EXPORT_KEYS
from deskq.plain_text import json_text

_SHOWN: Final = ("state", "name", "queue", "worker", "received", "runtime", "retries", "uuid", "args", "exception")


def write_json(tasks: Iterator[dict[str, Any]], stream: TextIO) -> int:
    """Write one JSON object a line; returns how many."""
    count = 0
    for task in tasks:
        stream.write(json_text(task) + "\n")
        count += 1
    return count


def write_csv(tasks: Iterator[dict[str, Any]], stream: TextIO) -> int:
    """Write CSV with a line of titles; returns how many tasks."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(EXPORT_KEYS)
    count = 0
    for task in tasks:
        writer.writerow([safe_cell(task[key]) for key in EXPORT_KEYS])
        count += 1
    return count


def write_table(tasks: Iterator[dict[str, Any]], stream: TextIO) -> int:
    """Write aligned columns for a terminal; returns how many tasks."""
    rows = [[_cell(key, task) for key in _SHOWN] for task in tasks]
    print(table([key.upper() for key in _SHOWN], rows) if rows else "No task matches.", file=stream)
    return len(rows)


WRITERS: Final = {"table": write_table, "json": write_json, "csv": write_csv}


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
