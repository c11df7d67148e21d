"""The schedules of all connected profiles in one table."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from deskq import formats
from deskq.services.schedules.following import Schedules
from deskq.services.session import ProfileSession
from deskq.views.schedules.columns import NO_MATCH, PROFILE_COLUMN, SCHEDULE_COLUMNS
from deskq.views.schedules.pane import SchedulePane, may_change
from deskq.views.widgets.commands import CommandKey
from deskq.views.widgets.requests import OpenSchedule


class AllSchedulesView(SchedulePane):
    """What all beats do. A profile that is not connected is not asked, and named."""

    follows_profiles = True

    def __init__(self, sessions: list[ProfileSession], parent: QWidget | None = None) -> None:
        super().__init__(sessions, (PROFILE_COLUMN, *SCHEDULE_COLUMNS), "all-schedules", parent)
        self.title = "All schedules"
        self._sessions = sessions
        for session in sessions:
            session.status_changed.connect(self._follow)
        self._show()

    def add_session(self, session: ProfileSession) -> None:
        """Show a profile that came while the view is in sight."""
        self._sessions.append(session)
        schedules = self.followed[session.profile.name] = Schedules(session, self)
        schedules.changed.connect(self._show)
        session.status_changed.connect(self._follow)
        self._sessions_changed()

    def remove_session(self, name: str) -> None:
        """Show a profile no longer."""
        self._sessions = [session for session in self._sessions if session.profile.name != name]
        self.chosen.forget(name)
        schedules = self.followed.pop(name, None)
        if schedules is not None:
            schedules.stop()
            schedules.deleteLater()
        self._sessions_changed()

    def _sessions_changed(self) -> None:
        self._may_change = any(map(may_change, self._sessions))
        self.detail.allow(self._may_change)
        self._follow()
        self._show()

    def commands(self) -> dict[CommandKey, Callable[[], object]]:
        """See Page."""
        return super().commands() | {"schedule_profile": self.show_profile}

    def show_profile(self) -> None:
        """Show the current one among the schedules of its profile."""
        one = self.current()
        if one is not None:
            self.request(OpenSchedule(one.profile.name, one.place))

    def words_of_nothing(self) -> tuple[str, str]:
        """See MasterDetailPage."""
        if any(each.rows for each in self.followed.values()):
            return NO_MATCH
        away = [session.profile.name for session in self._sessions if not session.connected]
        if len(away) == len(self._sessions):
            return "No profile is connected", "Connect a profile to read its schedule stores."
        reading = [
            s.profile.name for s in self._sessions if s.connected and not self.followed[s.profile.name].read_once
        ]
        if reading:
            return "Reading the schedules", f"Reading the stores of {_names(reading)}."
        problems = [
            f"{name}, {state.title}: {state.problem}"
            for name, schedules in self.followed.items()
            for state in schedules.stores
            if state.problem
        ]
        if problems:
            return "The schedules cannot be read", "\n".join(problems)
        rest = f" Not connected: {_names(away)}." if away else ""
        return "No schedules yet", f"The connected profiles have no schedules.{rest}"

    def refresh(self) -> None:
        """Read every store of what is connected anew."""
        for session in self._sessions:
            if session.connected:
                schedules = self.followed[session.profile.name]
                schedules.refresh(everything=True)
                schedules.ask_for_beats()
                schedules.ask_for_tasks()

    def _follow(self) -> None:
        if not self.isVisible():
            return
        for session in self._sessions:
            schedules = self.followed[session.profile.name]
            if session.connected and not schedules.started:
                schedules.start()
            elif not session.connected and schedules.started:
                schedules.stop()
        self.update_empty()


def _names(names: list[str]) -> str:
    return ", ".join(f"“{formats.plain(name)}”" for name in names)
