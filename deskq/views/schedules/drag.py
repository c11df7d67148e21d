"""Dragging schedules: the table that they leave, and the bar of stores that they are dropped on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QEvent, QMimeData, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QDrag, QDropEvent, QPalette
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QMenu, QPushButton, QSizePolicy, QWidget

from deskq import formats
from deskq.models.json_mime import json_in, json_mime
from deskq.models.table.columns import Column
from deskq.profiles import Environment
from deskq.services.schedules.following import Schedules
from deskq.services.schedules.shown import ShownSchedule
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import LineLabel
from deskq.views.widgets.tables import Table
from deskq.views.widgets.task_drop import drag_picture

if TYPE_CHECKING:
    from deskq.schedules.profile_reader import StoreState

MIME: Final = "application/x-deskq-schedules"
Place = tuple[str, str]
"""A profile's name, and the URL of one of its stores without password."""
_ROOM_FOR_WORDS: Final = 180
_NARROWEST: Final = 70


class ScheduleTable(Table):
    """A table of schedules whose selected rows can be dragged onto a store."""

    def __init__(self, name: str, columns: tuple[Column[ShownSchedule], ...]) -> None:
        super().__init__(name, columns)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)

    def selected_schedules(self) -> list[ShownSchedule]:
        """Return the selected ones from the top."""
        model: Any = self.model()
        return [row for line in self.selected_lines() if (row := model.row_at(line)) is not None]

    def startDrag(self, actions: Qt.DropAction) -> None:
        chosen = self.selected_schedules()
        if chosen:
            drag = QDrag(self)
            drag.setMimeData(mime_of(chosen))
            drag.setPixmap(drag_picture(formats.count(len(chosen), "schedule"), self))
            drag.setHotSpot(QPoint(-12, -8))
            drag.exec(Qt.DropAction.CopyAction | Qt.DropAction.MoveAction)


def mime_of(chosen: Sequence[ShownSchedule]) -> QMimeData:
    """Return schedules as they travel: by what tells them apart, with their names for every other program."""
    places = [[name, list(key)] for name, key in (one.place for one in chosen)]
    return json_mime(MIME, places, "\n".join(one.entry.name for one in chosen))


def schedules_in(data: QMimeData) -> list[tuple[str, tuple[str, str]]] | None:
    """Return what tells the dragged schedules apart, None if it is something else."""
    try:
        places = [(name, (url, key)) for name, (url, key) in json_in(data, MIME)]
    except (ValueError, TypeError):
        return None
    if not all(isinstance(part, str) for name, key in places for part in (name, *key)):
        return None
    return places


class StoreChips(QWidget):
    """The stores as buttons, where there are several: a click shows one alone, and schedules are dropped on them.

    ``only``: the store that is shown alone. ``dropped``: place of the store, what tells the schedules apart, and
    "copy" or "move", as the person chose from a menu at the drop.
    """

    chosen = Signal()
    dropped = Signal(tuple, list, str)

    def __init__(self) -> None:
        super().__init__()
        self.only: Place | None = None
        self.buttons: dict[Place, QPushButton] = {}
        self._states: dict[Place, StoreState] = {}
        self._closed: dict[Place, str] = {}
        self._titles: dict[Place, str] = {}
        self._environments: dict[Place, Environment] = {}  # where the profiles are several
        self._said = LineLabel(muted=True)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(theme.GAP, 0, theme.GAP, theme.GAP_S)
        self._row.addWidget(self._said, 1)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # many stores do not widen the window
        self.hide()

    def show_stores(self, followed: Iterable[Schedules]) -> None:
        """Show the stores that were read."""
        schedules = list(followed)
        several = len(schedules) > 1
        before = list(self._states)
        self._states.clear()
        self._closed.clear()
        self._environments.clear()
        for each in schedules:
            profile = each.session.profile
            for state in each.stores:
                if state.store is not None:
                    place = (profile.name, state.store.url)
                    self._states[place] = state
                    if several:
                        self._environments[place] = profile.environment
                    closed = f"“{profile.name}” is read-only" if profile.read_only or not profile.has_broker else ""
                    self._closed[place] = closed or state.store.abilities.why_not
        if before != list(self._states):
            self._make_buttons()
        for place, button in self.buttons.items():
            state = self._states[place]
            title = state.title
            if several:  # the word comes first: what is shortened is the middle
                title = f"{self._environments[place].short} · {place[0]}: {title}"
            self._titles[place] = formats.plain(title)
            told = self._closed[place] or "Drop schedules here to copy or move them into this store."
            button.setToolTip(formats.tooltip(f"{title}\nShow only this store. {told}"))
            button.setAccessibleName(self._titles[place])
            button.setChecked(place == self.only)
        self._colour()
        self._fit()
        self.setVisible(len(self._states) > 1)

    def resizeEvent(self, event: object) -> None:
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:  # light or dark
            self._colour()
        super().changeEvent(event)

    def _colour(self) -> None:
        """Give each store the colour of its profile's environment, whose word stands in its title."""
        for place, button in self.buttons.items():
            palette = QPalette()
            if place in self._environments:
                colour = theme.environment_colour(self._environments[place])
                palette.setColor(QPalette.ColorRole.ButtonText, colour)
            button.setPalette(palette)

    def _fit(self) -> None:
        """Shorten the titles to the room that there is."""
        room = self.width() - 2 * theme.GAP - _ROOM_FOR_WORDS
        share = max(_NARROWEST, room // max(len(self.buttons), 1) - 4 * theme.GAP)
        for place, button in self.buttons.items():
            title = button.fontMetrics().elidedText(self._titles[place], Qt.TextElideMode.ElideMiddle, share)
            state = self._states[place]
            rest = "" if state.expected is None else f" of {state.expected:,}"
            button.setText(f"{title}   {state.count:,}{rest}".replace("&", "&&"))

    def add_to(
        self,
        menu: QMenu,
        chosen: Sequence[ShownSchedule],
        then: Callable[[Place, list[tuple[str, Any]], str], object],
    ) -> None:
        """Offer in a menu what a drop does."""
        moved = [one.place for one in chosen]
        targets = [place for place in self._states if not self.refusal(place, moved)]
        for verb in ("copy", "move"):
            if targets:
                sub = menu.addMenu(f"{verb.capitalize()} to")
                for place in targets:
                    action = sub.addAction(f"{self._titles[place]}…".replace("&", "&&"))
                    action.triggered.connect(partial(_choose, then, place, moved, verb))

    def refusal(self, target: Place, moved: Sequence[tuple[str, tuple[str, str]]]) -> str:
        """Return why these cannot be dropped on a store, "" if they can."""
        if all((name, key[0]) == target for name, key in moved):
            return "Already in this store"
        return self._closed.get(target, "The store no longer exists")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        place = next((place for place, button in self.buttons.items() if button is watched), None)
        if place is None:
            return super().eventFilter(watched, event)
        if event.type() == QEvent.Type.DragLeave:
            self._said.setText("")
            return True
        if not isinstance(event, QDropEvent):
            return super().eventFilter(watched, event)
        moved = schedules_in(event.mimeData())
        if moved is None:
            event.ignore()
            return True
        refusal = self.refusal(place, moved)
        title, number = self._titles[place], formats.count(len(moved), "schedule")
        self._said.setText(f"{refusal}." if refusal else f"Copy or move {number} to {title}")
        if refusal:
            event.ignore()
            return True
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        if event.type() == QEvent.Type.Drop:
            self._said.setText("")
            self.offer(place, moved).popup(self.buttons[place].mapToGlobal(event.position().toPoint()))
        return True

    def offer(self, place: Place, moved: list[tuple[str, tuple[str, str]]]) -> QMenu:
        """Return the menu that a drop opens: a move is not to be made by a slip of the hand."""
        menu = QMenu(self)
        for verb in ("copy", "move"):
            action = menu.addAction(f"{verb.capitalize()} here…")
            action.triggered.connect(partial(_choose, self.dropped.emit, place, moved, verb))
        menu.addSeparator()
        menu.addAction("Cancel")
        menu.aboutToHide.connect(menu.deleteLater)
        return menu

    def _make_buttons(self) -> None:
        for button in self.buttons.values():
            self._row.removeWidget(button)
            button.deleteLater()
        self.buttons.clear()
        if self.only not in self._states:
            self.only = None
        for number, place in enumerate(self._states):
            button = QPushButton()
            theme.checkable(button)
            button.setAutoDefault(False)
            button.setAcceptDrops(True)
            button.installEventFilter(self)
            button.clicked.connect(lambda shown, place=place: self._clicked(place, shown))
            self.buttons[place] = button
            self._row.insertWidget(number, button)

    def _clicked(self, place: Place, shown: bool) -> None:
        self.only = place if shown else None
        for other, button in self.buttons.items():
            button.setChecked(other == self.only)
        self.chosen.emit()


def _choose(then: Callable[..., object], place: Place, moved: list[Any], verb: str, _checked: bool = False) -> None:
    then(place, moved, verb)
