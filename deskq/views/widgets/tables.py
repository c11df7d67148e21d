"""Tables: set up once and alike, drawn by one delegate, with columns that people choose and that are remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QAction,
    QBrush,
    QColor,
    QContextMenuEvent,
    QFontMetrics,
    QHelpEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHeaderView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionHeader,
    QStyleOptionViewItem,
    QTableView,
    QToolTip,
    QWidget,
)

from deskq.formats import plain, tooltip
from deskq.models.table.columns import Column, ExactRole, GapRole, RowRole
from deskq.views.widgets import theme, window_state
from deskq.views.widgets.still_rows import StillRows

ROW_HEIGHT: Final = 1.6
_SPARK_WIDTH: Final = 72
# Looked up once: an enum of Qt costs more to reach than to use, and these are used for every cell.
_SELECTED: Final = QStyle.StateFlag.State_Selected.value
_CHOSEN_OR_UNDER_MOUSE: Final = _SELECTED | QStyle.StateFlag.State_MouseOver.value
_PANEL: Final = QStyle.PrimitiveElement.PE_PanelItemViewItem
_SINGLE_LINE: Final = Qt.TextFlag.TextSingleLine.value
_WORD: Final = _SINGLE_LINE | Qt.AlignmentFlag.AlignRight.value | Qt.AlignmentFlag.AlignVCenter.value
_TEXT, _HIGHLIGHTED_TEXT = QPalette.ColorRole.Text, QPalette.ColorRole.HighlightedText
_MIDDLE, _RIGHT = Qt.TextElideMode.ElideMiddle, Qt.TextElideMode.ElideRight
_GAP_HEIGHT: Final = 6
Index = QModelIndex | QPersistentModelIndex


class CellDelegate(QStyledItemDelegate):
    """Draws a state's dot before its word and a line of depths before a number; text is always plain.

    A cell whose row is there is written from the row by its column: asking the model for every role of every cell,
    as Qt's own delegate does, takes ten times as long.
    """

    def __init__(self, columns: tuple[Column[Any], ...], parent: QWidget) -> None:
        super().__init__(parent)
        self._columns = columns
        self._alignments = [column.alignment.value | _SINGLE_LINE for column in columns]
        self._widest = parent.fontMetrics().horizontalAdvance("W")  # no ASCII text needs more for each character
        self._margin = parent.style().pixelMetric(QStyle.PixelMetric.PM_FocusFrameHMargin) + 1

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        column = self._columns[index.column()]
        if column.mono:
            option.font = theme.mono_font()
            option.textElideMode = Qt.TextElideMode.ElideMiddle
        option.state &= ~QStyle.StateFlag.State_HasFocus

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = index.data(RowRole)
        looks = option.state.value
        if row is None and index.data() is not None:  # a line that is no row
            super().paint(painter, option, index)
            return
        if looks & _CHOSEN_OR_UNDER_MOUSE:
            widget = option.widget
            widget.style().drawPrimitive(_PANEL, option, painter, widget)
        if row is None:  # not read yet: asking for its text had the model fetch it
            return
        number = index.column()
        column = self._columns[number]
        state = column.state(row) if column.state is not None else None
        spark = column.spark(row) if column.spark is not None else None
        area = option.rect
        if state or spark:
            area = area.adjusted(theme.GAP, 0, -theme.GAP_S, 0)
            painter.save()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            if spark:
                draw_spark(painter, QRect(area.left(), area.top() + 4, _SPARK_WIDTH, area.height() - 8), spark)
                area.setLeft(area.left() + _SPARK_WIDTH + theme.GAP_S)
            if state:
                draw_dot(painter, area, state)
                area.setLeft(area.left() + 14)
            painter.restore()
        else:
            area = area.adjusted(self._margin, 0, -self._margin, 0)
        text = column.text(row)
        if not text:
            if column.strip is not None:
                draw_strip(painter, area, column.strip(row))
            return
        if column.environment is not None:
            word = column.environment(row).short
            painter.setPen(theme.environment_colour(column.environment(row)))
            painter.drawText(area, _WORD, word)
            area = area.adjusted(0, 0, -option.fontMetrics.horizontalAdvance(word) - theme.GAP, 0)
            text = text.removesuffix(word).rstrip(" ·")
        if state:
            painter.setPen(theme.state_colour(state))
        else:
            painter.setPen(option.palette.color(_HIGHLIGHTED_TEXT if looks & _SELECTED else _TEXT))
        if column.mono:
            font = theme.mono_font()
            text = QFontMetrics(font).elidedText(text, _MIDDLE, area.width())
            painter.setFont(font)
            painter.drawText(area, self._alignments[number], text)
            painter.setFont(option.font)
            return
        if len(text) * self._widest > area.width() or not text.isascii():
            text = option.fontMetrics.elidedText(text, _RIGHT, area.width())
        painter.drawText(area, self._alignments[number], text)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(80, round(option.fontMetrics.height() * ROW_HEIGHT))


def draw_dot(painter: QPainter, area: QRect, state: str) -> None:
    """Draw a state's dot at the left of an area: filled, a ring while waiting, hatched when lost."""
    colour = theme.state_colour(state)
    group = state if state in theme.STATE_COLOURS else theme.state_group(state)
    middle = QPoint(area.left() + 4, area.center().y() + 1)
    painter.setPen(QPen(colour, 1.5))
    if group == "waiting":
        painter.setBrush(Qt.BrushStyle.NoBrush)
    elif group == "lost":
        painter.setBrush(QBrush(colour, Qt.BrushStyle.BDiagPattern))
    else:
        painter.setBrush(colour)
    painter.drawEllipse(middle, 4, 4)


class StateDot(QWidget):
    """Shows nothing until it is given a state, or the group of one. ``left``: pixels before the dot."""

    def __init__(self, width: int, left: int) -> None:
        super().__init__()
        self._left = left
        self._state = ""
        self.setFixedSize(width, 16)

    def show_state(self, state: str) -> None:
        """Paint it as this state, or not at all."""
        if state != self._state:
            self._state = state
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._state:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            draw_dot(painter, QRect(self._left, 0, 12, 16), self._state)


def draw_strip(painter: QPainter, area: QRect, states: tuple[str, ...]) -> None:
    """Draw a block for each state from the left: high where it went wrong, low where it went well."""
    height = area.height() - 10
    for number, state in enumerate(states):
        x = area.left() + number * 7
        if x + 5 > area.right():
            return
        tall = height if theme.state_group(state) != "success" else height // 2
        painter.fillRect(x, area.bottom() - 4 - tall, 5, tall, theme.state_colour(state))


def draw_spark(painter: QPainter, area: QRect, values: tuple[int | None, ...]) -> None:
    """Draw numbers as a line; what is not known is a hole."""
    highest = max((value for value in values if value is not None), default=0) or 1
    step = area.width() / max(len(values) - 1, 59)
    line = QPolygonF()
    colour = QColor(theme.state_colour("running"))
    painter.setPen(QPen(colour, 1.2))
    offset = area.width() - step * (len(values) - 1)
    for number, value in enumerate([*values, None]):
        if value is None:
            if line.size() == 1:
                point = line.at(0)
                painter.drawPoint(point)
            elif line.size() > 1:
                painter.drawPolyline(line)
            line = QPolygonF()
            continue
        x = area.left() + offset + number * step
        line.append(QRectF(x, area.bottom() - value / highest * area.height(), 0, 0).topLeft())


class SortedHeader(QHeaderView):
    """A header whose sort arrow stands beside the title: that of a number's column moves to the left for it."""

    def initStyleOptionForIndex(self, option: QStyleOptionHeader, section: int) -> None:
        super().initStyleOptionForIndex(option, section)
        if self.isSortIndicatorShown() and section == self.sortIndicatorSection():
            option.textAlignment = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


class Table(QTableView):
    """The table that all views use. ``name``: under which its layout is remembered."""

    def __init__(self, name: str, columns: tuple[Column[Any], ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.columns = columns
        self.name = name
        self.menu: Callable[[], QMenu] | None = None  # what can be done with the selected rows
        self.copies_rows: Callable[[], None] | None = None  # a model that holds not all of its rows copies otherwise
        self.setItemDelegate(CellDelegate(columns, self))
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setFrameShape(QTableView.Shape.NoFrame)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(round(self.fontMetrics().height() * ROW_HEIGHT))
        header = SortedHeader(Qt.Orientation.Horizontal, self)
        header.setSectionsClickable(True)
        self.setHorizontalHeader(header)
        header.setSectionsMovable(True)
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._choose_columns)
        StillRows(self)

    def lay_out(self) -> None:
        """Give the columns their widths and places, as they were left; call it when the model is set."""
        scale = self.fontMetrics().height() / 15
        for number, column in enumerate(self.columns):
            self.setColumnWidth(number, round(column.width * scale))
            self.setColumnHidden(number, not column.shown)
        saved = window_state.load(f"table/{self.name}")
        if saved is not None:
            self.horizontalHeader().restoreState(saved)

    def save_layout(self) -> None:
        """Remember widths, order, hidden columns and sort."""
        window_state.save(f"table/{self.name}", self.horizontalHeader().saveState())

    def selected_lines(self) -> list[int]:
        """Return the selected rows, from the top; the current one if none is."""
        selection = self.selectionModel()
        lines = sorted({index.row() for index in selection.selectedRows()})
        current = self.currentIndex()
        if not lines and current.isValid() and current.flags() & Qt.ItemFlag.ItemIsSelectable:
            lines = [current.row()]
        return lines

    def open_menu(self, place: QPoint | None = None) -> None:
        """Open the menu of the selected rows, at a place of the screen or below the current row; none without a row."""
        if self.menu is not None and self.selected_lines():
            menu = self.menu()
            menu.aboutToHide.connect(menu.deleteLater)
            below = self.visualRect(self.currentIndex()).bottomLeft()
            menu.popup(place if place is not None else self.viewport().mapToGlobal(below))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """A click is meant for the row below it: it selects that one, and beside all rows there is no menu."""
        if event.reason() != QContextMenuEvent.Reason.Mouse:
            self.open_menu()
            return
        index = self.indexAt(event.pos())
        if index.isValid() and index.flags() & Qt.ItemFlag.ItemIsSelectable:
            if not self.selectionModel().isSelected(index):
                self.selectRow(index.row())
            self.open_menu(event.globalPos())

    def copy_cell(self) -> None:
        """Copy the current cell in full."""
        index = self.currentIndex()
        if index.isValid():
            copy_text(str(index.data(ExactRole) or ""))

    def copy_rows(self) -> None:
        """Copy the selected rows, tab-separated, with the shown columns."""
        shown = self.shown_columns()
        model = self.model()
        lines = ["\t".join(self.columns[number].title for number in shown)]
        for line in self.selected_lines():
            cells = (model.index(line, number).data(ExactRole) for number in shown)
            lines.append("\t".join(plain(str(cell or "")) for cell in cells))
        copy_text("\n".join(lines))

    def shown_columns(self) -> list[int]:
        """Return the columns that are shown, from the left."""
        header = self.horizontalHeader()
        places = [header.logicalIndex(place) for place in range(header.count())]
        return [number for number in places if not self.isColumnHidden(number)]

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        self._draw_gaps()

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            text = self.gap_at(event.pos().y())
            if text:
                QToolTip.showText(event.globalPos(), tooltip(text), self.viewport())
                return True
        return super().viewportEvent(event)

    def gap_at(self, y: int) -> str:
        """Return what the hatched line at this height of the viewport stands for, "" if there is none."""
        line = self.rowAt(y)
        for row in (line, line - 1):
            if row >= 0 and abs(self.rowViewportPosition(row) + self.rowHeight(row) - y) <= _GAP_HEIGHT:
                text = self.model().index(row, 0).data(GapRole)
                if text:
                    return str(text)
        return ""

    def _draw_gaps(self) -> None:
        """Hatch the border between two rows between which events were lost: one question for each row in sight."""
        model = self.model()
        first = self.rowAt(0)
        if first < 0:
            return
        last = self.rowAt(self.viewport().height() - 1)
        rows = range(first, (last if last >= 0 else model.rowCount() - 1) + 1)
        marked = [row for row in rows if model.index(row, 0).data(GapRole)]
        if marked:
            painter = QPainter(self.viewport())
            brush = QBrush(theme.state_colour("lost"), Qt.BrushStyle.BDiagPattern)
            for row in marked:
                edge = self.rowViewportPosition(row) + self.rowHeight(row)
                area = QRect(0, edge - _GAP_HEIGHT // 2, self.viewport().width(), _GAP_HEIGHT)
                painter.fillRect(area, self.palette().base())
                painter.fillRect(area, brush)

    def keyPressEvent(self, event: Any) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            (self.copies_rows or self.copy_rows)() if len(self.selected_lines()) > 1 else self.copy_cell()
            return
        if event.key() in (Qt.Key.Key_J, Qt.Key.Key_K) and not event.modifiers():
            line = self.currentIndex().row() + (1 if event.key() == Qt.Key.Key_J else -1)
            if 0 <= line < self.model().rowCount():
                self.selectRow(line)
            return
        super().keyPressEvent(event)

    def _choose_columns(self, place: QPoint) -> None:
        menu = QMenu(self)
        for number, column in enumerate(self.columns):
            action = QAction(column.title, menu, checkable=True, checked=not self.isColumnHidden(number))
            action.toggled.connect(lambda shown, number=number: self._show_column(number, shown))
            menu.addAction(action)
        menu.popup(self.horizontalHeader().mapToGlobal(place))
        menu.aboutToHide.connect(menu.deleteLater)

    def _show_column(self, number: int, shown: bool) -> None:
        self.setColumnHidden(number, not shown)
        if shown and self.columnWidth(number) < 20:
            self.setColumnWidth(number, self.columns[number].width)
        self.save_layout()


def copy_text(text: str) -> None:
    """Put text on the clipboard."""
    QApplication.clipboard().setText(text)
