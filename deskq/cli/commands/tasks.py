"""``deskq tasks``: tasks of a history."""

from __future__ import annotations

import sys

from deskq.cli.common import history_of
from deskq.cli.options.reading import TasksOptions
from deskq.cli.task_filter import filter_of
from deskq.cli.task_listing import TASKS
from deskq.history.reading.reader import HistoryReader


def run(options: TasksOptions) -> int:
    """Print the tasks that were asked for."""
    reader = HistoryReader(history_of(options.history, options))
    try:
        task_filter = filter_of(options, reader)
        TASKS.write(reader.export(task_filter, limit=options.limit or None), options.format, sys.stdout)
        say_unreadable(reader)
    finally:
        reader.close()
    return 0


def say_unreadable(reader: HistoryReader) -> None:
    """Tell of rows that were left out because they are damaged."""
    if reader.unreadable:
        print(
            f"deskq: {reader.unreadable:,} tasks unreadable (damaged history). Run: deskq history check {reader.path}",
            file=sys.stderr,
        )
