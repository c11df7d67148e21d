"""Asks before something is saved with which a broker would be guarded less than before."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from PySide6.QtWidgets import QMessageBox

from deskq.formats import plain
from deskq.profiles import Profile, ProfileFile
from deskq.profiles.fields import SAFETY_WORDS, is_less_safe
from deskq.profiles.guarding import left_unguarded, lower_than_guarded
from deskq.profiles.importing.proposals import Proposal
from deskq.services.background.background_tasks import BackgroundTasks
from deskq.services.background.patience import InTurn, run_in_daemon_thread

Work = Callable[[], Coroutine[Any, Any, None]]


class LoweringGuard:
    """Starts work, or asks first. ``make_box``: a question from a text and its reason."""

    def __init__(
        self,
        file: ProfileFile,
        in_turn: InTurn,
        tasks: BackgroundTasks,
        make_box: Callable[[str, str], QMessageBox],
    ) -> None:
        self._file = file
        self._in_turn = in_turn
        self._tasks = tasks
        self._make_box = make_box

    def save(self, before: Profile | None, profile: Profile, work: Work, name: str) -> None:
        """Start to save a profile, ``before`` being what it was; asks if its level of safety sinks."""
        if before is not None and is_less_safe(before, profile):
            self._ask(
                f"Lower the safety level of “{plain(profile.name)}” ({profile.environment.value})?",
                f"Current: {SAFETY_WORDS[before.safety]}.\nNew: {SAFETY_WORDS[profile.safety]}.",
                work,
                name,
            )
        elif before is not None and before.url == profile.url:
            self._tasks.start(work(), name)
        else:
            self._tasks.start(self._save_if_guarded(before, profile, work, name), name)

    def take(self, proposals: Sequence[Proposal], work: Work, name: str) -> None:
        """Start to take imported profiles; asks if safer profiles guard their brokers."""
        self._tasks.start(self._take_if_guarded(proposals, work, name), name)

    async def _take_if_guarded(self, proposals: Sequence[Proposal], work: Work, name: str) -> None:
        reasons = [reason for proposal in proposals if (reason := await self._lower(proposal.profile))]
        if reasons:
            self._ask("Import with a lower safety level?", plain(" ".join(reasons)), work, name)
        else:
            await work()

    async def _save_if_guarded(self, before: Profile | None, profile: Profile, work: Work, name: str) -> None:
        """Save a profile of another broker than before, unless a safer profile guards that: then it is asked about."""
        reason = await self._lower(profile, before.name if before is not None else "")
        if not reason and before is not None:
            others = await self._in_turn(self._file.guards)
            reason = await run_in_daemon_thread(partial(left_unguarded, before, profile, others))
        if reason:
            self._ask(f"Save “{plain(profile.name)}” with a lower safety level?", plain(reason), work, name)
        else:
            await work()

    async def _lower(self, profile: Profile, was: str = "") -> str:
        """Return which safer profile guards the broker of one that is to be saved, as a sentence, "" if none does."""
        others = await self._in_turn(lambda: [one for one in self._file.guards() if one.name != was])
        reason: str = await run_in_daemon_thread(partial(lower_than_guarded, profile, others))
        return reason

    def _ask(self, question: str, why: str, work: Work, name: str) -> None:
        box = self._make_box(question, why)
        lower = box.addButton("Lower safety", QMessageBox.ButtonRole.DestructiveRole)
        lower.clicked.connect(lambda: self._tasks.start(work(), name))
        box.open()
