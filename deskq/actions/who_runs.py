"""Who runs a task just now: what workers answer, whom the history last saw with it, and who is silent."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from deskq.brokers.control_nodes import control_nodes
from deskq.errors import UserError
from deskq.history.reading.reader import HistoryReader
from deskq.profiles import Profile
from deskq.protocol.task_states import FINAL_STATES
from deskq.results.abort.port import READY
from deskq.results.opening import open_results

_ENDED: Final = frozenset({"SUCCESS", "FAILURE", "REVOKED", "REJECTED", "ENDED"})
_MOST_ASKED: Final = 1_000
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


def ended_already(profile: Profile, ids: Collection[str]) -> dict[str, str]:
    """Return the states of those tasks that are known to have ended, by the history or the result backend. Blocking.

    Neither need be there, nor answer: nothing is known then. Of very many only some are looked for in the backend.
    """
    found: dict[str, str] = {}
    unknown = list(ids)
    with contextlib.suppress(UserError), contextlib.closing(HistoryReader(profile.history_path())) as reader:
        rows = {uuid: row for uuid in ids if (row := reader.task_row(uuid)) is not None}
        found = {uuid: row.state for uuid, row in rows.items() if row.state in _ENDED}
        unknown = [uuid for uuid in ids if uuid not in found]
    if profile.result_backend and unknown:
        with contextlib.suppress(UserError), contextlib.closing(open_results(profile)) as store:
            for uuid in unknown[:_MOST_ASKED]:
                record = store.get(uuid)
                if record is not None and record.state in READY:
                    found[uuid] = record.state
    return found


def ended_note(ended: Mapping[str, str], count: int) -> str:
    """Return a note, for the preview of revoking ``count`` tasks, on those that have ended; "" if none has."""
    if not ended:
        return ""
    states = ", ".join(sorted(set(ended.values())))
    if count == 1:
        return f"The task has already ended ({states}); revoking it changes nothing."
    which = (
        f"All {count:,} tasks have"
        if len(ended) == count
        else f"{len(ended):,} of the {count:,} tasks {'has' if len(ended) == 1 else 'have'}"
    )
    return f"{which} already ended ({states}); revoking {'it' if len(ended) == 1 else 'them'} changes nothing."


def silent_nodes(
    profile: Profile, answered: Collection[str], heard: Collection[str], *, may: str = "it may run there"
) -> str:
    """Return a sentence on who may run a task and did not answer, "" if everybody did. Blocking.

    ``heard``: who answered another question a moment ago; ``may``: what follows where somebody is silent.
    """
    nodes = control_nodes(profile)
    if nodes is None:
        names = sorted(set(heard) - set(answered))
        hint = " without its management API" if profile.transport.has_management else ""
        others = f"The broker cannot list other workers{hint}; of one that does not reply: {may}."
        return f"{_some(names)} did not reply. {others}" if names else others
    names = sorted((nodes.names | set(heard)) - set(answered))
    count = len(names)
    if nodes.connected is not None:  # names of nodes that were killed are still there
        count = max(nodes.connected - len(answered), len(set(heard) - set(answered)))
    if not count:
        return ""
    if count == len(names):
        return f"{_some(names)} {'does' if count == 1 else 'do'} not reply: {may}."
    who = f"{count:,} connected {'worker does' if count == 1 else 'workers do'} not reply"
    return f"{who}, of {_some(names)}: {may}." if names else f"{who}: {may}."


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMES]) + (f" and {len(names) - _MOST_NAMES:,} more" if names[_MOST_NAMES:] else "")
