"""What was missed and what was not understood: the gaps of a session's history, and the malformed deliveries."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QModelIndex, Qt, QTimer
from PySide6.QtWidgets import QDialog, QPlainTextEdit, QSplitter, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from deskq import formats
from deskq.errors import UserError
from deskq.history.reading.reader import HistoryReader
from deskq.history.rows import Gap, MalformedRow
from deskq.models.table.columns import Column
from deskq.models.table.model import TableModel
from deskq.services.session import ProfileSession
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import EmptyPane
from deskq.views.widgets.tables import Table

MOST_ROWS: Final = 1_000
_REFRESH_MS: Final = 1_000
Answer = tuple[list[Gap], list[MalformedRow], float]

GAP_COLUMNS: Final[tuple[Column[Gap], ...]] = (
    Column(
        "started",
        "Since",
        "Start of the gap",
        lambda gap: formats.clock_time(gap.started),
        lambda gap: gap.started,
        width=120,
        exact=lambda gap: formats.exact_time(gap.started),
    ),
    Column(
        "ended",
        "Until",
        "End of the gap",
        lambda gap: "ongoing" if gap.ended is None else formats.clock_time(gap.ended),
        lambda gap: gap.ended if gap.ended is not None else float("inf"),
        width=120,
        exact=lambda gap: formats.exact_time(gap.ended),
    ),
    Column(
        "duration",
        "Duration",
        "Length of the gap",
        lambda gap: formats.NONE if gap.ended is None else formats.duration(max(0.0, gap.ended - gap.started)),
        lambda gap: float("inf") if gap.ended is None else gap.ended - gap.started,
        numeric=True,
        width=100,
    ),
    Column(
        "estimate",
        "Lost",
        "Estimated number of lost events, if known",
        lambda gap: formats.number(gap.estimate),
        lambda gap: gap.estimate,
        numeric=True,
        width=80,
    ),
    Column("cause", "Cause", "Cause of the gap", lambda gap: formats.plain(gap.cause), width=420),
)

MALFORMED_COLUMNS: Final[tuple[Column[MalformedRow], ...]] = (
    Column(
        "at",
        "Time",
        "Time of receipt",
        lambda row: formats.clock_time(row.at),
        lambda row: (row.at, row.id),
        width=120,
        exact=lambda row: formats.exact_time(row.at),
    ),
    Column(
        "size",
        "Size",
        "Size of the whole delivery",
        lambda r: formats.byte_size(r.size),
        lambda r: r.size,
        True,
        width=90,
    ),
    Column(
        "reason", "Reason", "Why the delivery could not be decoded", lambda row: formats.plain(row.reason), width=560
    ),
)


class StreamLog(QDialog):
    """Not modal; follows the history while it is open."""

    @classmethod
    def show_of(cls, session: ProfileSession, parent: QWidget) -> None:
        """Show that of a profile, the one that is open if one is."""
        log = next((log for log in parent.findChildren(cls) if log.session is session), None) or cls(session, parent)
        log.show()
        log.raise_()

    @classmethod
    def close_of(cls, profile: str, parent: QWidget) -> None:
        """Close that of a profile, if it is open."""
        for log in parent.findChildren(cls):
            if log.session.profile.name == profile:
                log.close()

    def __init__(self, session: ProfileSession, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Gaps and malformed deliveries — {session.profile.name}")
        self.session = session
        self._closed = False
        self.gaps = TableModel(GAP_COLUMNS, lambda gap: gap.id, self, sort="started", descending=True)
        self.malformed = TableModel(MALFORMED_COLUMNS, lambda row: row.id, self, sort="at", descending=True)
        self.gap_table = _table("gaps", GAP_COLUMNS, self.gaps)
        self.malformed_table = _table("malformed", MALFORMED_COLUMNS, self.malformed)
        self.no_gaps = EmptyPane("No gaps", "")
        self.none_malformed = EmptyPane("Nothing malformed", "deskq could decode every delivery of the event stream.")
        self.bytes = QPlainTextEdit()
        self.bytes.setReadOnly(True)
        self.bytes.setFont(theme.mono_font())
        self.bytes.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.bytes.setAccessibleName("Bytes of the selected delivery")
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self.malformed_table)
        split.addWidget(self.bytes)
        split.setChildrenCollapsible(False)
        self._stacks = (_stack(self.gap_table, self.no_gaps), _stack(split, self.none_malformed))
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self._stacks[0], "Gaps")
        self.tabs.addTab(self._stacks[1], "Malformed")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs)
        self.resize(900, 520)
        self.malformed_table.selectionModel().currentRowChanged.connect(self._selected)
        self._pause = QTimer(self, singleShot=True, interval=0)
        self._pause.timeout.connect(self._ask)
        session.revision_moved.connect(self._moved)
        self._ask()

    def done(self, result: int) -> None:
        self._closed = True
        self.gap_table.save_layout()
        self.malformed_table.save_layout()
        super().done(result)

    def _moved(self) -> None:
        if not self._pause.isActive():
            self._pause.start()

    def _ask(self) -> None:
        self._pause.setInterval(_REFRESH_MS)
        self.session.spawn(self._read(), "stream log", self)

    async def _read(self) -> None:
        try:
            gaps, malformed, created = await self.session.ask(read_log, slot="stream log")
        except UserError as error:
            if not self._closed:
                self.no_gaps.say("The history cannot be read", str(error))
            return
        if self._closed:
            return
        self.no_gaps.say("No gaps", f"No gaps since {formats.clock_time(created)}.")
        self.gaps.replace(gaps)
        self.malformed.replace(malformed)
        for number, (title, count) in enumerate((("Gaps", len(gaps)), ("Malformed", len(malformed)))):
            self.tabs.setTabText(number, f"{title} {count:,}{'+' if count >= MOST_ROWS else ''}" if count else title)
            self._stacks[number].setCurrentIndex(0 if count else 1)
        if malformed and not self.malformed_table.currentIndex().isValid():
            self.malformed_table.selectRow(0)

    def _selected(self, current: QModelIndex, _previous: QModelIndex) -> None:
        row = self.malformed.row_at(current.row()) if current.isValid() else None
        self.bytes.setPlainText(dump(row) if row is not None else "")


def read_log(reader: HistoryReader) -> Answer:
    """Return the newest gaps, the newest malformed deliveries, and when the history begins; for the reader thread."""
    return reader.gaps()[-MOST_ROWS:], reader.malformed(MOST_ROWS), reader.created()


def dump(row: MalformedRow) -> str:
    """Return the kept bytes as lines of offset, hexadecimal digits and printable ASCII."""
    lines = []
    for offset in range(0, len(row.raw), 16):
        piece = row.raw[offset : offset + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in piece)
        lines.append(f"{offset:06x}  {piece.hex(' '):<47}  {text}")
    if row.size > len(row.raw):
        lines.append(f"… the first {len(row.raw):,} of {row.size:,} bytes are kept")
    return "\n".join(lines)


def _table(name: str, columns: tuple[Column[Gap], ...] | tuple[Column[MalformedRow], ...], model: object) -> Table:
    table = Table(name, columns)
    table.setModel(model)  # type: ignore[arg-type]
    table.lay_out()
    return table


def _stack(filled: QWidget, empty: QWidget) -> QStackedWidget:
    stack = QStackedWidget()
    stack.addWidget(filled)
    stack.addWidget(empty)
    stack.setCurrentIndex(1)
    return stack
