"""What changes something at a broker: wherever in the window it is asked for, the dialog for it is opened here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QMainWindow

from deskq.formats import count, plain
from deskq.services.session import ProfileSession
from deskq.views.widgets.commands import CommandKey
from deskq.views.widgets.page import Commands
from deskq.views.widgets.requests import (
    AbortTasks,
    ControlWorkers,
    PauseQueue,
    Refuse,
    Request,
    ResumeQueue,
    RetryTasks,
    RevokeTasks,
    SendTask,
)
from deskq.views.widgets.task_drop import TaskDrop
from deskq.views.widgets.toast import UndoOffer

if TYPE_CHECKING:
    from deskq.actions.messages.call import Call
    from deskq.views.actions.retry_dialog import RetryDialog
    from deskq.views.actions.send.dialog import SendDialog
    from deskq.views.actions.workers.worker_actions import WorkerActions


class ActionDialogs:
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

    def carry(self, request: Request) -> None:
        """Open the dialog for what a page asks."""
        match request:
            case RetryTasks(profile, tasks, choose):
                dialog = self.retry(profile, list(tasks), profile, "")
                if choose:
                    dialog.queue.setFocus()
            case RevokeTasks(profile, named, terminate):
                self.steering(profile).revoke(list(named), terminate=terminate)
            case AbortTasks(profile, named):
                self.steering(profile).abort(list(named))
            case ControlWorkers(profile, verb, workers):
                self.steering(profile).control(verb, list(workers))
            case PauseQueue(profile, queue, workers):
                self.steering(profile).pause(queue, list(workers))
            case ResumeQueue(profile, queue):
                self.steering(profile).resume(queue)
            case SendTask(profile, queue, like, call):
                self.send(profile, queue, like, call)
            case Refuse(reason):
                self.say_refusal(reason)

    def say_refusal(self, reason: str) -> None:
        """Say at the bottom of the window why something is not done."""
        UndoOffer(plain(reason), None, self._window)

    def commands(self, profile: str) -> Commands:
        """Return the commands that act on a profile and need no selection; none for ""."""
        if not self._writable(profile):
            return {}
        found: dict[CommandKey, Callable[[], object]] = {"send_task": partial(self.send, profile)}
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

    def accept_drops(self, drop: TaskDrop) -> None:
        """Let tasks be dropped there."""
        drop.judge = self.check_drop
        drop.hovered.connect(self._say)
        drop.dropped.connect(self.retry)

    def check_drop(self, source: str, number: int, profile: str, queue: str) -> tuple[bool, str]:
        """Say whether tasks may be dropped on a queue, and what that would do."""
        target = self._sessions.get(profile)
        if target is None or source not in self._sessions:
            return False, ""
        if target.profile.read_only:
            return False, f"{profile} is read-only: tasks cannot be retried"
        environment = target.profile.environment.short
        return True, f"Retry {count(number, 'task')} on {plain(queue)} at {plain(profile)} ({environment})"

    def retry(self, source: str, tasks: list[str | int], profile: str, queue: str) -> RetryDialog:
        """Open the preview of a retry; queue "" means where each task came from."""
        from deskq.services.retry import RetryService
        from deskq.views.actions.retry_dialog import RetryDialog

        dialog = RetryDialog(RetryService(self._sessions[source], self._sessions[profile]), tasks, queue, self._window)
        dialog.open()
        return dialog

    def steering(self, profile: str) -> WorkerActions:
        """Return what acts on the workers of a profile."""
        from deskq.views.actions.workers.worker_actions import WorkerActions

        return WorkerActions(self._sessions[profile], self._window)
