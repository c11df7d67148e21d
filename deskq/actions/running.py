"""Who runs a task just now: what workers answer, whom the history last saw with it, and who is silent."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from typing import Final

from deskq.brokers.control_nodes import control_nodes
from deskq.errors import UserError
from deskq.history.reader import HistoryReader
from deskq.profiles import Profile
from deskq.protocol.task_summary import FINAL_STATES

_TERMINATED: Final = "terminate: "
_MOST_NAMES: Final = 5


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


def last_seen(profile: Profile, ids: Collection[str]) -> dict[str, str]:
    """Return the worker that may still run a task, by the history, "" for tasks that have ended. Blocking.

    Tasks that it does not know, or of which it knows no worker, are absent. LOST is no end: the worker was silent.
    """
    try:
        with contextlib.closing(HistoryReader(profile.history_path())) as reader:
            rows = [row for uuid in ids if (row := reader.task_row(uuid)) is not None]
    except UserError:
        return {}
    ended = FINAL_STATES - {"LOST"}
    return {row.uuid: "" if row.state in ended else row.worker for row in rows if row.worker or row.state in ended}


def silent_nodes(
    profile: Profile, answered: Collection[str], heard: Collection[str], *, may: str = "it may run there"
) -> str:
    """Return a sentence on who may run a task and did not answer, "" if everybody did. Blocking.

    ``heard``: who answered another question a moment ago; ``may``: what follows where somebody is silent.
    """
    nodes = control_nodes(profile)
    if nodes is None:
        names = sorted(set(heard) - set(answered))
        hint = " without its management API" if profile.transport == "amqp" else ""
        others = f"The broker cannot tell{hint} which other workers are there; of one that is silent: {may}."
        return f"{_some(names)} did not answer. {others}" if names else others
    names = sorted((nodes.names | set(heard)) - set(answered))
    count = len(names)
    if nodes.connected is not None:  # names of nodes that were killed are still there
        count = max(nodes.connected - len(answered), len(set(heard) - set(answered)))
    if not count:
        return ""
    if count == len(names):
        return f"{_some(names)} {'does' if count == 1 else 'do'} not answer: {may}."
    who = f"{count:,} connected {'worker does' if count == 1 else 'workers do'} not answer"
    return f"{who}, of {_some(names)}: {may}." if names else f"{who}: {may}."


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMES]) + (f" and {len(names) - _MOST_NAMES:,} more" if names[_MOST_NAMES:] else "")
