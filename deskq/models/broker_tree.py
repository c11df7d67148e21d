"""The tree at the left: every profile with its views and its queues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QModelIndex, QObject, Qt
from PySide6.QtGui import QStandardItem, QStandardItemModel

from deskq.errors import UserError
from deskq.formats import clock_time, number, plain, tooltip, total
from deskq.history.rows import QueueRow, WorkerRow
from deskq.services.session import ProfileSession

KindRole: Final = Qt.ItemDataRole.UserRole + 10
"""What the node stands for: "profile", a kind of view such as "tasks", "queue", "everything", or "problem": why the
broker is not heard."""
ProfileRole: Final = Qt.ItemDataRole.UserRole + 11
QueueRole: Final = Qt.ItemDataRole.UserRole + 12
NoteRole: Final = Qt.ItemDataRole.UserRole + 13
"""Text at the right edge: a count, or the word of the environment."""
StateRole: Final = Qt.ItemDataRole.UserRole + 14
WarnRole: Final = Qt.ItemDataRole.UserRole + 15
_VIEWS: Final = (
    ("overview", "Overview"),
    ("tasks", "Tasks"),
    ("workers", "Workers"),
    ("queues", "Queues"),
    ("schedules", "Schedules"),
    ("doctor", "Doctor"),
)
_MOST_QUEUES: Final = 500


class BrokerTree(QStandardItemModel):
    """Profiles and what belongs to them; follows their sessions."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._sessions: dict[str, ProfileSession] = {}
        self._nodes: dict[str, QStandardItem] = {}
        self._everything = _item("All brokers", "everything", "")
        self._schedules = _item("All schedules", "all-schedules", "")
        self._journal = _item("Journal", "journal", "")

    def add(self, session: ProfileSession) -> None:
        """Show a profile."""
        name = session.profile.name
        node = _item(plain(name), "profile", name)
        node.setData(session.profile.environment.short if session.profile.has_broker else "FILE", NoteRole)
        for kind, title in _VIEWS:
            node.appendRow(_item(title, kind, name))
        if not self._sessions:
            self.appendRow([self._journal])
        self._sessions[name], self._nodes[name] = session, node
        self.insertRow(self._journal.row(), [node])
        if len(self._sessions) == 2:
            self.insertRow(0, [self._everything])
            self.insertRow(1, [self._schedules])
        session.status_changed.connect(lambda: self._show_status(session))
        session.revision_moved.connect(lambda: self._refresh(session))
        self._show_status(session)

    def remove(self, name: str) -> None:
        """No longer show a profile."""
        node = self._nodes.pop(name, None)
        self._sessions.pop(name, None)
        if node is not None:
            self.removeRow(node.row())
        if len(self._sessions) == 1:
            self.takeRow(self._everything.row())
            self.takeRow(self._schedules.row())
            self._everything = _item("All brokers", "everything", "")
            self._schedules = _item("All schedules", "all-schedules", "")
        if not self._sessions:
            self.takeRow(self._journal.row())
            self._journal = _item("Journal", "journal", "")

    def index_of(self, profile: str, kind: str, queue: str = "") -> QModelIndex:
        """Return the node of a view, of a queue, or of a profile itself."""
        overall = {"everything": self._everything, "all-schedules": self._schedules, "journal": self._journal}.get(kind)
        if overall is not None:
            return overall.index()
        node = self._nodes.get(profile)
        if node is None:
            return QModelIndex()
        for row in range(node.rowCount()):
            child = node.child(row)
            if child.data(KindRole) == kind:
                return child.index()
            if kind == "queue" and child.data(KindRole) == "queues":
                for line in range(child.rowCount()):
                    if child.child(line).data(QueueRole) == queue:
                        return child.child(line).index()
        return node.index()

    def queues_of(self, profile: str) -> list[str]:
        """Return the queues of a profile, as they are written."""
        queues = self.itemFromIndex(self.index_of(profile, "queues"))
        return [queues.child(row).text() for row in range(queues.rowCount())]

    def _show_status(self, session: ProfileSession) -> None:
        node = self._nodes.get(session.profile.name)
        if node is None:
            return
        state = "stopped" if not session.connected else (session.status.state if session.status else "connecting")
        if session.problem:
            state = "disconnected"
        _set(node, StateRole, state)
        place = session.profile.url
        _set(node, Qt.ItemDataRole.ToolTipRole, tooltip("\n".join(part for part in (place, session.problem) if part)))
        self._show_problem(node, session)

    def _show_problem(self, node: QStandardItem, session: ProfileSession) -> None:
        """The first line below a profile says since when and why it is not heard, or why figures are missing."""
        there = node.child(0).data(KindRole) == "problem"
        problem = session.problem or session.sampling_problem
        if not problem or not session.connected:
            if there:
                node.removeRow(0)
            return
        if not there:
            node.insertRow(0, [_item("", "problem", session.profile.name)])
        line = node.child(0)
        since = session.status.since if session.status is not None and session.status.state != "recording" else None
        text = f"since {clock_time(since)}: {problem}" if since else problem
        _set(line, Qt.ItemDataRole.DisplayRole, plain(text))
        _set(line, Qt.ItemDataRole.ToolTipRole, tooltip(text))
        _set(line, WarnRole, True)

    def _refresh(self, session: ProfileSession) -> None:
        session.spawn(self._read(session), "tree")

    async def _read(self, session: ProfileSession) -> None:
        try:
            workers, queues = await session.ask(lambda reader: (reader.workers(), reader.queues()), slot="tree")
        except UserError:
            return
        node = self._nodes.get(session.profile.name)
        if node is not None:
            self._show(node, workers, queues, session)

    def _show(
        self, node: QStandardItem, workers: Sequence[WorkerRow], queues: Sequence[QueueRow], session: ProfileSession
    ) -> None:
        for row in range(node.rowCount()):
            child = node.child(row)
            if child.data(KindRole) == "workers":
                online = sum(worker.online for worker in workers)
                some = f"{online} of {len(workers)}" if online != len(workers) else number(online)
                _set(child, NoteRole, some if workers or session.workers_known else "")
                _set(child, WarnRole, bool(workers) and not any(worker.online or worker.unknown for worker in workers))
            elif child.data(KindRole) == "queues":
                self._show_queues(child, queues, str(node.data(ProfileRole)))

    def _show_queues(self, parent: QStandardItem, queues: Sequence[QueueRow], profile: str) -> None:
        wanted = {queue.name: queue for queue in queues[:_MOST_QUEUES]}
        for row in reversed(range(parent.rowCount())):
            if parent.child(row).data(QueueRole) not in wanted:
                parent.removeRow(row)
        there = {parent.child(row).data(QueueRole): parent.child(row) for row in range(parent.rowCount())}
        for row, (name, queue) in enumerate(wanted.items()):
            item = there.get(name)
            if item is None:
                item = _item(plain(name), "queue", profile)
                item.setData(name, QueueRole)
                parent.insertRow(row, [item])  # alone, it would stay Python's and vanish
            _set(item, NoteRole, number(queue.ready))
            warn = queue.no_consumer and bool(queue.ready)
            _set(item, WarnRole, warn)
            tip = f"{number(queue.ready)} ready, {number(queue.unacked)} unacked"
            note = "\nDoes not exist" if not queue.exists else "\nNo consumer" if queue.no_consumer else ""
            _set(item, Qt.ItemDataRole.ToolTipRole, tip + note)
        _set(parent, NoteRole, "" if not queues else total(queue.ready for queue in queues if queue.exists))


def _item(text: str, kind: str, profile: str) -> QStandardItem:
    item = QStandardItem(text)
    item.setEditable(False)
    item.setData(kind, KindRole)
    item.setData(profile, ProfileRole)
    return item


def _set(item: QStandardItem, role: int, value: object) -> None:
    """Change a role only if it differs: every change is a repaint."""
    if item.data(role) != value:
        item.setData(value, role)
