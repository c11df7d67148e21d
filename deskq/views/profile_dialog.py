"""The dialog of profiles: list, add, edit, duplicate, delete, test, connect."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from deskq.brokers.opening import open_broker
from deskq.errors import UserError
from deskq.models.formats import count, plain
from deskq.profiles import Environment, PasswordStore, Profile, ProfileFile, Safety, Secret
from deskq.views import theme
from deskq.views.empty import plain_label

_ENVIRONMENTS = tuple(Environment)
_SAFETIES = (
    (Safety.READ_ONLY, "Read-only: deskq changes nothing"),
    (Safety.ASK, "Ask before every change"),
    (Safety.ASK_NAME, "Ask, and have the name typed"),
    (Safety.FREE, "Do not ask"),
)


class ProfileDialog(QDialog):
    """Edits the file of profiles; ``connect_requested`` carries a Profile with its password, ``removed`` a name."""

    connect_requested = Signal(object)
    removed = Signal(str)

    def __init__(self, file: ProfileFile, passwords: PasswordStore, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Profiles")
        self.resize(820, 520)
        self._file, self._passwords = file, passwords
        self._profiles: list[Profile] = []
        self._editing = ""
        self._tasks: set[asyncio.Task[Any]] = set()
        self.list = QListWidget()
        self.list.setAccessibleName("Profiles")
        self.list.setMaximumWidth(220)
        self.add = QPushButton(theme.icon("plus"), "Add")
        self.duplicate = QPushButton(theme.icon("copy"), "Duplicate")
        self.delete = QPushButton(theme.icon("trash-2"), "Delete…")
        left = QVBoxLayout()
        left.addWidget(self.list, 1)
        buttons = QHBoxLayout()
        for button in (self.add, self.duplicate, self.delete):
            buttons.addWidget(button)
        left.addLayout(buttons)
        right = QVBoxLayout()
        right.addLayout(self._make_form())
        self.message = plain_label(wrap=True)
        self.message.setMinimumHeight(self.fontMetrics().height() * 3)
        self.message.setAlignment(Qt.AlignmentFlag.AlignTop)
        right.addWidget(self.message, 1)
        self.test = QPushButton(theme.icon("plug"), "Test connection")
        self.save = QPushButton("Save")
        self.connect_button = QPushButton("Save and connect")
        self.connect_button.setDefault(True)
        self.close_button = QPushButton("Close")
        bottom = QHBoxLayout()
        bottom.addWidget(self.test)
        bottom.addStretch(1)
        for button in (self.close_button, self.save, self.connect_button):
            bottom.addWidget(button)
        right.addLayout(bottom)
        layout = QHBoxLayout(self)
        layout.setSpacing(theme.GAP_L)
        layout.addLayout(left, 1)
        layout.addLayout(right, 3)
        self.list.currentItemChanged.connect(self._chosen)
        self.add.clicked.connect(self.add_new)
        self.duplicate.clicked.connect(self.duplicate_current)
        self.delete.clicked.connect(self._ask_delete)
        self.test.clicked.connect(lambda: self._start(self._test(), "test"))
        self.save.clicked.connect(lambda: self._start(self._save(None), "save"))
        self.connect_button.clicked.connect(lambda: self._start(self._save(self.connect_requested.emit), "save"))
        self.close_button.clicked.connect(self.reject)
        self.url.textChanged.connect(self._url_changed)
        self.name.textChanged.connect(self._check)
        self._start(self._load(), "load")

    def _make_form(self) -> QFormLayout:
        form = QFormLayout()
        form.setVerticalSpacing(theme.GAP)
        self.url = QLineEdit()
        self.url.setPlaceholderText("redis://user:password@host:6379/0 or amqp://…")
        self.name = QLineEdit()
        self.password = QLineEdit()
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.password.setPlaceholderText("kept in the system's keyring")
        self.environment = QComboBox()
        for environment in _ENVIRONMENTS:
            self.environment.addItem(f"{environment.value.capitalize()} ({environment.short})", environment)
        self.safety = QComboBox()
        for safety, text in _SAFETIES:
            self.safety.addItem(text, safety)
        self.result_backend = QLineEdit()
        self.watch_queues = QLineEdit()
        self.watch_queues.setPlaceholderText("celery, emails")
        self.management_url = QLineEdit()
        self.management_url.setPlaceholderText("RabbitMQ: http://host:15672 unless told otherwise")
        self.global_keyprefix = QLineEdit()
        self.global_keyprefix.setPlaceholderText("Redis: global_keyprefix of the workers, if any")
        self.tls_ca = QLineEdit()
        self.tls_ca.setPlaceholderText("file of the certificate authority")
        self.tls_verify = QCheckBox("Check the server's certificate")
        self.connect_at_start = QCheckBox("Connect at start")
        self.silent = QCheckBox("Silent: never ask workers anything")
        rows: tuple[tuple[str, QWidget], ...] = (
            ("&URL", self.url),
            ("&Name", self.name),
            ("&Password", self.password),
            ("&Environment", self.environment),
            ("Sa&fety", self.safety),
            ("&Result backend", self.result_backend),
            ("&Watch queues", self.watch_queues),
            ("&Management API", self.management_url),
            ("Key prefi&x", self.global_keyprefix),
            ("TLS &authority", self.tls_ca),
        )
        for title, widget in rows:
            form.addRow(title, widget)
        for box in (self.tls_verify, self.connect_at_start, self.silent):
            form.addRow("", box)
        return form

    def add_new(self) -> None:
        """Begin a new profile."""
        self.list.setCurrentRow(-1)
        self._editing = ""
        self._fill(Profile(name="", url=""))
        self.url.setFocus()
        self._say("Paste a broker URL; the rest fills in.")

    def duplicate_current(self) -> None:
        """Begin a new profile with the values of this one."""
        try:
            profile = self.profile()
        except UserError as error:
            self._say(str(error))
            return
        self.list.setCurrentRow(-1)
        self._editing = ""
        self._fill(replace(profile, name=f"{profile.name} copy"))

    def profile(self) -> Profile:
        """Return the profile as it is written in the form; raises UserError that says what is missing."""
        base = next((p for p in self._profiles if p.name == self._editing), Profile(name="x", url="x"))
        made = Profile.from_url(self.url.text(), name=self.name.text().strip() or None)
        queues = tuple(part.strip() for part in self.watch_queues.text().split(",") if part.strip())
        return replace(
            base,
            name=made.name,
            url=made.url,
            password=Secret(self.password.text()) if self.password.text() else made.password,
            environment=Environment(self.environment.currentData()),
            safety=Safety(self.safety.currentData()),
            result_backend=self.result_backend.text().strip() or None,
            watch_queues=queues,
            management_url=self.management_url.text().strip() or None,
            redis=replace(base.redis, global_keyprefix=self.global_keyprefix.text()),
            tls=replace(base.tls, ca=self.tls_ca.text().strip() or None, verify=self.tls_verify.isChecked()),
            connect_at_start=self.connect_at_start.isChecked(),
            silent=self.silent.isChecked(),
        )

    async def _load(self) -> None:
        self._profiles = await self._off_thread(self._file.load)
        self._show_list(self._editing)
        if not self._profiles:
            self.add_new()

    async def _save(self, then: Callable[[Profile], object] | None) -> None:
        profile = self.profile()
        if any(other.name == profile.name for other in self._profiles) and profile.name != self._editing:
            raise UserError(f"There is a profile “{profile.name}” already. Choose another name.")
        others = list(self._profiles)
        place = next((n for n, p in enumerate(others) if p.name == self._editing), len(others))
        renamed = self._editing if self._editing and self._editing != profile.name else ""
        others[place : place + 1] = [profile]
        await self._off_thread(lambda: self._file.save(others))
        if profile.password:
            await self._off_thread(lambda: self._passwords.set(profile.name, profile.password))
        if renamed:
            await self._off_thread(lambda: self._passwords.delete(renamed))
            self.removed.emit(renamed)
        self._profiles, self._editing = others, profile.name
        self._show_list(profile.name)
        self._say(f"Saved “{profile.name}”. {self._passwords.problem}".strip())
        if then is not None:
            then(profile)
            self.accept()

    async def _test(self) -> None:
        profile = self.profile()
        self.test.setEnabled(False)
        self._say("Testing …")
        try:
            product, version, queues = await self._off_thread(lambda: _look(profile))
            self._say(f"It works: {product} {version}, {count(queues, 'queue')} found.")
        finally:
            self.test.setEnabled(True)

    async def _delete(self, name: str) -> None:
        left = [profile for profile in self._profiles if profile.name != name]
        await self._off_thread(lambda: self._file.save(left))
        await self._off_thread(lambda: self._passwords.delete(name))
        self._profiles, self._editing = left, ""
        self._show_list("")
        self._say(f"Deleted “{name}”. Its history stays.")
        self.removed.emit(name)

    def _ask_delete(self) -> None:
        if not self._editing:
            return
        name = self._editing
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(f"Delete the profile “{plain(name)}” and its password?")
        box.setInformativeText("Its history stays.")
        delete = box.addButton("Delete profile", QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        delete.clicked.connect(lambda: self._start(self._delete(name), "delete"))
        box.open()

    def _chosen(self, item: QListWidgetItem | None) -> None:
        if item is None:
            return
        name = str(item.data(Qt.ItemDataRole.UserRole))
        profile = next((p for p in self._profiles if p.name == name), None)
        if profile is not None:
            self._editing = name
            self._fill(profile)
            self._say("")
            self._start(self._fetch_password(name), "password")

    async def _fetch_password(self, name: str) -> None:
        secret = await self._off_thread(lambda: self._passwords.get(name))
        if secret is not None and name == self._editing and not self.password.text():
            self.password.setText(secret.reveal())

    def _fill(self, profile: Profile) -> None:
        self.url.setText(profile.url)
        self.name.setText(profile.name)
        self.password.setText(profile.password.reveal())
        self.environment.setCurrentIndex(_ENVIRONMENTS.index(profile.environment))
        self.safety.setCurrentIndex([safety for safety, _ in _SAFETIES].index(profile.safety))
        self.result_backend.setText(profile.result_backend or "")
        self.watch_queues.setText(", ".join(profile.watch_queues))
        self.management_url.setText(profile.management_url or "")
        self.global_keyprefix.setText(profile.redis.global_keyprefix)
        self.tls_ca.setText(profile.tls.ca or "")
        self.tls_verify.setChecked(profile.tls.verify)
        self.connect_at_start.setChecked(profile.connect_at_start)
        self.silent.setChecked(profile.silent)
        self._check()

    def _url_changed(self, text: str) -> None:
        """A password in a pasted URL moves to its own field, a name is proposed."""
        try:
            made = Profile.from_url(text)
        except UserError:
            self._check()
            return
        if made.password:
            self.password.setText(made.password.reveal())
            self.url.setText(made.url)
            return
        if not self._editing:
            self.name.setText(made.name)
        self.management_url.setEnabled(made.transport == "amqp")
        self.global_keyprefix.setEnabled(made.transport == "redis")
        self._check()

    def _check(self) -> None:
        try:
            self.profile()
        except UserError as error:
            self._say(str(error) if self.url.text() else "")
            fits = False
        else:
            fits = True
        for button in (self.save, self.connect_button, self.test):
            button.setEnabled(fits)

    def _show_list(self, current: str) -> None:
        self.list.clear()
        for profile in self._profiles:
            item = QListWidgetItem(f"{plain(profile.name)}   {profile.environment.short}")
            item.setData(Qt.ItemDataRole.UserRole, profile.name)
            item.setForeground(theme.environment_colour(profile.environment))
            item.setToolTip(plain(profile.url))
            self.list.addItem(item)
            if profile.name == current:
                self.list.setCurrentItem(item)
        if not current and self._profiles:
            self.list.setCurrentRow(0)

    def _say(self, text: str) -> None:
        self.message.setText(text)

    async def _off_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(None, work)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(work), name=f"profiles: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except UserError as error:
            self._say(str(error))


def _look(profile: Profile) -> tuple[str, str, int]:
    broker = open_broker(profile)
    try:
        server = broker.server()
        return server.product, server.version, len(broker.queue_names())
    finally:
        broker.close()
