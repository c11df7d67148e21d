"""Sends a task: the call as people write it, the message that will go out, and the task to its end."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QInputDialog,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from deskq import formats
from deskq.actions.executor import Phase, Progress
from deskq.actions.messages.call import Call, message_of, plan_send
from deskq.actions.messages.seen_arguments import SeenArguments
from deskq.actions.plan import Item, Plan
from deskq.actions.safety import guard_at
from deskq.brokers.routing import Route, sentence
from deskq.errors import UserError
from deskq.protocol.task_states import FINAL_STATES
from deskq.services.consumer_search import ConsumerSearch
from deskq.services.route_search import RouteSearch
from deskq.services.send import SendService
from deskq.services.session import ProfileSession
from deskq.views.actions.plan_foot import PlanFoot, result_text, tint
from deskq.views.actions.send.fields import SendFields
from deskq.views.actions.send.preview import SendPreview
from deskq.views.widgets import theme
from deskq.views.widgets.dialog import Dialog
from deskq.views.widgets.empty_pane import plain_label
from deskq.views.widgets.tables import copy_text

_FOLLOW_MS: Final = 500
_TYPING_MS: Final = 300
_FOLLOWED: Final = 200
_SAMPLE_ID: Final = "(a new id)"


class SendDialog(Dialog):
    """Sends at one of ``sessions``; it begins with a ``queue``, ``like`` a task of the history, or with a ``call``.

    ``open_task`` asks for a task that was sent: profile, id.
    """

    open_task = Signal(str, str)

    def __init__(
        self,
        sessions: Sequence[ProfileSession],
        profile: str,
        *,
        queue: str = "",
        like: str = "",
        call: Call | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._sessions = {session.profile.name: session for session in sessions}
        self._plan: Plan[Item] | None = None
        self._sent: list[str] = []
        self._problem = ""
        self.setWindowTitle("Send a task")
        self.resize(1_000, 690)
        self.profile = QComboBox()
        for name in self._sessions:
            self.profile.addItem(formats.plain(name), name)
        self.profile.setCurrentIndex(max(0, self.profile.findData(profile)))
        self.profile.setAccessibleName("Profile")
        self.service = SendService(self._session)
        self.routes, self.consumers = RouteSearch(self.service, self), ConsumerSearch(self._session, self)
        self._seen_of = ""
        self.heading = plain_label()
        self.heading.setFont(theme.heading_font())
        self.fields = SendFields()
        if call is not None or queue:
            self.fields.show_call(call or Call(task="", queue=queue))
        self.preview = SendPreview()
        self.texts = self.preview.texts
        self.saved = QPushButton("Saved calls")
        self.saved.setMenu(QMenu(self.saved))
        self.last = QPushButton("Last arguments")
        self.last.setToolTip("Arguments deskq last sent for this task")
        self.copy = QPushButton("Copy")
        self.show_task = QPushButton("Show in Tasks")
        self.show_task.hide()
        self.foot = PlanFoot("Send", "messages", more=[self.show_task])
        self.message, self.guard, self.name = self.foot.message, self.foot.guard, self.foot.guard.name
        self.bar, self.cancel, self.go = self.foot.bar, self.foot.cancel, self.foot.go
        self._seen_timer = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._seen_timer.timeout.connect(lambda: self._spawn("arguments", self._expect_arguments, self._seen_of))
        self._follow_timer = QTimer(self, interval=_FOLLOW_MS)
        self._follow_timer.timeout.connect(self._follow)
        self._lay_out()
        self._connect()
        self._act()
        self._task_named()
        self._spawn("send", self._begin_with, like)
        self.fields.task.setFocus()  # what is typed first is its name

    @property
    def _session(self) -> ProfileSession:
        return self._sessions[self.profile.currentData()]

    def _spawn(self, name: str, work: Callable[..., Coroutine[Any, Any, None]], *given: Any) -> None:
        self._session.spawn(self._told(work, *given), name, self)

    async def _told(self, work: Callable[..., Coroutine[Any, Any, None]], *given: Any) -> None:
        """What goes wrong is said here, where it was asked for."""
        try:
            await work(*given)
        except UserError as error:
            self.message.setText(formats.plain(str(error)))

    def _lay_out(self) -> None:
        left, right = QVBoxLayout(), QVBoxLayout()
        top = QHBoxLayout()
        top.addWidget(plain_label("at", muted=True))
        top.addWidget(self.profile, 1)
        top.addWidget(self.saved)
        top.addWidget(self.last)
        left.addLayout(top)
        left.addWidget(self.fields)
        left.addStretch(1)
        right.addWidget(self.preview, 1)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.copy)
        right.addLayout(row)
        middle = QHBoxLayout()
        middle.addLayout(left, 1)
        middle.addLayout(right, 1)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        layout.addWidget(self.heading)
        layout.addLayout(middle, 1)
        layout.addWidget(self.foot)

    def _connect(self) -> None:
        self.fields.changed.connect(self._write)
        self.fields.task.editTextChanged.connect(self._task_named)
        self.guard.changed.connect(self._write)
        self.profile.currentIndexChanged.connect(self._profile_chosen)
        self.cancel.clicked.connect(self.reject)
        self.go.clicked.connect(self._send)
        self.last.clicked.connect(lambda: self._spawn("last arguments", self._fill_last))
        self.copy.clicked.connect(lambda: copy_text(self.preview.current_text))
        self.show_task.clicked.connect(lambda: self.open_task.emit(self.profile.currentData(), self._sent[0]))
        self.foot.progress.connect(self._progressed)
        self.foot.ended.connect(self._ended)
        self.foot.failed.connect(self._failed)
        self._listen()

    def _act(self) -> None:
        """What is sent from now on is sent at the profile that is shown."""
        self.foot.act_at(self._session.profile, partial(guard_at, self._session.profile), self._session.spawn)

    def _listen(self) -> None:
        self.routes.changed.connect(self._write)
        self.consumers.changed.connect(self._write)

    def reject(self) -> None:
        """Esc: stops what is being sent, else closes. What was sent goes on."""
        if not self.foot.stop():
            super().reject()

    def done(self, result: int) -> None:
        for asking in (self._follow_timer, self._seen_timer, self.routes, self.consumers):
            asking.stop()
        super().done(result)
        self.deleteLater()

    async def _begin_with(self, like: str) -> None:
        if like:
            call, doubt = await self.service.like(like)
            self.fields.show_call(call)
            if doubt:
                self.fields.args.clear()
                self.fields.kwargs.clear()
                self.message.setText(doubt)
        self._fill_saved(await self.service.templates())
        if not self.message.text():  # what it says already matters more
            self._write()
        self.fields.offer(*await self.service.names(), [])
        self.fields.offer([], [], await self.service.exchanges())

    def _task_named(self) -> None:
        """Another task has other arguments: what was seen of the one before is no help any more."""
        task = self.fields.task.currentText().strip()
        if task != self._seen_of:
            self._seen_of = task
            self.fields.arguments.expect(SeenArguments())
            self._seen_timer.start()

    async def _expect_arguments(self, task: str) -> None:
        with contextlib.suppress(UserError):  # no history: then there is no form
            seen = await self.service.seen(task)
            if task == self._seen_of:
                self.fields.arguments.expect(seen)

    async def _fill_last(self) -> None:
        task = self.fields.task.currentText().strip()
        found = await self.service.last(task)
        if found is None:
            self.message.setText(f"deskq has not sent “{formats.plain(task)}” yet." if task else "Enter a task name.")
        else:
            self.fields.show_arguments(*found)

    def _fill_saved(self, templates: dict[str, Call]) -> None:
        menu = self.saved.menu()
        menu.clear()
        for name, call in templates.items():
            menu.addAction(formats.plain(name)).triggered.connect(
                lambda _=False, call=call: self.fields.show_call(call)
            )
        if templates:
            menu.addSeparator()
        menu.addAction("Save this call…").triggered.connect(self._ask_name)
        if templates:
            removing = menu.addMenu("Remove")
            for name in templates:
                action = removing.addAction(formats.plain(name))
                action.triggered.connect(lambda _=False, name=name: self._spawn("saved calls", self._save, name, None))

    def _ask_name(self) -> None:
        asked = QInputDialog(self)
        asked.setWindowTitle("Save this call")
        asked.setLabelText("Name:")
        asked.setTextValue(self.fields.task.currentText())
        asked.textValueSelected.connect(lambda name: self._spawn("saved calls", self._save, name, self.fields.call()))
        asked.finished.connect(asked.deleteLater)
        asked.open()

    async def _save(self, name: str, call: Call | None) -> None:
        self._fill_saved(await self.service.save(name, call))

    def _profile_chosen(self) -> None:
        self.routes.stop()
        for old in (self.routes, self.consumers):
            old.deleteLater()
        self.service = SendService(self._session)
        self.routes, self.consumers = RouteSearch(self.service, self), ConsumerSearch(self._session, self)
        self._listen()
        self._seen_of = ""
        self._task_named()
        self._act()
        self._spawn("send", self._begin_with, "")

    def _write(self) -> None:
        """Show what would go out, or what is wrong; Send is there when it can be sent."""
        profile = self._session.profile
        environment = profile.environment
        tint(self.heading, environment)
        try:
            call = self.fields.call()
            route = self._route_of(call)
            rate, tries = self.fields.rate.value(), self.fields.tries.value()
            self._plan = plan_send(call, profile, now=time.time(), rate=rate, tries=tries, route=route)
            message = message_of(call, call.id or _SAMPLE_ID, now=time.time())
        except UserError as error:
            self._plan = None
            self.preview.show_nothing()
            self.copy.setEnabled(False)
            self.heading.setText(f"Send a task at {formats.plain(profile.name)} ({environment.short})")
            self._allow(str(error))
            return
        self.heading.setText(formats.plain(self._plan.title))
        self.preview.show_call(call, message, route)
        self.copy.setEnabled(True)
        doubts = list(self._plan.items[0].losses)
        target = self._plan.items[0].route or call.queue
        self.consumers.want([target])
        told = sentence("; ".join(doubts)) if doubts else ""
        self._allow("", f"{told} {self.consumers.of(target)}".strip())

    def _route_of(self, call: Call) -> Route | None:
        """Where the call's exchange or its delay leads, as far as it is known; raises UserError where nowhere."""
        self.fields.place.tell("")
        route, told = self.routes.of_call(call)
        self.fields.place.tell(told)
        return route

    def _allow(self, problem: str, doubt: str = "") -> None:
        """Let it be sent unless there is a problem; ``doubt``: what should be known before."""
        problem = self.guard.problem or problem
        if problem or self._problem or not self._sent:  # what became of the last one stays until something is wrong
            self.message.setText(formats.plain(problem or doubt))
        self._problem = problem
        ready = self._plan is not None and not problem and self.guard.allows
        self.go.setEnabled(ready and not self.foot.running)

    def _send(self) -> None:
        """The plan that is shown is made anew, so that a countdown begins now."""
        self._write()
        if self._plan is None or not self.go.isEnabled():
            return
        self.go.setEnabled(False)
        self._spawn("send", self._send_if_new, self._plan, self.fields.id.text().strip())

    async def _send_if_new(self, plan: Plan[Item], own_id: str) -> None:
        if own_id and await self.service.known(own_id):
            raise UserError(f"Task {own_id} is already in the history. Enter another id, or clear the field.")
        route = plan.items[0].route
        if route is not None and await self.routes.again() != route:
            raise UserError("The route changed since the preview. Review it, then send again.")
        await self.consumers.refuse_unseen(route or plan.items[0].queue)
        self._sent = [item.id for item in plan.items]
        self.fields.setEnabled(False)
        self.foot.begin(plan)

    def _progressed(self, progress: Progress) -> None:
        waits = progress.phase is Phase.BROKER
        told = formats.plain(progress.words) if waits else f"{progress.done:,} of {progress.total:,} sent"
        self.message.setText(told)

    def _ended(self, result: Progress) -> None:
        self._over(result_text(result, f"{formats.count(result.done, 'task')} sent", "not sent"))
        if result.done:
            self.show_task.setVisible(True)
            self._follow_timer.start()

    def _failed(self, problem: str) -> None:
        self._sent = []
        self._over(formats.plain(problem))

    def _over(self, text: str) -> None:
        self.fields.setEnabled(True)
        self.foot.end(text, again="Send again")

    def _follow(self) -> None:
        self._spawn("follow", self._look_after, self._sent[:_FOLLOWED])

    async def _look_after(self, ids: list[str]) -> None:
        rows = await self.service.follow(ids)
        if ids != self._sent[:_FOLLOWED] or self._problem:
            return
        if len(ids) == 1:
            row = rows[0] if rows else None
            if row is None:
                text = "Sent. Waiting for the first event."
            else:
                end = row.exception or row.result
                ran = formats.runtime(row.runtime, exact=row.runtime_exact)
                took = f" after {ran}" if row.runtime is not None else ""
                text = f"{row.state.lower()}{took}{f': {formats.plain(end)[:400]}' if end else ''}"
        else:
            counted = Counter(row.state.lower() for row in rows)
            parts = [f"{number:,} {state}" for state, number in counted.most_common()]
            silent = len(ids) - len(rows)
            text = ", ".join([*parts, *([f"{silent:,} without an event yet"] if silent else [])])
        self.message.setText(text)
        if len(rows) == len(ids) and all(row.state in FINAL_STATES for row in rows):
            self._follow_timer.stop()
