"""The schedule editor: what is sent and when, its next runs as they will happen, and what a change moves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QCheckBox, QDialog, QGroupBox, QHBoxLayout, QMessageBox, QPushButton, QVBoxLayout, QWidget

from deskq import formats
from deskq.errors import UserError
from deskq.models.table.model import TableModel
from deskq.schedules.diff import as_stored, difference
from deskq.schedules.model import Crontab, Entry, ScheduleStore, StoreKind, Unreadable
from deskq.schedules.timing.next_runs import ClockChange, Run, clock_changes, entry_runs
from deskq.services.background.background_tasks import BackgroundTasks
from deskq.services.registered_tasks import Registered
from deskq.views.schedules.detail import RUN_COLUMNS, RunRow
from deskq.views.schedules.editor.fields import EntryFields
from deskq.views.schedules.editor.when import WhenEditor
from deskq.views.widgets import theme
from deskq.views.widgets.dialog import Dialog
from deskq.views.widgets.empty_pane import plain_label
from deskq.views.widgets.tables import Table

_LOOK_MS: Final = 150
_RUNS: Final = 10
_LONGEST_CHANGE: Final = 200


class ScheduleDialog(Dialog):
    """Edits one entry, or makes one (``old`` None; ``shown`` is then what it begins as).

    ``store`` is asked for its attributes only. ``accepted_entry``: Save was pressed; the dialog changes nothing itself
    and stays until whoever writes the entry calls ``accept``, so that nothing typed is lost where that fails.
    ``registered``: what workers told, None where not all did.
    """

    accepted_entry = Signal(object)

    def __init__(
        self,
        store: ScheduleStore,
        old: Entry | None,
        shown: Entry | None,
        *,
        tasks: Sequence[str] = (),
        queues: Sequence[str] = (),
        registered: Registered | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._registered = registered
        self.old = old
        self._asked = 0
        self._tasks = BackgroundTasks()
        name = f" ─ {formats.plain(old.name)}" if old is not None else ""
        self.setWindowTitle(f"{'Edit' if old is not None else 'New'} schedule{name} ─ {formats.plain(store.title)}")
        self.fields = EntryFields(store.abilities)
        self.when = WhenEditor(store.abilities, store.zone)
        self.shared = QCheckBox()
        self.before, self.before_model = self._runs_table("runs-before")
        self.after, self.after_model = self._runs_table("runs-after")
        self.clock = plain_label(wrap=True)
        self.what = plain_label(wrap=True, muted=True)
        self.unknown = plain_label(wrap=True)
        self.problem = plain_label(wrap=True)
        self.cancel = QPushButton("Cancel")
        self.save = QPushButton("Save…")
        self._timer = QTimer(self, singleShot=True, interval=_LOOK_MS)
        self._timer.timeout.connect(self._look_ahead)
        self._lay_out(old)
        self.resize(1_000, 700)
        self.fields.offer(tasks, queues)
        entry = shown or old or Entry(name="", task="", schedule=self.when.first_kind())
        self.when.show_schedule(entry.schedule)
        self.fields.show_entry(entry)
        self._first = self._entry()
        self.fields.changed.connect(self._judge)
        self.when.changed.connect(self._judge)
        self.cancel.clicked.connect(self.reject)
        self.save.clicked.connect(self._saved)
        self.press_by_return(self.save)  # it opens a preview
        self._judge()
        self.fields.name.setFocus()

    @property
    def change_shared(self) -> bool:
        """Is a schedule row that other entries use to be changed for all of them?"""
        return self.shared.isChecked()

    def offer(self, tasks: Iterable[str], queues: Iterable[str]) -> None:
        """Add names that complete what is typed."""
        self.fields.offer(tasks, queues)

    def rebase(self, theirs: Entry | None, merged: Entry) -> None:
        """Go on from what is stored now, with these fields."""
        self.old = theirs
        self.when.show_schedule(merged.schedule)
        self.fields.show_entry(merged)
        self._judge()

    def entry(self) -> Entry:
        """Return what would be saved; raises UserError with what is wrong."""
        return self.fields.entry(self.when.schedule())

    def reject(self) -> None:
        """Esc: what was typed is not thrown away unasked."""
        if self._entry() == self._first:
            super().reject()
            return
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setText("Close without saving?")
        box.setInformativeText("Your changes will be lost.")
        close = box.addButton("Discard changes", QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton("Keep editing", QMessageBox.ButtonRole.RejectRole))
        close.clicked.connect(lambda: self.done(QDialog.DialogCode.Rejected))
        box.open()

    def _lay_out(self, old: Entry | None) -> None:
        send, when, runs = QGroupBox("Task"), QGroupBox("Timing"), QGroupBox("Next runs, assuming beat is running")
        QVBoxLayout(send).addWidget(self.fields)
        inner = QVBoxLayout(when)
        inner.addWidget(self.when)
        if old is not None and old.shared_with:
            names = ", ".join(formats.plain(name) for name in old.shared_with[:3])
            self.shared.setText(f"Also change the timing of {names}")
            self.shared.setToolTip(formats.tooltip("\n".join(old.shared_with)))
            inner.addWidget(self.shared)
        tables = QHBoxLayout()
        if old is not None:
            tables.addLayout(_titled("before", self.before))
            tables.addLayout(_titled("after", self.after))
        else:
            self.before.hide()
            tables.addWidget(self.after)
        below = QVBoxLayout(runs)
        below.addLayout(tables)
        below.addWidget(self.clock)
        bottom = QHBoxLayout()
        bottom.addWidget(self.problem, 1)
        bottom.addWidget(self.cancel)
        bottom.addWidget(self.save)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        top = QHBoxLayout()
        top.addWidget(send, 1)
        top.addWidget(when, 1)
        layout.addLayout(top)
        layout.addWidget(runs, 1)
        layout.addWidget(self.what)
        layout.addWidget(self.unknown)
        layout.addLayout(bottom)

    def _runs_table(self, name: str) -> tuple[Table, TableModel[RunRow]]:
        model = TableModel(RUN_COLUMNS, key=lambda run: run.at, parent=self, sort="in")
        table = Table(name, RUN_COLUMNS, self)
        table.setModel(model)
        table.lay_out()
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        return table, model

    def _entry(self) -> Entry | None:
        try:
            return self.entry()
        except UserError:
            return None

    def _judge(self) -> None:
        """Say what is wrong, or what would change; Save is there when something would."""
        problem, entry = "", None
        try:
            entry = self.entry()
        except UserError as error:
            problem = str(error)
        lines = [] if entry is None else difference(self.old, as_stored(entry, self._store))
        if not problem and self.old is not None and not lines:
            problem = "No changes yet."
        self.problem.setText(formats.plain(problem))
        # A long value is cut, never the list: each field that changes is named.
        cut = [line if len(line) <= _LONGEST_CHANGE else f"{line[: _LONGEST_CHANGE - 1]}…" for line in lines]
        self.what.setText(formats.plain("   ".join(cut) if self.old is not None else ""))
        known, task = self._registered, self.fields.task.currentText().strip()
        self.unknown.setText("" if known is None else formats.plain(known.words(task, time.time())))
        self.unknown.setVisible(bool(self.unknown.text()))
        self.save.setEnabled(not problem)
        self._timer.start()

    def _saved(self) -> None:
        entry = self._entry()
        if entry is not None:
            self.accepted_entry.emit(entry)

    def _look_ahead(self) -> None:
        self._asked += 1
        self._tasks.start(self._show_runs(self._asked), "next runs")

    async def _show_runs(self, asked: int) -> None:
        """Compute the runs off the GUI thread; an answer that was overtaken is not shown."""
        entry, old, store = self._entry(), self.old, self._store
        loop = asyncio.get_running_loop()
        after = await loop.run_in_executor(None, _ahead, entry, store, entry != old, old is None)
        before = await loop.run_in_executor(None, _ahead, old, store)
        if asked != self._asked:
            return
        for model, (runs, _), one in ((self.after_model, after, entry), (self.before_model, before, old)):
            zone = _zone(one, store)
            model.replace(RunRow(run.at, zone, run.mark) for run in runs)
        told = [change.sentence for change in after[1]]
        self.clock.setText(formats.plain_lines("\n".join(f"⚠ {words}" for words in told)))
        self.clock.setVisible(bool(told))

    def done(self, result: int) -> None:
        self._timer.stop()
        self._asked += 1
        self._tasks.cancel()
        super().done(result)
        self.deleteLater()


def _ahead(
    entry: Entry | None, store: ScheduleStore, unsaved: bool = False, added: bool = False
) -> tuple[list[Run], list[ClockChange]]:
    """The next runs, as if it were on."""
    if entry is None or isinstance(entry.schedule, Unreadable):
        return [], []
    now = time.time()
    shown = replace(entry, enabled=True, problem="")
    if unsaved and shown.counts_from is not None:
        shown = replace(shown, counts_from=now)  # beat counts from when it is saved, if it never ran
    if added and store.kind is StoreKind.REDBEAT and shown.last_run_at is None:
        shown = replace(shown, last_run_at=now)  # an added entry is stored with that, so that it does not run at once
    runs = entry_runs(shown, store, after=now, count=_RUNS)
    return runs, clock_changes(entry.schedule, store.zone, after=now)


def _zone(entry: Entry | None, store: ScheduleStore) -> str:
    own = entry.schedule.zone if entry is not None and isinstance(entry.schedule, Crontab) else ""
    return own or store.zone


def _titled(title: str, table: Table) -> QVBoxLayout:
    column = QVBoxLayout()
    column.addWidget(plain_label(title, muted=True))
    column.addWidget(table, 1)
    return column
