"""What deskq itself did about the tasks of a table, as the journal tells it: retried, a retry, revoked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal

from deskq import formats
from deskq.actions.journal.stamp import NO_JOURNAL, Stamp, journal_stamp
from deskq.actions.journal.task_actions import TaskAction, actions_on_tasks
from deskq.errors import UserError
from deskq.history.rows import TaskRow
from deskq.models.table.columns import Column
from deskq.models.tasks.columns import TASK_COLUMNS, state_text
from deskq.protocol.task_states import FINAL_STATES
from deskq.services.effects import Effects, effects_feed
from deskq.services.journal import LOOK_MS, ask_journal
from deskq.services.session import ProfileSession

PAUSE_SECONDS: Final = 0.5
"""The journal is asked no more often, however many rows come."""
_MOST: Final = 20_000
_NOT_DONE: Final = ("failed", "not sent", "planned")


def trace_text(trace: TaskAction, state: str) -> str:
    """Say it in full. ``state`` is the task's now: a revocation that it does not show yet is not seen yet."""
    doubt = "" if trace.outcome in ("done", "gone") else f" ({trace.outcome})"
    other = f" {formats.plain(trace.other)}," if trace.other else ""
    who = f" by {formats.plain(trace.person)}," if trace.person else ""
    unseen = "; no event yet" if trace.kind == "revoked" and state not in FINAL_STATES else ""
    return f"{trace.kind}{other}{who} {formats.clock_time(trace.at)}{doubt}{unseen}"


def state_suffixes(traces: Sequence[TaskAction], state: str) -> list[str]:
    """Return what the State cell says of it: the last retry counts, and the last revocation while it is not seen."""
    last = {trace.kind: trace.outcome for trace in traces if trace.outcome not in _NOT_DONE}
    words = []
    if "retry of" in last:
        words.append("retry")
    if "retried as" in last:
        words.append(
            {"sending": "being retried", "unknown": "retry outcome unknown"}.get(last["retried as"], "retried")
        )
    if "revoked" in last and state not in FINAL_STATES:
        words.append({"sending": "being revoked", "unknown": "revoke outcome unknown"}.get(last["revoked"], "revoked"))
    return words


class TaskActionNotes(QObject):
    """Looks the rows up that ``rows`` returns, each once, and all anew when somebody has written to the journal.

    ``changed`` carries the ids of which something else is known now. Where there is no journal nothing is asked.
    """

    changed = Signal(object)

    def __init__(
        self, session: ProfileSession, rows: Callable[[], Iterable[TaskRow]], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._rows = rows
        self._found: dict[str, list[TaskAction]] = {}
        self._asked: set[str] = set()
        self._stamp: Stamp = NO_JOURNAL
        self._next_stamp = self._next_read = 0.0
        self._active = True
        self._busy = self._again = False
        self._pause = QTimer(self, singleShot=True)
        self._pause.timeout.connect(self._begin)
        self._watch = QTimer(self, interval=LOOK_MS)
        self._watch.timeout.connect(self.look)
        self._watch.start()
        effects_feed().touched.connect(self._touched)
        self.columns: tuple[Column[TaskRow], ...] = tuple(
            replace(column, text=self.state_text) if column.key == "state" else column for column in TASK_COLUMNS
        )

    def set_active(self, active: bool) -> None:
        """A table that is not on screen asks nothing."""
        self._active = active
        if active:
            self._watch.start()
            self.look()
        else:
            self._watch.stop()
            self._pause.stop()

    def look(self) -> None:
        """There may be rows that were not looked up, or news in the journal; many calls become one."""
        if not self._active:
            return
        if self._busy:
            self._again = True
        elif not self._pause.isActive():
            self._pause.start(max(0, round((self._next_read - time.monotonic()) * 1_000)))

    def _touched(self, effects: Effects) -> None:
        """A plan of this window has ended: what it did is shown without a pause."""
        if effects.tasks:
            self._next_stamp = self._next_read = 0.0
            self._pause.stop()
            self.look()

    def state_text(self, row: TaskRow) -> str:
        """The State cell."""
        traces = self._found.get(row.uuid)
        return state_text(row, state_suffixes(traces, row.state)) if traces else state_text(row)

    def tooltip(self, row: TaskRow) -> str:
        """The same, and all that was done in full, a line for each."""
        lines = (trace_text(trace, row.state) for trace in self._found.get(row.uuid, ()))
        return formats.tooltip("\n".join((self.state_text(row), *lines)))

    def links(self, uuid: str) -> dict[str, TaskAction]:
        """Return the last retry and the original of a task, by what a menu calls them, where there are some."""
        titles = {"retried as": "Go to the retry", "retry of": "Go to the original"}
        traces = self._found.get(uuid, ())
        return {titles[t.kind]: t for t in traces if t.kind in titles and t.other and t.outcome not in _NOT_DONE}

    def _begin(self) -> None:
        self._busy, self._again = True, False
        self._session.spawn(self._read(), "what was done", owner=self)

    async def _read(self) -> None:
        try:
            await self._look_up()
        finally:
            self._busy = False
        if self._again:
            self.look()

    async def _look_up(self) -> None:
        now = time.monotonic()
        self._next_read = now + PAUSE_SECONDS
        if now >= self._next_stamp:
            self._next_stamp = now + LOOK_MS / 1_000
            stamp = await asyncio.get_running_loop().run_in_executor(None, journal_stamp)
            if stamp != self._stamp:  # taken before the journal is read: what is written meanwhile is seen next time
                self._stamp = stamp
                self._asked.clear()
        uuids = list(dict.fromkeys(row.uuid for row in self._rows() if row.uuid not in self._asked))
        if not uuids:
            return
        found: dict[str, list[TaskAction]] = {}
        if self._stamp != NO_JOURNAL:
            try:
                found = await ask_journal(lambda journal: actions_on_tasks(journal, uuids), found)
            except UserError:
                found = {uuid: self._found[uuid] for uuid in uuids if uuid in self._found}  # told where somebody acts
        if len(self._asked) > _MOST:
            near = {row.uuid for row in self._rows()}
            self._asked &= near
            self._found = {uuid: traces for uuid, traces in self._found.items() if uuid in near}
        self._asked.update(uuids)
        changed = {uuid for uuid in uuids if found.get(uuid) != self._found.get(uuid)}
        for uuid in changed:
            if uuid in found:
                self._found[uuid] = found[uuid]
            else:
                del self._found[uuid]
        if changed:
            self.changed.emit(changed)
