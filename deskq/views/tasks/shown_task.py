"""The task whose detail is in sight: which one that is, and reading it again while it may change."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from PySide6.QtCore import QObject

from deskq.actions.journal.task_actions import TaskAction, actions_on_task
from deskq.errors import UserError
from deskq.models.tasks.detail import read_detail
from deskq.models.tasks.table import TasksModel
from deskq.services.journal import ask_journal
from deskq.services.session import ProfileSession
from deskq.views.tasks.detail import TaskDetailPane
from deskq.views.tasks.drag import TaskTable


class ShownTask(QObject):
    """Fills ``pane`` with a task of ``table`` or of another; ``failed`` is told why it could not be read."""

    def __init__(
        self,
        session: ProfileSession,
        model: TasksModel,
        table: TaskTable,
        pane: TaskDetailPane,
        failed: Callable[[str], object],
    ) -> None:
        super().__init__(pane)
        self._session = session
        self._model = model
        self._table = table
        self._pane = pane
        self._failed = failed
        self._uuid = ""
        pane.open_task.connect(self.show)
        pane.closed.connect(self.close)
        model.deeds.changed.connect(self._deeds_changed)

    def show(self, uuid: str) -> None:
        """Show the detail of a task, wherever it stands in the table."""
        self._uuid = uuid
        self._pane.show()
        self._spawn(self._read(uuid), "task detail")

    def show_current(self) -> None:
        """Show the detail of the current row, of the first one if none is current."""
        if not self._table.currentIndex().isValid() and self._model.rowCount():
            self._table.selectRow(0)
        if self._table.currentIndex().isValid():
            row = self._table.currentIndex().row()
            task = self._model.task_at(row)
            if task is not None:
                self.show(task.uuid)
            else:
                self._spawn(self._show_unread(self._model.id_at(row)), "task detail")

    def go_to(self, trace: TaskAction, refuse: Callable[[str], object]) -> None:
        """Show the task at the other end of a retry, in its row where the table has it; ``refuse`` says why not."""
        self._spawn(self._go_to(trace, refuse), "go to a task")

    def follow_row(self) -> None:
        """Qt makes the first row current as the table gets the focus: only a row that is selected too was chosen."""
        current = self._table.currentIndex()
        if self._pane.isVisible() and self._table.selectionModel().isSelected(current):
            self.show_current()

    def refresh(self) -> None:
        """Read it anew, unless it has finished."""
        if self._pane.isVisible() and self._uuid:
            shown = self._pane.detail
            if shown is None or shown.row.finished is None:
                self._spawn(self._read(self._uuid), "task detail")

    def close(self) -> None:
        """Hide the detail."""
        self._pane.hide()
        self._uuid = ""
        self._table.setFocus()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._session.spawn(work, name, owner=self)

    async def _go_to(self, trace: TaskAction, refuse: Callable[[str], object]) -> None:
        task = await self._session.ask(lambda reader: reader.task_row(trace.other), slot="go to a task")
        if task is None:
            refuse(f"{trace.other} is not in this history; the retry was sent at {trace.profile}.")
            return
        row = self._model.row_of(task.id)
        if row is not None:
            self._table.selectRow(row)
        self.show(trace.other)

    async def _show_unread(self, row_id: int) -> None:
        """Show a task whose row has not been read yet: the keys are quicker than the history."""
        rows = await self._session.ask(lambda reader: reader.rows([row_id]), slot="task of a row")
        current = self._table.currentIndex()
        if rows and current.isValid() and self._model.id_at(current.row()) == row_id:
            self.show(rows[0].uuid)

    async def _read(self, uuid: str) -> None:
        try:
            detail = await self._session.ask(lambda reader: read_detail(reader, uuid), slot="task detail")
        except UserError as error:
            self._failed(str(error))
            return
        if uuid == self._uuid:
            self._pane.show_detail(detail)
            await self._show_traces(uuid)

    async def _show_traces(self, uuid: str) -> None:
        traces, detail = await _traces(uuid), self._pane.detail
        if uuid == self._uuid and detail is not None and detail.row.uuid == uuid:
            self._pane.traces.show_traces(traces, detail.row.state)

    def _deeds_changed(self, uuids: set[str]) -> None:
        if self._uuid in uuids:
            self._spawn(self._show_traces(self._uuid), "task traces")


async def _traces(uuid: str) -> list[TaskAction]:
    """What deskq did about it; a journal that cannot be read is told where somebody acts."""
    try:
        return await ask_journal(lambda journal: actions_on_task(journal, uuid), [])
    except UserError:
        return []
