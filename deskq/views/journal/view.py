"""The Journal view: everything that deskq changed, on every profile, item by item; some of it can be taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget

from deskq import formats
from deskq.actions.journal.journal import ActionRow, Journal
from deskq.errors import UserError
from deskq.models.table.model import TableModel
from deskq.services.background.background_tasks import BackgroundTasks
from deskq.services.journal import JournalFeed, ask_journal
from deskq.services.session import ProfileSession
from deskq.views.journal.columns import ACTION_COLUMNS
from deskq.views.journal.detail import ActionDetail
from deskq.views.journal.export import write_actions
from deskq.views.widgets import theme
from deskq.views.widgets.commands import CommandKey
from deskq.views.widgets.page import MasterDetailPage
from deskq.views.widgets.requests import OpenTask
from deskq.views.widgets.tables import Table
from deskq.views.widgets.toast import UndoOffer

_ALL: Final = "all outcomes"
_OUTCOMES: Final = (_ALL, "unknown", "failed", "done")


class JournalView(MasterDetailPage[ActionRow]):
    """The journal of this machine's user; ``sessions`` are those at which something can be taken back."""

    def __init__(self, sessions: Sequence[ProfileSession], parent: QWidget | None = None) -> None:
        self._sessions = {session.profile.name: session for session in sessions}
        self.detail = ActionDetail()
        super().__init__(
            TableModel(ACTION_COLUMNS, key=lambda row: row.id, sort="at", descending=True),
            Table("journal", ACTION_COLUMNS),
            self.detail,
            above=(self._make_bar(),),
            sizes=(420, 280),
            parent=parent,
        )
        self.title = "Journal"
        self._tasks = BackgroundTasks(self._say, owner=self)
        self.feed = JournalFeed(self)
        self.detail.table.activated.connect(self._open_item)
        self.detail.undo.clicked.connect(self.undo)
        self.detail.resolve.clicked.connect(self.resolve)
        self.line.textChanged.connect(self.feed.search)
        self.export_button.clicked.connect(self.export)
        for choice in (self.outcome, self.profile):
            choice.currentIndexChanged.connect(self._filter)
        self.feed.changed.connect(self._show)
        self._show()

    def _make_bar(self) -> QWidget:
        self.line = QLineEdit()
        self.line.setPlaceholderText("Search titles, users, tasks, queues and ids   ( / )")
        self.line.setAccessibleName("Search the journal")
        self.line.setClearButtonEnabled(True)
        self.outcome, self.profile = QComboBox(), QComboBox()
        self.outcome.addItems(list(_OUTCOMES))
        self.outcome.setAccessibleName("Outcome")
        self.profile.addItem("all profiles")
        self.profile.setAccessibleName("Profile")
        self.export_button = QPushButton("Export…")
        whole = QWidget()
        bar = QHBoxLayout(whole)
        bar.setContentsMargins(theme.GAP, theme.GAP, theme.GAP, theme.GAP_S)
        bar.addWidget(self.line, 1)
        for widget in (self.profile, self.outcome, self.export_button):
            bar.addWidget(widget)
        return whole

    def commands(self) -> dict[CommandKey, Callable[[], object]]:
        """See Page."""
        return super().commands() | {
            "filter": self.line.setFocus,
            "refresh": self.feed.start,
            "detail": self.detail.table.setFocus,
            "undo": self.undo,
            "export_journal": self.export,
        }

    def undo(self) -> None:
        """Preview what takes the selected action back."""
        action = self.shown()
        if action is None:
            self._say("Select the action to undo.")
        elif action.running:
            self._say("This action is still being carried out. Stop it, or wait until it ends.")
        else:
            self._tasks.start(self._undo(action), "undo")

    def resolve(self) -> None:
        """Look for what is unknown at the selected action's profile; nothing is sent."""
        action = self.shown()
        session = self._sessions.get(action.profile) if action is not None else None
        if session is not None:
            self.detail.resolve.setEnabled(False)
            self._tasks.start(self._resolve(session), "look for unknown")

    def export(self) -> None:
        """Write the actions that are shown, with their items, into a file: JSON lines, or CSV by its name."""
        chooser = QFileDialog(self, "Export the journal", "journal.jsonl", "JSON lines (*.jsonl);;CSV (*.csv)")
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        chooser.fileSelected.connect(lambda path: self._tasks.start(self._export(Path(path)), "export journal"))
        chooser.open()

    def save_layout(self) -> None:
        """See Page."""
        super().save_layout()
        self.detail.table.save_layout()

    def showEvent(self, event: object) -> None:
        self.feed.start()

    def hideEvent(self, event: object) -> None:
        self.feed.stop()

    async def _undo(self, action: ActionRow) -> None:
        from deskq.actions.undo import undo_plan
        from deskq.views.actions.plan_dialog import StepsDialog

        session = self._sessions.get(action.profile)
        if session is None:
            self._say(f"Connect “{action.profile}” to undo this.")
            return
        try:
            plan = await ask_journal(lambda journal: undo_plan(journal, action.id), None)
        except UserError as error:
            self._say(str(error))
            return
        if plan is not None:
            StepsDialog(plan, session.profile, self.window()).open()

    async def _resolve(self, session: ProfileSession) -> None:
        from deskq.actions.resolving import resolve_unknown

        def look(journal: Journal) -> tuple[int, int]:
            found = resolve_unknown(journal, session.profile)
            return len(found), len(journal.unknown(session.profile.name))

        try:
            found, left = await ask_journal(look, (0, 0))
            self._say(f"{found:,} confirmed as done; {left:,} still unknown.")
        finally:
            self.detail.resolve.setEnabled(True)

    async def _export(self, path: Path) -> None:
        actions = self.model.rows()
        await ask_journal(lambda journal: write_actions(journal, actions, path), None)
        self._say(f"{formats.count(len(actions), 'action')} written to {path}.")

    async def _read_items(self, action: str) -> None:
        items, undoable = await self.feed.items(action)
        if action == self.key:
            self.detail.model.replace(items)
            self.detail.undo.setVisible(undoable)

    def _say(self, text: str) -> None:
        UndoOffer(formats.plain(text), None, self.window())

    def row_chosen(self, row: ActionRow) -> None:
        """See MasterDetailPage."""
        self.detail.clear()
        self._describe()

    def _describe(self) -> None:
        action = self.shown()
        self.detail.describe(action, connected=action is not None and action.profile in self._sessions)
        if action is not None:
            self._tasks.start(self._read_items(action.id), "journal items")

    def _open_item(self, index: QModelIndex) -> None:
        item = self.detail.model.row_at(index.row())
        action = self.shown()
        if item is not None and action is not None and action.verb in ("send", "retry", "revoke", "abort"):
            uuid = item.source if action.verb in ("revoke", "abort") else item.new_id
            self.request(OpenTask(action.profile, uuid))

    def _show(self) -> None:
        names = {self.profile.itemText(n) for n in range(self.profile.count())}
        self.profile.addItems(sorted({formats.plain(action.profile) for action in self.feed.actions} - names))
        self.model.replace(self.feed.actions)
        if self.shown() is None and self.model.rowCount():
            self.table.selectRow(0)
        self._describe()
        self.update_empty()

    def _filter(self, *_: object) -> None:
        outcome = self.outcome.currentText()
        profile = self.profile.currentText() if self.profile.currentIndex() > 0 else ""

        def keep(action: ActionRow) -> bool:
            right = outcome == _ALL or bool(action.outcomes.get(outcome))
            return right and (not profile or formats.plain(action.profile) == profile)

        self.model.keep_only(keep)
        self.update_empty()

    def update_empty(self) -> None:
        """See MasterDetailPage."""
        super().update_empty()
        self.detail.setVisible(bool(self.model.rowCount()))

    def words_of_nothing(self) -> tuple[str, str]:
        """See MasterDetailPage."""
        if self.feed.problem:
            return "The journal cannot be read", self.feed.problem
        if not self.feed.read_once:
            return "Reading the journal", "This can take a moment."
        if self.feed.actions or self.line.text():
            return "No action matches", "Clear the search or choose other filters."
        return "No actions yet", "Every change is written here before it is made."
