"""What a search asks of a history: tasks in a range of ids, slice after slice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from deskq.history.reading.failures import Ask, Text
from deskq.history.reading.task_filter import Where, pattern

Run = Callable[[str, tuple[Any, ...]], Iterator[Any]]


class SearchReader:
    """Reads by ``run`` and ``ask`` of a HistoryReader; blocking, as that is."""

    def __init__(self, run: Run, ask: Ask, text: Text) -> None:
        self._run = run
        self._all = ask
        self._text = text

    def ids_between(self, low: int, below: int, condition: Where) -> list[tuple[int, str]]:
        """Return (id, state) of the tasks in a range of ids that meet a condition, newest first."""
        rows = self._run(
            f"SELECT id, state_id FROM tasks WHERE id >= ? AND id < ? AND {condition} ORDER BY id DESC",
            (low, below, *condition.values),
        )
        return [(row_id, self._text(state)) for row_id, state in rows if isinstance(row_id, int)]

    def count_between(self, low: int, below: int, condition: Where) -> Counter[str]:
        """Count the tasks in a range of ids that meet a condition, by state."""
        rows = self._run(
            f"SELECT state_id, count(*) FROM tasks WHERE id >= ? AND id < ? AND {condition} GROUP BY state_id",
            (low, below, *condition.values),
        )
        return Counter({self._text(state): n for state, n in rows})

    def names_with(self, word: str, limit: int = 500) -> list[int] | None:
        """Return the ids of the texts that contain a word; None if they are more than ``limit``."""
        rows = self._all("SELECT id FROM texts WHERE text LIKE ? ESCAPE '\\' LIMIT ?", (pattern(word), limit + 1))
        return [name_id for (name_id,) in rows] if len(rows) <= limit else None
