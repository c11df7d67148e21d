"""The foot of each dialog that carries out a plan: what guards it, the confirmation, the progress, and the buttons."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from deskq import formats
from deskq.actions.executor import Progress
from deskq.actions.plan import AnyPlan
from deskq.actions.runners import AnyRunner
from deskq.actions.safety import Confirmation, Guard
from deskq.profiles import Environment, Profile
from deskq.services.plan_runner import PlanRunner
from deskq.views.actions.guard_row import GuardRow
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import plain_label


class PlanFoot(QWidget):
    """``verb``: on the button ``go``. ``beside``: widgets to the left of the buttons; ``more``: further buttons.

    ``things``: what a plan is made of, in the message while it is stopped. ``progress``, ``items``, ``undoable`` and
    ``ended`` are those of the PlanRunner; ``failed`` says why nothing was done.
    """

    progress = Signal(object)
    items = Signal(object)
    undoable = Signal(bool)
    ended = Signal(object)
    failed = Signal(str)

    def __init__(
        self,
        verb: str,
        things: str,
        *,
        beside: Sequence[QWidget] = (),
        more: Sequence[QPushButton] = (),
        shows_items: bool = False,
    ) -> None:
        super().__init__()
        self._things = things
        self._shows_items = shows_items
        self._runner: PlanRunner | None = None
        self.guard = GuardRow()
        self.message = plain_label(wrap=True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.hide()
        self.cancel, self.go = QPushButton("Cancel"), QPushButton(verb)
        self.go.setEnabled(False)
        bottom = QHBoxLayout()
        for widget in beside:
            bottom.addWidget(widget)
        bottom.addWidget(self.bar, 1)
        bottom.addStretch(0)
        for button in (*more, self.cancel, self.go):
            bottom.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.GAP)
        layout.addWidget(self.guard)
        layout.addWidget(self.message)
        layout.addLayout(bottom)

    def act_at(
        self,
        profile: Profile,
        guard: Callable[[], Guard],
        spawn: Callable[[Coroutine[Any, Any, None], str], None] | None = None,
    ) -> None:
        """Carry out plans at this profile, with ``spawn`` as of PlanRunner; ``guard`` is asked for in a thread."""
        if self._runner is not None:
            self._runner.deleteLater()
        self._runner = runner = PlanRunner(profile, self, spawn=spawn, shows_items=self._shows_items)
        runner.progress.connect(self._follow)
        runner.items.connect(self.items)
        runner.undoable.connect(self.undoable)
        runner.ended.connect(self.ended)
        runner.failed.connect(self.failed)
        self.guard.ask(guard)

    @property
    def running(self) -> bool:
        """Is a plan being carried out?"""
        return self._runner is not None and self._runner.running

    def begin(self, plan: AnyPlan, runner: Callable[[], AnyRunner] | None = None) -> None:
        """Carry a plan out, as confirmed here; ``runner`` as of PlanRunner."""
        assert self._runner is not None
        self.bar.setRange(0, len(plan.items))
        self.bar.setVisible(len(plan.items) > 1)
        self.guard.name.setEnabled(False)
        self.go.setEnabled(False)
        self.cancel.setText("Stop")
        self._runner.begin(plan, Confirmation(plan.id, self.guard.name.text()), runner)

    def stop(self) -> bool:
        """Stop what is carried out; False where nothing is."""
        if self._runner is None or not self._runner.running:
            return False
        self._runner.stop()
        self.message.setText(f"Stopping after the {self._things} in progress…")
        return True

    def end(self, text: str, *, again: str = "") -> None:
        """Say how it ended; ``again``: what is on the button where another plan may follow."""
        self.message.setText(text)
        self.bar.hide()
        self.cancel.setText("Close")
        self.guard.name.setEnabled(bool(again))
        self.go.setVisible(bool(again))
        if again:
            self.go.setText(again)
            self.go.setEnabled(True)
        else:
            self.cancel.setFocus()

    def _follow(self, progress: Progress) -> None:
        self.bar.setValue(progress.total - progress.held_back)
        self.progress.emit(progress)


def result_text(result: Progress, done: str, held_back: str) -> str:
    """Return how a plan ended: ``done``, then what else became of its items, then why."""
    parts = [done]
    for number, word in ((result.failed, "failed"), (result.unknown, "unknown"), (result.held_back, held_back)):
        if number:
            parts.append(f"{number:,} {word}")
    return f"{', '.join(parts)}. {formats.plain(result.words)}".strip()


def tint(heading: QLabel, environment: Environment) -> None:
    """Paint a heading in the colour of the environment that is acted on."""
    palette = heading.palette()
    palette.setColor(heading.foregroundRole(), theme.environment_colour(environment))
    heading.setPalette(palette)
