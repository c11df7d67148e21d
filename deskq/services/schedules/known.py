"""What a history and the workers tell of schedules: their last runs, consumed queues, registered tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from deskq.history.reading.consumed import consumed_queues
from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import TaskFilter
from deskq.history.rows import TaskRow
from deskq.services.registered_tasks import Answers, Registered, registered_by
from deskq.services.schedules.shown import RunsSeen

if TYPE_CHECKING:
    from deskq.schedules.model import Entry

_SEEN_RUNS: Final = 12
_COUNTED_RUNS: Final = 1_000
"""Tasks of a name, the newest ones, among which the runs of an entry are counted that its store does not count."""
_LONGEST_REPR: Final = 500


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the workers: see consumed_queues and registered_by. ``online``: is any of them?"""

    consumed: frozenset[str] | None = None
    registered: Registered | None = None
    online: bool = False


def known_of(reader: HistoryReader, answers: Answers | None) -> Known:
    """Without a recorder at work nobody knows who is online."""
    if not reader.status().writer_alive:
        return Known()
    workers = reader.workers()
    online = any(worker.online for worker in workers)
    return Known(consumed_queues(workers, reader.queues()), registered_by(answers, workers), online)


def last_runs(reader: HistoryReader, entries: Sequence[Entry]) -> list[tuple[tuple[TaskRow, ...], RunsSeen | None]]:
    """The newest tasks that have the name and, as far as events tell, the arguments of each entry.

    Beside them how many there are, where the store does not count them.
    """
    newest = cache(lambda task: reader.tasks(TaskFilter(names=(task,)), limit=_SEEN_RUNS * 4))
    counts = cache(lambda task: reader.relatives.argument_counts(task, _COUNTED_RUNS))
    found = []
    for entry in entries:
        args = (repr(tuple(entry.args)), repr(list(entry.args)))  # redbeat sends the list that its JSON holds
        kwargs = repr(entry.kwargs)
        alike = (
            row
            for row in newest(entry.task)
            if row.name == entry.task and _same(row.args, *args) and _same(row.kwargs, kwargs)
        )
        number = None
        if entry.total_run_count is None:
            told = counts(entry.task)
            runs = sum(n for their_args, theirs, n in told if _same(their_args, *args) and _same(theirs, kwargs))
            number = RunsSeen(runs, sum(n for _, _, n in told) >= _COUNTED_RUNS)
        found.append((tuple(row for _, row in zip(range(_SEEN_RUNS), alike, strict=False)), number))
    return found


def _same(told: str, *expected: str) -> bool:
    """Can an event that says ``told`` be about these arguments? What it leaves out, or cuts short, does not differ."""
    return not told or told in expected or len(expected[0]) > _LONGEST_REPR
