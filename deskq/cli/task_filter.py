"""The task filter built from a command's options, and doubts about it."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from deskq.cli.common import plain
from deskq.cli.options.shared import TaskFilterOptions
from deskq.history.reading.filter_language import doubts_about_states, doubts_about_text, known_state, parse, seconds_of
from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import TaskFilter

if TYPE_CHECKING:
    from deskq.cli.options.acting import TargetOptions


def filter_of(options: TaskFilterOptions, reader: HistoryReader) -> TaskFilter:
    """Return the filter of commands that list tasks (TaskFilterOptions); raises UserError."""
    written = parse(options.filter, states=reader.states())
    task_filter = _checked(options, written.states, reader)
    sinces = [written.since, time.time() - seconds_of(options.since) if options.since else None]
    return replace(
        written,
        states=task_filter.states,
        names=(*task_filter.names, *written.names),
        queues=(*options.queue, *written.queues),
        workers=(*options.worker, *written.workers),
        text=f"{task_filter.text} {written.text}".strip(),
        since=max((one for one in sinces if one is not None), default=None),
    )


def filter_of_targets(options: TargetOptions, reader: HistoryReader) -> TaskFilter:
    """Return the filter of commands that act on tasks: ``--state --name --from-queue --text``; raises UserError."""
    return replace(_checked(options, (), reader), queues=options.from_queue)


def _checked(
    options: TaskFilterOptions | TargetOptions, more_states: Sequence[str], reader: HistoryReader
) -> TaskFilter:
    there = reader.states()
    states = (*(known_state(state, there) for state in options.state), *more_states)
    task_filter = TaskFilter(states=states, names=options.name, text=options.text)
    fields = doubts_about_text(options.text)
    if fields and isinstance(options, TaskFilterOptions):
        fields += " To filter by fields, use --filter."
    for doubt in filter(None, (doubts_about_states(task_filter, there), fields)):
        print(f"deskq: {plain(doubt)}", file=sys.stderr)
    return task_filter
