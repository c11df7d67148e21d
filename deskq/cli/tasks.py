"""``deskq tasks``: tasks of a history as a table, as JSON lines or as CSV."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from deskq.cli.common import profile_of, table
from deskq.history.query import TaskFilter
from deskq.history.reader import EXPORT_KEYS, HistoryReader

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_SHOWN: Final = ("state", "name", "queue", "worker", "received", "runtime", "retries", "uuid", "args", "exception")


def run(options: argparse.Namespace) -> int:
    """Print the tasks that were asked for."""
    reader = HistoryReader(_history(options))
    try:
        chosen = TaskFilter(
            states=tuple(state.upper() for state in options.state),
            names=tuple(options.name),
            queues=tuple(options.queue),
            workers=tuple(options.worker),
            text=options.text,
        )
        tasks = reader.export(chosen, limit=options.limit or None)
        {"json": _json, "csv": _csv, "table": _table}[options.format](tasks)
    finally:
        reader.close()
    return 0


def _history(options: argparse.Namespace) -> Path:
    text: str = options.history
    path = Path(text).expanduser()
    if "://" not in text and (path.exists() or path.suffix or "/" in text):
        return path
    return profile_of(text, options).history_path()


def _json(tasks: Iterator[dict[str, Any]]) -> None:
    for task in tasks:
        print(json.dumps(task, ensure_ascii=False))


def _csv(tasks: Iterator[dict[str, Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(EXPORT_KEYS)
    for task in tasks:
        writer.writerow([_safe(task[key]) for key in EXPORT_KEYS])


def _safe(cell: object) -> object:
    """Text that a spreadsheet would take for a formula gets an apostrophe; numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _table(tasks: Iterator[dict[str, Any]]) -> None:
    rows = [[_cell(key, task[key]) for key in _SHOWN] for task in tasks]
    print(table([key.upper() for key in _SHOWN], rows) if rows else "No task matches.")


def _cell(key: str, value: Any) -> str:
    if value is None:
        return ""
    if key == "received":
        return datetime.fromtimestamp(value).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if key == "runtime":
        return f"{value:.3f} s"
    return str(value).splitlines()[0] if str(value) else ""
