"""Who runs a task just now: what workers answer, and whom the history last saw with it."""

from __future__ import annotations

import contextlib
from collections.abc import Collection

from deskq.errors import UserError
from deskq.history.reader import HistoryReader
from deskq.profiles import Profile

_TERMINATED = "terminate: "


def runs(reply: object, uuid: str) -> bool:
    """Does a worker's answer to query_task say that it runs this task?"""
    found = reply.get(uuid) if isinstance(reply, dict) else None
    return isinstance(found, list | tuple) and bool(found) and found[0] == "active"


def terminated(reply: object) -> set[str]:
    """Return the ids that a worker's answer to a revocation says it ended."""
    words = reply.get("ok") if isinstance(reply, dict) else None
    if not isinstance(words, str) or not words.startswith(_TERMINATED):
        return set()
    return set(words.removeprefix(_TERMINATED).split(", "))


def last_seen_with(profile: Profile, ids: Collection[str]) -> dict[str, str]:
    """Return the worker of each task that had not ended when it was last seen; empty without a history. Blocking."""
    try:
        with contextlib.closing(HistoryReader(profile.history_path())) as reader:
            rows = [row for uuid in ids if (row := reader.task_row(uuid)) is not None]
    except UserError:
        return {}
    return {row.uuid: row.worker for row in rows if row.worker and row.finished is None}
