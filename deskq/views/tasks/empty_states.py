"""What the Tasks view says where it shows no task, and what its menu offers."""

from __future__ import annotations

from typing import Final

from deskq.formats import plain
from deskq.models.tasks.table import TasksModel
from deskq.services.session import ProfileSession
from deskq.views.tasks.filter_bar import FilterBar
from deskq.views.tasks.search_strip import SearchStrip
from deskq.views.widgets.commands import CommandKey
from deskq.views.widgets.empty_pane import EmptyPane

MENU: Final[tuple[CommandKey, ...]] = (
    *("detail", "retry", "retry_to", "retry_all", "send_like", "revoke", "revoke_all", "terminate", "abort"),
    *("copy_cell", "copy_row", "copy_uuid", "copy_json", "copy_call"),
)
MOST_RETRIED: Final = 100_000
"""Tasks that are retried at once from the window."""
MOST_REVOKED: Final = 50_000
"""Tasks that are revoked at once from the window: a worker remembers no more (celery.worker.state.REVOKES_MAX)."""
_NO_EVENTS: Final = "Start workers with -E, or set worker_send_task_events = True, to see their tasks."


def empty_words(
    model: TasksModel,
    problem: str,
    *,
    trouble: str,
    doubt: str,
    waiting: bool,
    heard: bool,
    loading: bool,
    searching: bool,
) -> tuple[str, str, str]:
    """Return title, reason, and what the button says, "" for none.

    ``trouble``: why the filter is not understood, ``doubt``: what is odd about it. ``waiting``: for a recorder to begin
    the history. ``heard``: whether the broker has been heard, which is not the same as hearing of no task.
    """
    if waiting:
        return "Waiting for the history", problem or "The recorder is starting.", ""
    if trouble:
        return "Filter not understood", plain(trouble), "Clear filter"
    if searching:
        return "Searching", "No match so far.", ""
    if model.search is not None and model.search.stopped:
        return "No task found", "The search was stopped: older tasks were not searched.", "Clear filter"
    if loading:
        return "Reading the history", "Looking for matching tasks.", ""
    if not model.task_filter.empty:
        return "No task matches", plain(doubt) or "No task in the history matches the filter.", "Clear filter"
    if problem:
        return "Nothing recorded", problem, ""
    if not heard:
        return "Not connected yet", "Tasks appear when the recorder is connected to the broker.", ""
    return "No task events yet", _NO_EVENTS, ""


class TasksEmptyState:
    """Says in ``pane`` why no task is shown; what the model and the session tell is remembered for that."""

    def __init__(
        self, session: ProfileSession, model: TasksModel, bar: FilterBar, search: SearchStrip, pane: EmptyPane
    ) -> None:
        self._session = session
        self._model = model
        self._bar = bar
        self._search = search
        self._pane = pane
        self.loading = True
        self.problem = ""

    def set_loading(self, loading: bool) -> None:
        """The list of tasks is being read, or it is there."""
        self.loading = loading
        if not loading:
            self.problem = ""

    def say(self) -> None:
        """Say it as it is now."""
        session = self._session
        waiting = session.status is None and session.connected and session.profile.has_broker
        begun = session.connected and not waiting  # before that there is no history, and nothing is wrong
        words = empty_words(
            self._model,
            session.problem or (self.problem if begun else ""),
            trouble=self._bar.trouble,
            doubt=self._bar.doubt,
            waiting=waiting,
            heard=session.heard,
            loading=self.loading,
            searching=self._search.running,
        )
        self._pane.say(*words)
