"""The filter of the task table: one line in the filter language, a menu of facets, a span of time, counts by state.

While the text is not understood, the table keeps the previous filter, and a sentence below the field says so.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any, Final

from PySide6.QtCore import QEvent, QStringListModel, Qt, QTimer, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QComboBox,
    QCompleter,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from deskq.formats import number, plain
from deskq.history.reading.filter_language import FIELDS, FilterError, doubts_about_states, filter_text, parse, unparse
from deskq.history.reading.task_filter import TaskFilter
from deskq.history.rows import Facets, StateCounts
from deskq.protocol.task_states import RUNNING, STATE_WORDS, STATES_OF_GROUP
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import plain_label

SPANS: Final = (
    ("All time", None),
    ("Last 15 min", 900.0),
    ("Last hour", 3_600.0),
    ("Last 6 hours", 21_600.0),
    ("Last 24 hours", 86_400.0),
    ("Last 7 days", 604_800.0),
)
_FACETS: Final = (("State", "states"), ("Task", "names"), ("Queue", "queues"), ("Worker", "workers"))
_HELP: Final = "\n".join(
    [
        *(f"{key}:{field.example} – {field.tip}" for key, field in FIELDS.items()),
        "since:15m – first seen within this time span: 90s, 15m, 6h or 7d",
        "Other text is searched for in id, name, arguments and exception.",
        'Quotes make anything literal text: "note: x".',
    ]
)


class FilterBar(QWidget):
    """Emits ``changed`` with a TaskFilter (without its span) and the span in seconds, or None.

    ``trouble`` is why the line is not understood, ``doubt`` what is odd about one that is; each is "" or a sentence,
    and ``told`` comes when one changes.
    """

    changed = Signal(object, object)
    told = Signal()
    pause_toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._facets: Facets | None = None
        self.trouble = self.doubt = ""
        outer = QVBoxLayout(self)
        outer.setContentsMargins(theme.GAP, theme.GAP, theme.GAP, theme.GAP_S)
        outer.setSpacing(theme.GAP_S)
        layout = QHBoxLayout()
        layout.setSpacing(theme.GAP)
        outer.addLayout(layout)
        self.said = plain_label(wrap=True)
        self.said.hide()
        outer.addWidget(self.said)
        self.line = QLineEdit()
        self.line.setPlaceholderText("Filter: state:FAILURE task:mail.* queue:emails runtime:>1, or any text   ( / )")
        self.line.setToolTip(_HELP)
        self.line.setAccessibleName("Filter")
        self.line.setClearButtonEnabled(True)
        self.line.addAction(theme.icon("search"), QLineEdit.ActionPosition.LeadingPosition)
        self._words = QStringListModel(self)
        completer = QCompleter(self._words, self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setWidget(self.line)
        completer.activated.connect(self._complete)
        self._completer = completer
        self.line.textEdited.connect(self._typed)
        self.line.returnPressed.connect(self._apply)
        self.line.editingFinished.connect(self._left)
        self.problem = QAction(theme.icon("triangle-alert"), "", self)
        self._soon = QTimer(self, singleShot=True, interval=250)
        self._soon.timeout.connect(self._apply_typed)
        self.line.textChanged.connect(self._soon.start)
        self.choose = QToolButton()
        self.choose.setText("Filter by")
        self.choose.setIcon(theme.icon("filter"))
        self.choose.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.choose.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(self._fill_menu)
        self.choose.setMenu(self._menu)
        self.span = QComboBox()
        self.span.setAccessibleName("Time span")
        for title, seconds in SPANS:
            self.span.addItem(title, seconds)
        self.span.currentIndexChanged.connect(self._apply)
        self.live = QPushButton(theme.icon("pause"), "Live")
        theme.checkable(self.live)
        self.live.setChecked(True)
        self.live.setToolTip("Show new tasks as they arrive (Space)")
        self.live.toggled.connect(self._live_toggled)
        for widget, stretch in ((self.line, 1), (self.choose, 0), (self.span, 0), (self.live, 0)):
            layout.addWidget(widget, stretch)

    def set_facets(self, facets: Facets) -> None:
        """Offer these names."""
        before, self._facets = self._facets, facets
        words = [plain(filter_text(**{name: (value,)})) for _, name in _FACETS for value in getattr(facets, name)]
        self._words.setStringList(words)
        if before is None or before.states != facets.states:  # custom states are known by them
            self._look_again()

    def add_states(self, counts: StateCounts) -> None:
        """Tasks are in these states: known before the names are read again."""
        if self._facets is not None:
            states = {*self._facets.states, *(state for state, n in counts.by_state.items() if n)}
            if len(states) > len(self._facets.states):
                self.set_facets(replace(self._facets, states=tuple(sorted(states))))

    def set_text(self, text: str) -> None:
        """Write a filter and apply it at once."""
        self.line.setText(text)
        self._apply()

    def show_only(self, text: str) -> None:
        """Write a filter and apply it at once, of all time."""
        self.span.blockSignals(True)
        self.span.setCurrentIndex(0)
        self.span.blockSignals(False)
        self.set_text(text)

    def clear(self) -> None:
        """Let every task through, of all time."""
        self.show_only("")

    def task_filter(self) -> TaskFilter:
        """Return the filter as it is written; raises FilterError."""
        return parse(self.line.text(), states=self._facets.states if self._facets is not None else ())

    def understood(self) -> bool:
        """Is what is written in force now? If not, it says why."""
        try:
            self.task_filter()
        except FilterError:
            self._apply()
            return False
        if self._soon.isActive():
            self._apply()
        return True

    def toggle_states(self, states: tuple[str, ...]) -> None:
        """Filter by these states; by none if that was the filter already."""
        if self.understood():
            task_filter = self.task_filter()
            same = set(task_filter.states) == set(states)
            self._change(task_filter, states=() if same else states)

    def _change(self, task_filter: TaskFilter, **values: Any) -> None:
        """Write the filter with other values of some fields; all else of it stays, its span too."""
        self.set_text(unparse(replace(task_filter, **values), self.line.text()))

    def _apply(self) -> None:
        self._soon.stop()
        try:
            task_filter = self.task_filter()
        except FilterError as error:
            self._say(trouble=str(error))
            return
        self._say(doubt=self._doubt_about(task_filter))
        self.changed.emit(task_filter, self.span.currentData())

    def _apply_typed(self) -> None:
        """What is typed next may complete the word: nobody is interrupted for it."""
        try:
            self.task_filter()
        except FilterError as error:
            if error.incomplete and self.line.hasFocus():
                self._say()
                return
        self._apply()

    def _left(self) -> None:
        """Who goes to the table means what is written, also before it would have been applied by itself."""
        if self._soon.isActive():
            self._apply()

    def _look_again(self) -> None:
        if self.trouble:
            self._apply()
        elif self.line.text() and not self._soon.isActive():
            with contextlib.suppress(FilterError):
                self._say(doubt=self._doubt_about(self.task_filter()))

    def _doubt_about(self, task_filter: TaskFilter) -> str:
        return doubts_about_states(task_filter, self._facets.states) if self._facets is not None else ""

    def _say(self, *, trouble: str = "", doubt: str = "") -> None:
        if (trouble, doubt) == (self.trouble, self.doubt):
            return
        self.trouble, self.doubt = trouble, doubt
        said = plain(f"{trouble} The table still shows the previous filter." if trouble else doubt)
        self.said.setText(said)
        self.said.setVisible(bool(said))
        self.line.setAccessibleDescription(said)
        self.problem.setToolTip(said)
        if said:
            self.line.addAction(self.problem, QLineEdit.ActionPosition.TrailingPosition)
        else:
            self.line.removeAction(self.problem)
        self.told.emit()

    def _live_toggled(self, live: bool) -> None:
        self.live.setText("Live" if live else "Paused")
        self.live.setIcon(theme.icon("pause" if live else "play"))
        self.pause_toggled.emit(not live)

    def _typed(self, text: str) -> None:
        word = text[: self.line.cursorPosition()].rpartition(" ")[2]
        if word.partition(":")[0] in FIELDS and len(word) > 2:
            self._completer.setCompletionPrefix(word)
            if self._completer.completionCount() and self._completer.currentCompletion().lower() != word.lower():
                self._completer.complete()
                return
        popup = self._completer.popup()
        if popup is not None:
            popup.hide()

    def _complete(self, word: str) -> None:
        before, _, _ = self.line.text()[: self.line.cursorPosition()].rpartition(" ")
        after = self.line.text()[self.line.cursorPosition() :]
        self.line.setText(f"{before} {word}".strip() + after)
        self._apply()

    def _fill_menu(self) -> None:
        self._menu.clear()
        if not self.understood():
            self._menu.addAction("Correct the filter first").setEnabled(False)
            return
        task_filter, facets = self.task_filter(), self._facets or Facets()
        for title, name in _FACETS:
            menu = self._menu.addMenu(title)
            values: tuple[str, ...] = getattr(facets, name)
            for value in values[:200]:
                text = STATE_WORDS.get(value, value) if name == "states" else value
                action = QAction(plain(text).replace("&", "&&"), menu, checkable=True)
                action.setChecked(value in getattr(task_filter, name))
                action.toggled.connect(lambda on, name=name, value=value: self._toggle(name, value, on))
                menu.addAction(action)
            menu.setEnabled(bool(values))

    def _toggle(self, name: str, value: str, on: bool) -> None:
        if not self.understood():
            return
        task_filter = self.task_filter()
        values = [other for other in getattr(task_filter, name) if other != value]
        self._change(task_filter, **{name: (*values, value) if on else tuple(values)})


class CountsBar(QWidget):
    """Counts by state, as buttons that filter."""

    clicked = Signal(tuple)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(theme.GAP, 0, theme.GAP, theme.GAP_S)
        layout.setSpacing(theme.GAP_S)
        self._buttons: dict[str, QToolButton] = {}
        self._states = dict(STATES_OF_GROUP)
        for group in ("all", *STATES_OF_GROUP):
            button = QToolButton()
            button.setAutoRaise(True)
            button.setCheckable(True)
            button.clicked.connect(lambda _=False, group=group: self.clicked.emit(self._states.get(group, ())))
            self._buttons[group] = button
            layout.addWidget(button)
        layout.addStretch(1)
        self.show_counts(None, ())

    def show_counts(self, known: StateCounts | None, states: tuple[str, ...]) -> None:
        """Write the counts, dashes where none are known; the group of ``states`` is marked."""
        self._shown = (known, states)
        counts = known or StateCounts()
        self._states[RUNNING] = theme.running_states(counts.by_state)
        groups = dict.fromkeys(self._buttons, 0)
        groups["all"] = counts.total
        for state, n in counts.by_state.items():
            groups[theme.state_group(state)] += n
        for group, button in self._buttons.items():
            word = theme.GROUP_WORDS.get(group, "All")
            more = "+" if counts.capped else ""
            button.setText(f"{word} {number(groups[group] if known is not None else None)}{more}")
            shows = "Show all tasks" if group == "all" else f"Show only: {word.lower()}"
            button.setToolTip("Lower bound: not all tasks have been counted." if counts.capped else shows)
            button.setVisible(group in ("all", "waiting", "running", "success", "failure") or groups[group] > 0)
            of_group = self._states.get(group, ())
            button.setChecked(set(states) == set(of_group))
            colour = theme.state_colour(group) if group != "all" else self.palette().text().color()
            palette = button.palette()
            palette.setColor(palette.ColorRole.ButtonText, colour)
            button.setPalette(palette)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:  # light or dark
            self.show_counts(*self._shown)
        super().changeEvent(event)
