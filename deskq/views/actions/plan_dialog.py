"""Previews a plan of steps, asks as the safety level wants it, carries it out, and says how each step ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from deskq import formats
from deskq.actions.executor import Progress
from deskq.actions.journal.journal import ItemRow
from deskq.actions.plan import Outcome, Plan, Step
from deskq.actions.runners import AnyRunner
from deskq.actions.safety import guard_of
from deskq.errors import UserError
from deskq.models.table.columns import Column
from deskq.models.table.model import TableModel
from deskq.profiles import Profile
from deskq.services.background.background_tasks import BackgroundTasks
from deskq.services.plan_runner import plan_undo
from deskq.views.actions.plan_foot import PlanFoot, result_text, tint
from deskq.views.widgets import theme
from deskq.views.widgets.dialog import Dialog
from deskq.views.widgets.empty_pane import plain_label
from deskq.views.widgets.tables import Table
from deskq.views.widgets.toast import UndoOffer


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step as the table shows it."""

    number: int
    target: str
    command: str
    outcome: Outcome
    words: str = ""


COLUMNS: Final[tuple[Column[StepRow], ...]] = (
    Column(
        "number", "#", "Position in the plan", lambda row: f"{row.number + 1:,}", lambda row: row.number, True, width=40
    ),
    Column("target", "Target", "What the item changes", lambda row: formats.plain(row.target), width=190),
    Column("command", "Command", "Command exactly as sent", lambda row: formats.plain(row.command), width=380),
    Column(
        "outcome",
        "Outcome",
        "Outcome of the item",
        lambda row: "" if row.outcome is Outcome.PLANNED else row.outcome.value,
        state=lambda row: theme.outcome_group(row.outcome),
        width=90,
    ),
    Column("words", "Reply", "Reply of the worker, broker or store", lambda row: formats.plain(row.words), width=240),
)


class StepsDialog(Dialog):
    """One plan; ``button`` is the verb on the button. ``note``: what people should know before they say yes.

    A plan that needs no yes begins when the dialog is opened. With ``stay`` False the dialog closes by itself when
    every step was done. When it closes, its undo is offered for a while at the bottom of the window.
    ``ended`` carries the last Progress; it is not emitted when nothing was begun.
    """

    ended = Signal(object)

    def __init__(
        self,
        plan: Plan[Step],
        profile: Profile,
        parent: QWidget | None = None,
        *,
        runner: Callable[[], AnyRunner] | None = None,
        button: str = "",
        note: str = "",
        stay: bool = True,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.plan = plan
        self._profile = profile
        self._runner = runner
        self._stay = stay
        self._over = False
        verb = button or ("Undo" if plan.undoes else plan.verb.value.capitalize())
        self.setWindowTitle(verb)
        self.heading = plain_label(formats.plain(plan.title), wrap=True)
        self.heading.setFont(theme.heading_font())
        tint(self.heading, profile.environment)
        self.note = plain_label(formats.plain(note), wrap=True, muted=True)
        self.note.setVisible(bool(note))
        self.model = TableModel(COLUMNS, key=lambda row: row.number, parent=self, sort="number")
        self.model.replace(
            StepRow(number, step.target, step.command, Outcome.PLANNED) for number, step in enumerate(plan.items)
        )
        self.table = Table("steps", COLUMNS)
        self.table.setModel(self.model)
        self.table.lay_out()
        self._waits = False
        self.undo_button = QPushButton("Undo…")
        self.undo_button.hide()
        self.foot = PlanFoot(verb, "items", more=[self.undo_button], shows_items=True)
        self.message, self.guard, self.name = self.foot.message, self.foot.guard, self.foot.guard.name
        self.cancel, self.go = self.foot.cancel, self.foot.go
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        layout.addWidget(self.heading)
        layout.addWidget(self.note)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.foot)
        self.resize(860, 300 if len(plan.items) < 6 else 460)
        self.cancel.clicked.connect(self.reject)
        self.go.clicked.connect(self._begin)
        self.guard.changed.connect(self._allow)
        self.undo_button.clicked.connect(self._undo)
        self.foot.progress.connect(self._follow)
        self.foot.items.connect(self._show_items)
        self.foot.ended.connect(self._end)
        self.foot.failed.connect(self._done)
        self.foot.undoable.connect(self.undo_button.setVisible)
        self.foot.act_at(profile, partial(guard_of, plan, profile))

    def open(self) -> None:
        """Show it; a plan that nobody has to confirm begins as soon as that is known."""
        super().open()
        self._waits = True
        self._allow()

    def reject(self) -> None:
        """Esc, or the button: stops what runs, else closes."""
        if not self.foot.stop():
            if self._over and self.undo_button.isEnabled():
                self._offer_undo()
            super().reject()

    def _allow(self) -> None:
        idle = not self._over and not self.foot.running
        self.go.setEnabled(self.guard.allows and idle)
        if self.guard.problem and idle:
            self.message.setText(formats.plain(self.guard.problem))
        elif self._waits and self.guard.known:
            self._waits = False
            if not self.guard.asks(self.plan):
                self._begin()

    def _begin(self) -> None:
        self.foot.begin(self.plan, self._runner)

    def _follow(self, progress: Progress) -> None:
        self.message.setText(f"{progress.done:,} of {progress.total:,} done")

    def _show_items(self, items: Sequence[ItemRow]) -> None:
        self.model.replace(
            StepRow(item.number, item.queue, item.command, Outcome(item.outcome), item.words) for item in items
        )

    def _end(self, result: Progress) -> None:
        wrong = {row.words for row in self.model.rows() if row.outcome in (Outcome.FAILED, Outcome.UNKNOWN)}
        answers = wrong | {result.words} if len(wrong) == 1 else {result.words}  # a cell of the table may cut it
        told = replace(result, words=" ".join(sorted(answers)))
        self._done(result_text(told, f"{result.done:,} of {result.total:,} done", "not started"))
        self.ended.emit(result)
        if not self._stay and result.done == result.total:
            self._offer_undo()
            self.accept()

    def _offer_undo(self) -> None:
        """Where it can be had, for a while, at the bottom of the window."""
        if not self.undo_button.isHidden():
            UndoOffer(formats.plain(self.plan.title), self._undo_later(), self.window_below())

    def window_below(self) -> QWidget:
        """Return the window that this dialog, and what it stands above, belongs to; itself where it has none."""
        found: QWidget = self
        while isinstance(found, QDialog) and (parent := found.parentWidget()) is not None:
            found = parent.window()
        return found

    def _done(self, text: str) -> None:
        self._over = True
        self.foot.end(text)

    def _undo(self) -> None:
        self.undo_button.setEnabled(False)
        self._undo_later()()

    def _undo_later(self) -> Callable[[], None]:
        """Return what opens the undo; it works after this dialog is gone, too."""
        window, profile, runner, action = self.window_below(), self._profile, self._runner, self.plan.id

        async def ask() -> None:
            try:
                plan = await plan_undo(action)
            except UserError as error:
                UndoOffer(str(error), None, window)
            else:
                StepsDialog(plan, profile, window, runner=runner, stay=False).open()

        return lambda: BackgroundTasks().start(ask(), "undo")
