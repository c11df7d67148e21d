"""How the dialog of profiles looks: the list and its tools at the left, form, message and buttons at the right."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from deskq.views.profiles.exchange import ProfileExchange
from deskq.views.profiles.form import ProfileForm
from deskq.views.profiles.listing import ProfileList
from deskq.views.profiles.password_place import PasswordPlace
from deskq.views.widgets import theme
from deskq.views.widgets.dialog import Dialog
from deskq.views.widgets.empty_pane import plain_label
from deskq.views.widgets.steps_list import StepsList


class ProfileFrame(Dialog):
    """The widgets of the dialog and nothing that they do."""

    def __init__(self, exchange: ProfileExchange, keep_in_file: PasswordPlace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Profiles")
        self.resize(900, 600)
        self.exchange = exchange
        exchange.set_window(self)
        self.list = ProfileList()
        self.list.setMaximumWidth(260)
        self.form = ProfileForm()
        self.url, self.name, self.password = (self._line(place) for place in ("url", "name", "password"))
        self.message = plain_label(wrap=True)
        self.message.setMinimumHeight(self.fontMetrics().height() * 2)
        self.message.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.keep_in_file = keep_in_file
        keep_in_file.known.connect(self._say_keyring)
        layout = QHBoxLayout(self)
        layout.setSpacing(theme.GAP_L)
        layout.addLayout(self._make_left(), 1)
        layout.addLayout(self._make_right(), 3)

    def _box(self, text: str, more: str) -> QMessageBox:
        """A question whose safe answer is the default."""
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(text)
        box.setInformativeText(more)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        return box

    def _make_left(self) -> QVBoxLayout:
        self.add = _tool("plus", "Add a profile")
        self.duplicate = _tool("copy", "Duplicate this profile")
        self.delete = _tool("trash-2", "Delete this profile…")
        self.up = _tool("arrow-up", "Move up (Alt+Up)")
        self.down = _tool("arrow-down", "Move down (Alt+Down)")
        self.up.clicked.connect(lambda: self.list.move_current(-1))
        self.down.clicked.connect(lambda: self.list.move_current(1))
        tools = QHBoxLayout()
        tools.setSpacing(theme.GAP_S)
        for tool in (self.add, self.duplicate, self.delete, self.up, self.down):
            tools.addWidget(tool)
        tools.addStretch(1)
        menus = QHBoxLayout()
        for title, menu in (("Import…", self.exchange.import_menu), ("Export…", self.exchange.export_menu)):
            opener = QPushButton(title)
            opener.setMenu(menu)
            menus.addWidget(opener)
        left = QVBoxLayout()
        left.addWidget(self.list, 1)
        left.addLayout(tools)
        left.addLayout(menus)
        return left

    def _make_right(self) -> QVBoxLayout:
        self.test = QPushButton(theme.icon("plug"), "Test connection")
        self.save = QPushButton("Save")
        self.connect_button = QPushButton("Save and connect")
        self.press_by_return(self.connect_button)
        self.close_button = QPushButton("Close")
        self.close_button.clicked.connect(self.close)
        bottom = QHBoxLayout()
        bottom.addWidget(self.test)
        bottom.addStretch(1)
        for button in (self.close_button, self.save, self.connect_button):
            bottom.addWidget(button)
        right = QVBoxLayout()
        self.steps = StepsList()
        self.centre = QStackedWidget()
        self.centre.addWidget(self.form)
        self.centre.addWidget(self.steps)
        right.addWidget(self.centre, 1)
        right.addWidget(self.keep_in_file)
        right.addWidget(self.message)
        right.addLayout(bottom)
        return right

    def show_steps(self) -> None:
        """Show the connection test in the place of the form."""
        self.centre.setCurrentWidget(self.steps)
        self.test.setText("Back to the profile")

    def show_form(self) -> None:
        """Show the form; a test that runs is cancelled."""
        self.steps.stop()
        self.centre.setCurrentWidget(self.form)
        self.test.setText("Test connection")

    def allow(self, why_not: str, *, listed: bool) -> None:
        """Disable what cannot be done with the form, with the reason, and what needs a profile of the list."""
        for button in (self.save, self.connect_button, self.test):
            button.setEnabled(not why_not)
            button.setToolTip(why_not)
        for tool in (self.delete, self.up, self.down):
            tool.setEnabled(listed)

    def _say(self, text: str) -> None:
        self.message.setText(text)

    def _say_keyring(self, known: bool) -> None:
        self.password.setPlaceholderText("kept in the system's keyring" if known else "")

    def _line(self, place: str) -> QLineEdit:
        line = self.form.editors[place].line
        assert line is not None
        return line


def _tool(icon: str, title: str) -> QToolButton:
    button = QToolButton()
    button.setIcon(theme.icon(icon))
    button.setToolTip(title)
    button.setAccessibleName(title)
    return button
