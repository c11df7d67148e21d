"""Workers that are told, tasks that are revoked and queues that are paused from the window."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtWidgets import QInputDialog, QWidget

from deskq import formats
from deskq.actions.plan import Plan, Step
from deskq.actions.undo import resume_plans
from deskq.actions.who_runs import ended_already, ended_note
from deskq.actions.workers.abort import NOTE, plan_abort, stored_states
from deskq.actions.workers.control import plan_control, plan_pause
from deskq.actions.workers.revoke import SIGNALS, plan_revoke, plan_revoke_stamped
from deskq.actions.workers.verbs import VERBS, ControlVerb, answer_text
from deskq.errors import UserError
from deskq.history.reading.reader import HistoryReader
from deskq.services.journal import ask_journal
from deskq.services.session import ProfileSession
from deskq.views.actions.plan_dialog import StepsDialog
from deskq.views.actions.workers.control_dialog import ControlDialog
from deskq.views.actions.workers.replies_dialog import RepliesDialog
from deskq.views.widgets.toast import UndoOffer

_FORGOTTEN = "Workers forget revocations when they restart, unless --statedb is set."
_AGAIN = "Workers that start later consume the queue again."


class WorkerActions:
    """Acts on the workers of one session; dialogs stand above ``window``."""

    def __init__(self, session: ProfileSession, window: QWidget) -> None:
        self._session = session
        self._profile = session.profile
        self._window = window

    def revoke(self, tasks: Sequence[tuple[str, str]], *, terminate: bool) -> None:
        """Preview a revocation of (id, name); which signal ends those that run is asked first."""
        if not terminate:
            self._session.spawn(self._revoke(list(tasks)), "revoke")
            return
        asked = QInputDialog(self._window)
        asked.setWindowTitle("Revoke and terminate")
        asked.setLabelText("Signal for the processes of running tasks:")
        asked.setComboBoxItems(list(SIGNALS))
        asked.setOkButtonText("Preview…")
        asked.textValueSelected.connect(lambda signal: self._terminate(tasks, signal))
        asked.finished.connect(asked.deleteLater)
        asked.open()

    async def _revoke(self, tasks: list[tuple[str, str]], signal: str = "") -> None:
        """Preview it, with which of the tasks have ended; ``signal``: ends those that run."""
        ids = [uuid for uuid, _ in tasks]
        ended = await asyncio.get_running_loop().run_in_executor(None, ended_already, self._profile, ids)
        try:
            plan = plan_revoke(tasks, self._profile, terminate=bool(signal), signal=signal or "TERM")
        except UserError as error:
            self.say(str(error))
            return
        again = "deskq checks again which worker runs each task before it terminates it." if signal else ""
        note = " ".join(part for part in (ended_note(ended, len(ids)), again, _FORGOTTEN) if part)
        self._preview(plan, button="Terminate" if signal else "Revoke", note=note)

    def _terminate(self, tasks: Sequence[tuple[str, str]], signal: str) -> None:
        self._session.spawn(self._revoke(list(tasks), signal), "revoke")

    def abort(self, tasks: Sequence[tuple[str, str]]) -> None:
        """Preview that abortable tasks, (id, name) each, are asked to stop; what is stored of them is read first."""
        self._session.spawn(self._abort(list(tasks)), "abort")

    async def _abort(self, tasks: list[tuple[str, str]]) -> None:
        profile, ids = self._profile, [uuid for uuid, _ in tasks]
        try:
            stored = await asyncio.get_running_loop().run_in_executor(None, stored_states, profile, ids)
            plan = plan_abort(tasks, stored, profile)
        except UserError as error:
            self.say(str(error))
            return
        StepsDialog(plan, profile, self._window, button="Abort", note=NOTE).open()

    def revoke_stamped(self) -> None:
        """Ask for a stamped header, and preview that every task that has it is revoked, seen or unseen."""
        asked = QInputDialog(self._window)
        asked.setWindowTitle("Revoke by stamp")
        asked.setLabelText("Stamped header (NAME=VALUE):")
        asked.setOkButtonText("Preview…")
        asked.textValueSelected.connect(partial(WorkerActions._revoke_stamped, self))  # nobody else keeps this object
        asked.finished.connect(asked.deleteLater)
        asked.open()

    def _revoke_stamped(self, text: str) -> None:
        name, equals, value = text.strip().partition("=")
        if not (name and equals):
            self.say(f"“{text}” is not a stamp. Write it as NAME=VALUE.")
            return
        self._preview(plan_revoke_stamped({name: value}, self._profile), button="Revoke", note=_FORGOTTEN)

    def control(self, name: str, workers: Sequence[str]) -> None:
        """Ask these workers, or preview what they are told; arguments are asked for first."""
        verb = VERBS[name]
        if not verb.changes:
            self._session.spawn(self._ask(verb, list(workers)), verb.title)
        elif not verb.parameters:
            self._tell(verb, {}, workers)
        else:
            self._session.spawn(self._ask_arguments(verb, list(workers)), verb.title)

    def pause(self, queue: str, workers: Sequence[str]) -> None:
        """Preview the pause of a queue on these workers, which consume it."""
        try:
            self._preview(plan_pause(queue, workers, self._profile), button="Pause", note=_AGAIN)
        except UserError as error:
            self.say(str(error))

    def resume(self, queue: str) -> None:
        """Preview that those who were told to leave a queue consume it again."""
        self._session.spawn(self._resume(queue), "resume")

    def say(self, text: str) -> None:
        """Say something at the bottom of the window for a while."""
        UndoOffer(formats.plain(text), None, self._window)

    async def _resume(self, queue: str) -> None:
        name = self._profile.name
        try:
            plans = await ask_journal(lambda journal: resume_plans(journal, queue, name)[:1], list[Plan[Step]]())
        except UserError as error:
            self.say(str(error))
            return
        for plan in plans:
            self._preview(plan, button="Resume", note="")

    async def _ask(self, verb: ControlVerb, workers: list[str]) -> None:
        try:
            if verb.first:
                await self._session.inspect(verb.first, workers or None, wait=2.0)
            replies = await self._session.inspect(verb.method, workers or None, wait=2.0)
        except UserError as error:
            self.say(str(error))
            return
        texts = {name: answer_text(verb, reply) for name, reply in replies.items()}
        RepliesDialog(f"{verb.title} at {self._profile.name}", texts, workers, self._window).open()

    async def _ask_arguments(self, verb: ControlVerb, workers: list[str]) -> None:
        def read(reader: HistoryReader) -> tuple[Sequence[str], Sequence[str]]:
            facets = reader.facets()
            return facets.names, sorted({*facets.queues, *(queue.name for queue in reader.queues())})

        try:
            tasks, queues = await self._session.ask(read, slot="control workers")
        except UserError:
            tasks, queues = (), ()
        where = workers[0] if len(workers) == 1 else formats.count(len(workers), "worker")
        dialog = ControlDialog(verb, where, tasks=tasks, queues=queues, parent=self._window)
        dialog.given.connect(lambda arguments: self._tell(verb, arguments, workers))
        dialog.open()

    def _tell(self, verb: ControlVerb, arguments: Mapping[str, Any], workers: Sequence[str]) -> None:
        try:
            plan = plan_control(verb, arguments, workers, self._profile)
        except UserError as error:
            self.say(str(error))
            return
        self._preview(plan, button=verb.title, note=verb.lasts)

    def _preview(self, plan: Plan[Step], *, button: str, note: str) -> StepsDialog:
        dialog = StepsDialog(plan, self._profile, self._window, button=button, note=note)
        dialog.open()
        return dialog
