"""A task that is sent from the window: what completes the fields, and how the task goes on afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from deskq.actions.messages.argument_sources import gather
from deskq.actions.messages.attendance import ExchangeTypes, exchange_types
from deskq.actions.messages.call import Call
from deskq.actions.messages.retry_candidates import Grade
from deskq.actions.messages.saved_calls import last_sent, load_templates, save_template
from deskq.actions.messages.seen_arguments import SeenArguments, seen_arguments
from deskq.brokers.ports import is_task_queue
from deskq.brokers.remote_control import registered_names
from deskq.brokers.routing import Route
from deskq.errors import UserError
from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import TaskFilter
from deskq.history.rows import TaskRow
from deskq.services.call_routes import CallTarget, route_to
from deskq.services.journal import ask_journal
from deskq.services.session import ProfileSession

_TYPES_SECONDS: Final = 30.0
_SEEN_RUNS: Final = 200


class SendService:
    """Sends one call at a session, and follows it."""

    def __init__(self, target: ProfileSession) -> None:
        self.target = target
        self._types: ExchangeTypes = {}
        self._types_at = 0.0

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
            with contextlib.suppress(UserError):
                tasks = tasks.union(*registered_names(await self.target.inspect("registered")).values())
        return sorted(tasks), sorted(queues)

    async def exchanges(self) -> list[str]:
        """Return names of exchanges: those that have bindings, and those of the workers' queues."""
        found = set(await self._exchange_types())
        with contextlib.suppress(UserError):
            found |= {binding.exchange for binding in await self.target.broker(lambda broker: broker.bindings())}
        return sorted(name for name in found if name and is_task_queue(name))

    async def route(self, place: CallTarget) -> Route | None:
        """Return the route to a place, see ``route_to``; raises UserError where nothing would get the message."""
        types = await self._exchange_types() if self.target.profile.transport.workers_tell_exchange_types else {}
        find = partial(route_to, place, self.target.profile, types)
        return await asyncio.get_running_loop().run_in_executor(None, find)

    async def _exchange_types(self) -> ExchangeTypes:
        """See ``exchange_types``; not older than half a minute."""
        if time.monotonic() - self._types_at > _TYPES_SECONDS:
            self._types = await asyncio.get_running_loop().run_in_executor(None, exchange_types, self.target.profile)
            self._types_at = time.monotonic()
        return self._types

    async def seen(self, task: str) -> SeenArguments:
        """Return what was seen of a task's arguments in its last runs."""
        task_filter = TaskFilter(names=(task,))
        if not task or "*" in task:
            return SeenArguments()
        return await self.target.ask(
            lambda reader: seen_arguments(reader.tasks(task_filter, limit=_SEEN_RUNS)), slot=f"seen {id(self)}"
        )

    async def last(self, task: str) -> tuple[list[Any], dict[str, Any]] | None:
        """Return the arguments that deskq sent this task with last, None if it never did."""
        return await ask_journal(lambda journal: last_sent(journal, task), None)

    async def like(self, uuid: str) -> tuple[Call, str]:
        """Return a call like a task of the history, and what of it is not known for certain: "" if nothing."""
        row = await self.target.ask(lambda reader: reader.task_row(uuid), slot=f"like {id(self)}")
        if row is None:
            raise UserError(f"The history has no task {uuid}.")
        found = partial(gather, self.target.profile, [row])
        (known,) = await asyncio.get_running_loop().run_in_executor(None, found)
        queue, exchange, key = known.queue or "celery", "", ""
        if known.route is not None:
            queue, exchange, key = "", known.route.exchange, known.route.routing_key
        call = Call(task=known.name, queue=queue, exchange=exchange, routing_key=key)
        if known.body is None or known.grade is Grade.MANUAL:
            return call, "The event cut or masked the arguments. Enter them."
        return replace(call, args=known.body.args, kwargs=known.body.kwargs), ""

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
