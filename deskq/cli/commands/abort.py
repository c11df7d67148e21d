"""``deskq abort``: abortable tasks are asked to stop, by their state in the result backend."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from deskq.actions.workers.abort import NOTE, plan_abort, stored_states
from deskq.cli.carry_out import carry_out, show_steps
from deskq.cli.common import profile_of
from deskq.cli.options.acting import AbortOptions
from deskq.errors import UserError
from deskq.history.reading.reader import HistoryReader
from deskq.profiles import Profile


def run(options: AbortOptions) -> int:
    """Store ABORTED for each task that has not ended."""
    profile = profile_of(options.profile, options)
    ids = list(dict.fromkeys(options.ids))
    names = known_names(profile, ids)
    plan = plan_abort([(uuid, names.get(uuid, "")) for uuid in ids], stored_states(profile, ids), profile)
    show_steps(plan, options, note=NOTE)
    return carry_out(plan, profile, options, named="task")


def known_names(profile: Profile, ids: Sequence[str]) -> dict[str, str]:
    """Return names by id, where there is a history that knows them."""
    try:
        with contextlib.closing(HistoryReader(profile.history_path())) as reader:
            return {uuid: row.name for uuid in ids if (row := reader.task_row(uuid)) is not None}
    except UserError:
        return {}
