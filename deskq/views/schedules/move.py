"""Schedules from one store into another: a copy, and for a move the deletion of what was written there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from deskq.actions.executor import Progress
from deskq.formats import count
from deskq.schedules.diff import FieldChange, copy_of
from deskq.services.schedules.following import Schedules
from deskq.services.schedules.shown import ShownSchedule

if TYPE_CHECKING:
    from deskq.schedules.profile_reader import StoreState
    from deskq.views.actions.plan_dialog import StepsDialog
    from deskq.views.schedules.commands import ScheduleCommands


class MoveSchedules:
    """Two plans, each previewed and journalled: nothing is deleted before the other store has it.

    Between the two both stores have it, and what is due then runs twice: the preview says so.
    """

    def __init__(
        self,
        acts_at: Callable[[str], ScheduleCommands],
        followed: Mapping[str, Schedules],
        target: tuple[str, str],
        chosen: Sequence[ShownSchedule],
        *,
        move: bool,
    ) -> None:
        self._acts_at = acts_at
        self._target = target
        self._into = followed[target[0]]
        self._chosen = [one for one in chosen if (one.profile.name, one.row.url) != target]
        self._move = move

    def begin(self) -> None:
        """Preview the copy."""
        profile, url = self._target
        acts = self._acts_at(profile)
        state = next((s for s in self._into.stores if s.store is not None and s.store.url == url), None)
        if state is None or state.store is None:
            acts.edits.say("This store no longer exists. Refresh the view.")
            return
        fit, left_out = self._fitting(state)
        if not fit:
            acts.edits.say(left_out or "There is nothing to copy.")
            return
        taken = {shown.entry.name for shown in self._into.rows if shown.row.url == url}
        changes = []
        for one in fit:
            entry = copy_of(one.entry, taken)
            taken.add(entry.name)
            changes.append(FieldChange(None, entry))
        notes = [left_out]
        if self._move:
            notes.append("Next, confirm deleting the originals. Until then both stores run them.")

        def asked(preview: StepsDialog) -> None:
            if self._move:
                preview.ended.connect(partial(self._copied, fit))

        acts.change(state, changes, note=" ".join(filter(None, notes)), then=asked)

    def _copied(self, fit: Sequence[ShownSchedule], progress: Progress) -> None:
        """Delete where they were, if all of them were written: which ones were not, the journal says, not a number."""
        if progress.done < len(fit):
            if progress.done:
                self._acts_at(self._target[0]).edits.say(
                    f"{progress.done:,} of {len(fit):,} copied. The originals were kept."
                )
            return
        profiles: dict[str, list[ShownSchedule]] = {}
        for one in fit:
            if not one.row.why_not:
                profiles.setdefault(one.profile.name, []).append(one)
        for profile, rows in profiles.items():
            self._acts_at(profile).delete(rows)
        kept = sum(bool(one.row.why_not) for one in fit)
        if kept:
            self._acts_at(self._target[0]).edits.say(f"{count(kept, 'schedule')} not moved: {fit[0].row.why_not}")

    def _fitting(self, state: StoreState) -> tuple[list[ShownSchedule], str]:
        """Those that the store can keep, and a sentence about the others."""
        assert state.store is not None
        kinds = state.store.abilities.kinds
        fits = [not one.entry.problem and type(one.entry.schedule) in kinds for one in self._chosen]
        fit = [one for one, does in zip(self._chosen, fits, strict=True) if does]
        others = [one for one, does in zip(self._chosen, fits, strict=True) if not does]
        if not others:
            return fit, ""
        names = ", ".join(
            f"“{one.entry.name}” ({'broken' if one.entry.problem else type(one.entry.schedule).__name__.lower()})"
            for one in others[:3]
        )
        more = f" and {len(others) - 3:,} more" if len(others) > 3 else ""
        return fit, f"{state.title} cannot store {names}{more}."
