"""Where candidates for a retry come from: what the result backend keeps of a call, beside the history's reprs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from deskq.actions.retry import Stored
from deskq.profiles import Profile
from deskq.results.record import ResultRecord
from deskq.results.store import open_results


@contextlib.contextmanager
def stored_calls(profile: Profile) -> Iterator[Callable[[str], Stored | None] | None]:
    """Yield what looks a task's call up in the result backend, None without one. Blocking; raises UserError."""
    if not profile.result_backend:
        yield None
        return
    store = open_results(profile)
    try:
        yield lambda task_id: stored_call(store.get(task_id))
    finally:
        store.close()


def stored_call(record: ResultRecord | None) -> Stored | None:
    """Return the call of a record of ``result_extended``; django-celery-results keeps only the event's texts."""
    if record is None or not record.extended or record.arguments_are_reprs:
        return None
    if not isinstance(record.args, list) or not isinstance(record.kwargs, dict):
        return None
    return Stored(record.name or "", record.args, record.kwargs)
