"""A task that is sent from the window: what completes the fields, and how the task goes on afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from deskq.actions.retry import Grade, candidates_of
from deskq.actions.sending import Call
from deskq.actions.templates import last_sent, load_templates, save_template
from deskq.errors import UserError
from deskq.history.reader import HistoryReader
from deskq.history.rows import TaskRow
from deskq.models.carrying import Carrying
from deskq.models.journal import ask_journal


class Sending(Carrying):
    """Sends one call at a session, and follows it."""

    async def names(self) -> tuple[list[str], list[str]]:
        """Return names of tasks and queues: what the history saw, and what workers registered where they are asked."""

        def read(reader: HistoryReader) -> tuple[set[str], set[str]]:
            facets = reader.facets()
            return set(facets.names), {*facets.queues, *(queue.name for queue in reader.queues())}

        try:
            tasks, queues = await self.target.ask(read, slot=f"send {id(self)}")
        except UserError:
            tasks, queues = set(), set()
        if self.target.profile.may_inspect_unasked:
            try:
                replies = await self.target.inspect("registered")
            except UserError:
                replies = {}
            for reply in replies.values():
                names = [line for line in reply if isinstance(line, str)] if isinstance(reply, list) else []
                tasks |= {name.split(" [", 1)[0] for name in names}
        return sorted(tasks), sorted(queues)

    async def last(self, task: str) -> tuple[list[Any], dict[str, Any]] | None:
        """Return the arguments that deskq sent this task with last, None if it never did."""
        return await ask_journal(lambda journal: last_sent(journal, task), None)

    async def like(self, uuid: str) -> tuple[Call, str]:
        """Return a call like a task of the history, and what of it is not known for certain: "" if nothing."""
        row = await self.target.ask(lambda reader: reader.task_row(uuid), slot=f"like {id(self)}")
        if row is None:
            raise UserError(f"The history has no task {uuid}.")
        (known,) = candidates_of([row], messages={})
        call = Call(task=row.name, queue=row.queue or "celery")
        if known.body is None or known.grade is Grade.MANUAL:
            return call, "Its arguments are not known for certain: the event cut or masked them. Fill them in."
        return Call(task=row.name, queue=call.queue, args=known.body.args, kwargs=known.body.kwargs), ""

    async def known(self, uuid: str) -> bool:
        """Does the history have a task with this id already?"""
        return await self.target.ask(lambda reader: reader.task_row(uuid) is not None, slot=f"known {id(self)}")

    async def templates(self) -> dict[str, Call]:
        """Return the saved calls."""
        return await asyncio.get_running_loop().run_in_executor(None, load_templates)

    async def save(self, name: str, call: Call | None) -> dict[str, Call]:
        """Save a call under a name, or remove it."""
        return await asyncio.get_running_loop().run_in_executor(None, save_template, name, call)

    async def follow(self, ids: Sequence[str]) -> list[TaskRow]:
        """Return what the history has of these tasks by now."""

        def read(reader: HistoryReader) -> list[TaskRow]:
            return [row for uuid in ids if (row := reader.task_row(uuid)) is not None]

        return await self.target.ask(read, slot=f"follow {id(self)}")
