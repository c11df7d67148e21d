"""What is done to the selected schedules, of one profile or of several: edited, switched, moved, sent, copied."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from deskq import formats
from deskq.history.reading.filter_language import filter_text
from deskq.services.schedules.following import Schedules
from deskq.services.schedules.shown import ShownSchedule
from deskq.views.schedules.copying import copy_python, copy_redbeat
from deskq.views.schedules.drag import Place
from deskq.views.widgets.commands import CommandKey
from deskq.views.widgets.page import Page
from deskq.views.widgets.requests import FilterTasks, SendTask
from deskq.views.widgets.toast import UndoOffer

if TYPE_CHECKING:
    from deskq.schedules.profile_reader import StoreState
    from deskq.views.schedules.commands import ScheduleCommands


class SelectedSchedules:
    """Acts on ``rows()``, or on ``current()`` alone. ``store_for_new``: where a new schedule of a profile goes."""

    def __init__(
        self,
        page: Page,
        followed: Mapping[str, Schedules],
        rows: Callable[[], list[ShownSchedule]],
        current: Callable[[], ShownSchedule | None],
        store_for_new: Callable[[str], StoreState | None],
    ) -> None:
        self._page = page
        self._followed = followed
        self._rows = rows
        self._current = current
        self._store_for_new = store_for_new
        self._acts: dict[str, ScheduleCommands] = {}
        self._used = ""

    def reading(self) -> dict[CommandKey, Callable[[], object]]:
        """Return the commands that change nothing."""
        return {
            "copy_python": lambda: copy_python(self._rows()),
            "copy_redbeat": lambda: copy_redbeat(self._rows(), self.say),
            "schedule_tasks": self.show_tasks,
        }

    def changing(self) -> dict[CommandKey, Callable[[], object]]:
        """Return the commands for profiles whose schedules may be changed."""
        return {
            "duplicate_schedule": self.duplicate,
            "enable_schedule": lambda: self.switch(enabled=True),
            "disable_schedule": lambda: self.switch(enabled=False),
            "delete_schedule": self.delete,
            "run_schedule": self.run_now,
            "undo": self.undo,
            "redo": self.redo,
        }

    def acts_at(self, profile: str) -> ScheduleCommands:
        """Return what changes the stores of a profile; made when it is first needed."""
        self._used = profile
        acts = self._acts.get(profile)
        if acts is None:
            from deskq.views.schedules.commands import ScheduleCommands  # it needs what acts, the view does not

            acts = self._acts[profile] = ScheduleCommands(self._followed[profile], self._page)
        return acts

    def forget(self, profile: str) -> None:
        """A profile is shown no longer."""
        self._acts.pop(profile, None)
        if self._used == profile:
            self._used = ""

    def edit(self) -> None:
        """Open the editor on the current schedule."""
        one = self._current()
        if one is not None and self._changeable([one]):
            self.acts_at(one.profile.name).edit(one)

    def duplicate(self) -> None:
        """Open the editor on a copy of the current schedule, in its store or, where that is not written, another."""
        one = self._current()
        if one is not None and self._changeable([one]):
            self.acts_at(one.profile.name).duplicate(one, self._store_for_new(one.profile.name))

    def switch(self, *, enabled: bool) -> None:
        """Enable or disable the selected schedules, after asking."""
        for profile, chosen in self._by_profile().items():
            self.acts_at(profile).switch(chosen, enabled=enabled)

    def delete(self) -> None:
        """Delete the selected schedules, after asking."""
        for profile, chosen in self._by_profile().items():
            self.acts_at(profile).delete(chosen)

    def undo(self) -> None:
        """Take the last edit back, after asking."""
        self._last_acts().edits.undo()

    def redo(self) -> None:
        """Make again what was taken back, after asking."""
        self._last_acts().edits.redo()

    def change(self, verb: str) -> None:
        """Do what a button of the detail says."""
        one = self._current()
        if verb == "switch" and one is not None:
            self.switch(enabled=not one.entry.enabled)
        elif verb in ("edit", "duplicate", "delete"):
            {"edit": self.edit, "duplicate": self.duplicate, "delete": self.delete}[verb]()

    def move(self, target: Place, moved: Sequence[tuple[str, Any]], verb: str) -> None:
        """Schedules were dropped on a store, or its name was chosen: preview the copy, and the rest of a move."""
        from deskq.views.schedules.move import MoveSchedules

        rows = {one.place: one for schedules in self._followed.values() for one in schedules.rows}
        chosen = [rows[place] for place in moved if place in rows]
        if chosen and (verb == "copy" or self._changeable(chosen)):
            MoveSchedules(self.acts_at, self._followed, target, chosen, move=verb == "move").begin()

    def run_now(self) -> None:
        """Open the dialog that sends what the current schedule sends, once, now."""
        from deskq.views.schedules.commands import call_of

        one = self._current()
        if one is not None:
            self._page.request(SendTask(one.profile.name, call=call_of(one.entry)))

    def show_tasks(self) -> None:
        """Show the tasks that have the current schedule's task name."""
        one = self._current()
        if one is not None:
            self._page.request(FilterTasks(one.profile.name, filter_text(names=(one.entry.task,))))

    def say(self, text: str) -> None:
        """Say something at the bottom of the window for a while."""
        UndoOffer(text, None, self._page.window())

    def _last_acts(self) -> ScheduleCommands:
        return self.acts_at(self._used or next(iter(self._followed)))

    def _changeable(self, chosen: Sequence[ShownSchedule]) -> bool:
        """May these be changed? If not, it is said why."""
        closed = next((one.profile for one in chosen if one.profile.read_only or not one.profile.has_broker), None)
        if closed is not None:
            self.say(f"“{formats.plain(closed.name)}” is read-only: its schedules cannot be changed.")
        return closed is None

    def _by_profile(self) -> dict[str, list[ShownSchedule]]:
        chosen = self._rows()
        found: dict[str, list[ShownSchedule]] = {}
        if self._changeable(chosen):
            for one in chosen:
                found.setdefault(one.profile.name, []).append(one)
        return found
