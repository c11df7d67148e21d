"""Between the filter bar and the table of tasks: what is typed becomes the model's filter, its counts are shown."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final

from PySide6.QtCore import QObject

from deskq.errors import UserError
from deskq.history.reading.task_filter import TaskFilter
from deskq.history.rows import StateCounts
from deskq.models.tasks.table import TasksModel
from deskq.services.session import ProfileSession
from deskq.views.tasks.filter_bar import CountsBar, FilterBar

_FACETS_SECONDS: Final = 10
"""How often the names that complete a filter are read, and the beginning of its span is moved."""


class FilterLink(QObject):
    """Connects ``bar`` and ``counts`` with ``model``."""

    def __init__(self, session: ProfileSession, bar: FilterBar, counts: CountsBar, model: TasksModel) -> None:
        super().__init__(bar)
        self._session = session
        self._bar = bar
        self._counts = counts
        self._model = model
        self._age: float | None = None  # of the beginning of the filter's span, in seconds
        self._facets_left = 0
        bar.changed.connect(self._choose)
        bar.pause_toggled.connect(model.set_paused)
        counts.clicked.connect(bar.toggle_states)
        model.counts_changed.connect(self._counted)
        session.status_changed.connect(self.write_counts)

    def refresh(self) -> None:
        """Read the names that complete a filter with the next second."""
        self._facets_left = 0

    def second(self) -> None:
        """A second has passed: the span goes with the time."""
        self._facets_left -= 1
        if self._facets_left < 0:
            self._facets_left = _FACETS_SECONDS
            if self._age is not None:
                self._model.slide(self._session.now() - self._age)
            self._session.spawn(self._read_facets(), "facets", owner=self._bar)

    def write_counts(self) -> None:
        """Show the counts of the states, as far as they are known."""
        counts = self._model.counts
        known = self._model.counted and (self._session.heard or counts.total > 0)  # 0 of what nobody heard is unknown
        self._counts.show_counts(counts if known else None, self._model.task_filter.states)

    async def _read_facets(self) -> None:
        try:
            self._bar.set_facets(await self._session.ask(lambda reader: reader.facets(), slot="facets"))
        except UserError:
            self._facets_left = 0  # no history yet: ask again with the next tick

    def _choose(self, task_filter: TaskFilter, span: float | None) -> None:
        self._age = span
        if span is None and task_filter.since is not None:
            self._age = time.time() - task_filter.since
        if self._age is not None:  # of a history file, counted from its end
            task_filter = replace(task_filter, since=self._session.now() - self._age)
        self._model.choose(task_filter)
        self.write_counts()

    def _counted(self, counts: StateCounts) -> None:
        self._bar.add_states(counts)
        self.write_counts()
