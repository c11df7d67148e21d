"""What changes something at a broker: wherever in the window it is asked for, the dialog for it is opened here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QMainWindow

from deskq.formats import count, plain
from deskq.services.session import ProfileSession
from deskq.views.tasks.drag import TaskDrop
from deskq.views.widgets.toast import UndoOffer

if TYPE_CHECKING:
    from deskq.actions.messages.call import Call
    from deskq.views.actions.retry_dialog import RetryDialog
    from deskq.views.actions.send.dialog import SendDialog
    from deskq.views.actions.workers.worker_actions import Steering


class Acting:
    """Opens what previews a change; ``say`` shows a line while something is dragged, ``open_task`` a task's detail.

    The dialogs and what carries their plans out are imported when they are first needed: the window starts without.
    """

    def __init__(
        self,
        window: QMainWindow,
        sessions: Mapping[str, ProfileSession],
        say: Callable[[str], None],
        open_task: Callable[[str, str], object],
    ) -> None:
        self._window = window
        self._sessions = sessions
        self._say = say
        self._open_task = open_task

    def wire(self, view: Any, profile: str) -> None:
        """Listen to what a view of a profile asks for."""
        for name, slot in (
            ("retry_tasks", self._retry),
            ("revoke_tasks", self._revoke),
            ("abort_tasks", self._abort),
            ("control_workers", self._control),
            ("pause_queue", self._pause),
            ("resume_queue", self._resume),
            ("send_task", self._send),
            ("send_like", self._send_like),
            ("send_call", self.send_call),
            ("refused", self._refused),
        ):
            signal = getattr(view, name, None)
            if signal is not None:
                signal.connect(partial(slot, profile))
        if isinstance(drop := getattr(view, "drop", None), TaskDrop):
            self.take_drops(drop)

    def commands(self, profile: str) -> dict[str, Callable[[], object]]:
        """Return the commands that act on a profile and need no selection; none for ""."""
        if not self._writable(profile):
            return {}
        found: dict[str, Callable[[], object]] = {"send_task": partial(self.send, profile)}
        session = self._sessions.get(profile)
        if session is not None and session in self._writable(profile) and not session.profile.silent:
            found["revoke_stamped"] = self.steering(profile).revoke_stamped
        return found

    def _writable(self, first: str) -> list[ProfileSession]:
        """The sessions at which something may be sent, this one first."""
        found = [each for each in self._sessions.values() if each.profile.has_broker and not each.profile.read_only]
        return sorted(found, key=lambda each: each.profile.name != first)

    def send(self, profile: str, queue: str = "", like: str = "", call: Call | None = None) -> SendDialog | None:
        """Open the dialog that sends a task, see SendDialog; None if nothing may be sent anywhere."""
        from deskq.views.actions.send.dialog import SendDialog

        sessions = self._writable(profile)
        if not sessions:
            return None
        dialog = SendDialog(sessions, profile, queue=queue, like=like, call=call, parent=self._window)
        dialog.open_task.connect(self._open_task)
        dialog.open()
        return dialog

    def send_call(self, profile: str, call: Call) -> None:
        """Open the dialog on a call."""
        self.send(profile, call=call)

    def _refused(self, _profile: str, reason: str) -> None:
        UndoOffer(plain(reason), None, self._window)

    def _send(self, profile: str, queue: str) -> None:
        self.send(profile, queue)

    def _send_like(self, profile: str, uuid: str) -> None:
        self.send(profile, like=uuid)

    def take_drops(self, drop: TaskDrop) -> None:
        """Let tasks be dropped there."""
        drop.judge = self.judge_drop
        drop.hovered.connect(self._say)
        drop.dropped.connect(self.retry)

    def judge_drop(self, source: str, number: int, profile: str, queue: str) -> tuple[bool, str]:
        """Say whether tasks may be dropped on a queue, and what that would do."""
        target = self._sessions.get(profile)
        if target is None or source not in self._sessions:
            return False, ""
        if target.profile.read_only:
            return False, f"{profile} is read-only: nothing is retried there"
        environment = target.profile.environment.short
        return True, f"Retry {count(number, 'task')} on {plain(queue)} at {plain(profile)} ({environment})"

    def retry(self, source: str, tasks: list[str | int], profile: str, queue: str) -> RetryDialog:
        """Open the preview of a retry; queue "" means where each task came from."""
        from deskq.services.retry import Retrying
        from deskq.views.actions.retry_dialog import RetryDialog

        dialog = RetryDialog(Retrying(self._sessions[source], self._sessions[profile]), tasks, queue, self._window)
        dialog.open()
        return dialog

    def steering(self, profile: str) -> Steering:
        """Return what acts on the workers of a profile."""
        from deskq.views.actions.workers.worker_actions import Steering

        return Steering(self._sessions[profile], self._window)

    def _revoke(self, profile: str, tasks: list[tuple[str, str]], terminate: bool) -> None:
        self.steering(profile).revoke(tasks, terminate=terminate)

    def _abort(self, profile: str, tasks: list[tuple[str, str]]) -> None:
        self.steering(profile).abort(tasks)

    def _control(self, profile: str, verb: str, workers: list[str]) -> None:
        self.steering(profile).control(verb, workers)

    def _pause(self, profile: str, queue: str, workers: list[str]) -> None:
        self.steering(profile).pause(queue, workers)

    def _resume(self, profile: str, queue: str) -> None:
        self.steering(profile).resume(queue)

    def _retry(self, profile: str, tasks: list[str | int], choose: bool) -> None:
        dialog = self.retry(profile, tasks, profile, "")
        if choose:
            dialog.queue.setFocus()
