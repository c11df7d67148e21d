"""The Journal view: everything that deskq changed, on every profile, item by item; some of it can be taken back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from deskq import formats
from deskq.actions.journal.journal import ActionRow, Journal
from deskq.history.cells import safe_cell
from deskq.models.table.model import TableModel
from deskq.services.background.background_tasks import BackgroundTasks
from deskq.services.journal import JournalFeed, ask_journal
from deskq.services.session import ProfileSession
from deskq.views.journal.columns import ACTION_COLUMNS, ITEM_COLUMNS
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import EmptyPane, plain_label, show_page
from deskq.views.widgets.page import Commands, TablePage
from deskq.views.widgets.requests import OpenTask
from deskq.views.widgets.tables import Table
from deskq.views.widgets.toast import UndoOffer

_ALL: Final = "all outcomes"
_OUTCOMES: Final = (_ALL, "unknown", "failed", "done")


class JournalView(TablePage):
    """The journal of this machine's user; ``sessions`` are those at which something can be taken back."""

    def __init__(self, sessions: Sequence[ProfileSession], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = "Journal"
        self._sessions = {session.profile.name: session for session in sessions}
        self._action = ""
        self._tasks = BackgroundTasks(self._say, owner=self)
        self.feed = JournalFeed(self)
        self.model = TableModel(ACTION_COLUMNS, key=lambda row: row.id, parent=self, sort="at", descending=True)
        self.table = Table("journal", ACTION_COLUMNS)
        self.items_model = TableModel(ITEM_COLUMNS, key=lambda row: row.number, parent=self, sort="number")
        self.items = Table("journal-items", ITEM_COLUMNS)
        for table, model in ((self.table, self.model), (self.items, self.items_model)):
            table.setModel(model)
            table.lay_out()
            table.setSortingEnabled(True)
        self.table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
        self.items.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.table.selectionModel().currentRowChanged.connect(self._current_changed)
        self.items.activated.connect(self._open_item)
        self.empty = EmptyPane("", "")
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.empty)
        self.heading = plain_label(wrap=True)
        self.heading.setFont(theme.bold_font())
        self.undo_button = QPushButton("Undo…")
        self.resolve_button = QPushButton("Check unknown items")
        self.resolve_button.setToolTip(
            "Look for unknown items at the broker and in the stores and the history; sends nothing"
        )
        self.undo_button.clicked.connect(self.undo)
        self.resolve_button.clicked.connect(self.resolve)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.addWidget(self.stack)
        self.splitter.addWidget(self._make_detail())
        self.splitter.setSizes([420, 280])
        self.splitter.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._make_bar())
        layout.addWidget(self.splitter, 1)
        self.feed.changed.connect(self._show)
        self._show()

    def _make_bar(self) -> QHBoxLayout:
        self.line = QLineEdit()
        self.line.setPlaceholderText("Search titles, users, tasks, queues and ids   ( / )")
        self.line.setAccessibleName("Search the journal")
        self.line.setClearButtonEnabled(True)
        self.line.textChanged.connect(self.feed.search)
        self.outcome, self.profile = QComboBox(), QComboBox()
        self.outcome.addItems(list(_OUTCOMES))
        self.outcome.setAccessibleName("Outcome")
        self.profile.addItem("all profiles")
        self.profile.setAccessibleName("Profile")
        for choice in (self.outcome, self.profile):
            choice.currentIndexChanged.connect(self._filter)
        self.export_button = QPushButton("Export…")
        self.export_button.clicked.connect(self.export)
        bar = QHBoxLayout()
        bar.setContentsMargins(theme.GAP, theme.GAP, theme.GAP, theme.GAP_S)
        bar.addWidget(self.line, 1)
        for widget in (self.profile, self.outcome, self.export_button):
            bar.addWidget(widget)
        return bar

    def _make_detail(self) -> QWidget:
        self.detail = QWidget()
        head = QHBoxLayout()
        head.setContentsMargins(theme.GAP_M, theme.GAP_S, theme.GAP, theme.GAP_S)
        head.addWidget(self.heading, 1)
        head.addWidget(self.resolve_button)
        head.addWidget(self.undo_button)
        layout = QVBoxLayout(self.detail)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self.items, 1)
        return self.detail

    def commands(self) -> Commands:
        """What the window's commands do here."""
        return {
            "filter": self.line.setFocus,
            "refresh": self.feed.start,
            "detail": self.items.setFocus,
            "back": self.table.setFocus,
            "copy_row": self.table.copy_rows,
            "copy_cell": self.table.copy_cell,
            "undo": self.undo,
            "export_journal": self.export,
        }

    def undo(self) -> None:
        """Preview what takes the selected action back."""
        action = self._current()
        if action is not None and self.undo_button.isEnabled() and not self.undo_button.isHidden():
            self._tasks.start(self._undo(action), "undo")

    def resolve(self) -> None:
        """Look for what is unknown at the selected action's profile; nothing is sent."""
        action = self._current()
        session = self._sessions.get(action.profile) if action is not None else None
        if session is not None:
            self.resolve_button.setEnabled(False)
            self._tasks.start(self._resolve(session), "look for unknown")

    def export(self) -> None:
        """Write the actions that are shown, with their items, into a file: JSON lines, or CSV by its name."""
        chooser = QFileDialog(self, "Export the journal", "journal.jsonl", "JSON lines (*.jsonl);;CSV (*.csv)")
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        chooser.fileSelected.connect(lambda path: self._tasks.start(self._export(Path(path)), "export journal"))
        chooser.open()

    def save_layout(self) -> None:
        """Remember the columns."""
        self.table.save_layout()
        self.items.save_layout()

    def showEvent(self, event: object) -> None:
        self.feed.start()

    def hideEvent(self, event: object) -> None:
        self.feed.stop()

    async def _undo(self, action: ActionRow) -> None:
        from deskq.actions.steps import undo_plan
        from deskq.actions.undo import doer_of
        from deskq.views.actions.plan_dialog import StepsDialog

        session = self._sessions.get(action.profile)
        if session is None:
            self._say(f"Connect “{action.profile}” to undo this.")
            return
        profile = session.profile
        plan = await ask_journal(lambda journal: undo_plan(journal, action.id), None)
        if plan is not None:
            StepsDialog(plan, profile, lambda: doer_of(plan, profile), self.window()).open()

    async def _resolve(self, session: ProfileSession) -> None:
        from deskq.actions.resolving import resolve_unknown

        def look(journal: Journal) -> tuple[int, int]:
            found = resolve_unknown(journal, session.profile)
            return len(found), len(journal.unknown(session.profile.name))

        try:
            found, left = await ask_journal(look, (0, 0))
            self._say(f"{found:,} confirmed as done; {left:,} still unknown.")
        finally:
            self.resolve_button.setEnabled(True)

    async def _export(self, path: Path) -> None:
        actions = self.model.rows()

        def write(journal: Journal) -> None:
            from deskq.files.private_files import write_private

            rows: list[dict[str, Any]] = []
            for action in actions:
                about = {"at": action.at, "person": action.person, "profile": action.profile, "title": action.title}
                rows += [{**about, **asdict(item)} for item in journal.items(action.id)]
            write_private(path, _as_csv(rows) if path.suffix == ".csv" else _as_lines(rows), "The journal")

        await ask_journal(write, None)
        self._say(f"{formats.count(len(actions), 'action')} written to {path}.")

    async def _read_items(self, action: str) -> None:
        items, undoable = await self.feed.items(action)
        if action == self._action:
            self.items_model.replace(items)
            self.undo_button.setVisible(undoable)

    def _say(self, text: str) -> None:
        UndoOffer(formats.plain(text), None, self.window())

    def _current(self) -> ActionRow | None:
        line = self.model.line_of(self._action)
        return self.model.row_at(line) if line is not None else None

    def _current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        action = self.model.row_at(current.row()) if current.isValid() else None
        if action is not None and action.id != self._action:
            self._action = action.id
            self.items_model.replace([])
            self.undo_button.hide()
            self._describe()

    def _describe(self) -> None:
        action = self._current()
        self.heading.setText(formats.plain(action.title) if action is not None else "")
        self.resolve_button.setVisible(bool(action is not None and action.outcomes.get("unknown")))
        if action is not None:
            known = action.profile in self._sessions
            self.undo_button.setEnabled(known)
            self.undo_button.setToolTip("" if known else f"Connect “{action.profile}” to undo this.")
            self.resolve_button.setEnabled(known)
            self._tasks.start(self._read_items(action.id), "journal items")

    def _open_item(self, index: QModelIndex) -> None:
        item = self.items_model.row_at(index.row())
        action = self._current()
        if item is not None and action is not None and action.verb in ("send", "retry", "revoke", "abort"):
            uuid = item.source if action.verb in ("revoke", "abort") else item.new_id
            self.request(OpenTask(action.profile, uuid))

    def _show(self) -> None:
        names = {self.profile.itemText(n) for n in range(self.profile.count())}
        self.profile.addItems(sorted({formats.plain(action.profile) for action in self.feed.actions} - names))
        self.model.replace(self.feed.actions)
        if self._current() is None and self.model.rowCount():
            self.table.selectRow(0)
        self._describe()
        self._update_empty()

    def _filter(self, *_: object) -> None:
        outcome = self.outcome.currentText()
        profile = self.profile.currentText() if self.profile.currentIndex() > 0 else ""

        def keep(action: ActionRow) -> bool:
            right = outcome == _ALL or bool(action.outcomes.get(outcome))
            return right and (not profile or formats.plain(action.profile) == profile)

        self.model.keep_only(keep)
        self._update_empty()

    def _update_empty(self) -> None:
        filled = bool(self.model.rowCount())
        show_page(self.stack, self.table if filled else self.empty)
        self.detail.setVisible(filled)
        if filled:
            return
        if self.feed.problem:
            self.empty.say("The journal cannot be read", self.feed.problem)
        elif not self.feed.read_once:
            self.empty.say("Reading the journal", "This can take a moment.")
        elif self.feed.actions or self.line.text():
            self.empty.say("No action matches", "Clear the search or choose other filters.")
        else:
            self.empty.say("No actions yet", "Every change is written here before it is made.")


def _as_lines(rows: Sequence[dict[str, Any]]) -> str:
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def _as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """A cell that a spreadsheet would take for a formula begins with an apostrophe."""
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({key: safe_cell(value) for key, value in row.items()})
    return text.getvalue()
