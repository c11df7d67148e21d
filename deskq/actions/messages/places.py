"""The queue or route of a task, from its message, its event, its result record, or its worker's queues."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from deskq.brokers.opening import find_route
from deskq.brokers.ports import Binding, BrokerError, is_task_queue
from deskq.brokers.rabbitmq.delayed import is_delay, own_key
from deskq.brokers.routing import Route, leads
from deskq.errors import UserError
from deskq.history.rows import TaskRow
from deskq.profiles import Profile
from deskq.profiles.storage.confirmed_code import is_confirmed, runs_code
from deskq.protocol.message import RawMessage
from deskq.schedules.opening import open_store
from deskq.schedules.stores.code.store import CodeStore

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class QueueSource:
    """A queue, or an exchange with a routing key; ``problem``: why neither is known, as a part of a sentence.

    ``witness``: who says so, where it is neither the task's own events nor its message, as a part of a sentence.
    """

    queue: str = ""
    exchange: str = ""
    routing_key: str = ""
    problem: str = ""
    witness: str = ""


@dataclass(frozen=True, slots=True)
class Workers:
    """What is known of the queues of workers. ``queues``: by node name; ``bindings``: what workers say leads there."""

    queues: Mapping[str, Sequence[str]] = field(default_factory=dict)
    bindings: Sequence[Binding] = ()


def place_of(row: TaskRow, workers: Workers, *, message: RawMessage | None = None, recorded: str = "") -> QueueSource:
    """Return where a task was sent. ``recorded``: the ``queue`` of its result record, which is the routing key."""
    sent = message.place if message is not None else None
    if sent is not None and sent != ("", "") and is_task_queue(sent[0]):
        return QueueSource(exchange=sent[0], routing_key=sent[1]) if sent[0] else QueueSource(sent[1])
    if row.exchange and is_task_queue(row.exchange):
        return QueueSource(exchange=row.exchange, routing_key=row.routing_key)
    if row.queue:
        return QueueSource(row.queue)
    if is_delay(row.exchange):
        recorded = own_key(row.routing_key)
    own = list(workers.queues.get(row.worker, ()))
    if recorded:
        every = {name for names in workers.queues.values() for name in names}
        reached = sorted({one.queue for one in workers.bindings if leads(one, recorded)} & set(own or every))
        if recorded in (own or every):
            return QueueSource(recorded)
        if len(reached) == 1:
            return QueueSource(reached[0])
    if len(own) == 1:
        return QueueSource(own[0])
    if len(own) > 1:
        names = ", ".join(f"“{name}”" for name in sorted(own)[:_SHOWN]) + (" …" if len(own) > _SHOWN else "")
        return QueueSource(problem=f"its queue is unknown: its worker consumes {names}")
    return QueueSource(problem="its queue is unknown")


def app_places(profile: Profile, names: Iterable[str]) -> dict[str, QueueSource]:
    """Return where a profile's own app sends tasks of these names now: the last witness, asked where none is left.

    Only apps whose code a person has confirmed on this machine are asked (the profile's ``code:`` stores). Blocking.
    """
    left = set(names)
    found: dict[str, QueueSource] = {}
    for url in profile.schedule_stores:
        if left and runs_code(url) and is_confirmed(url):
            with contextlib.suppress(UserError):
                for name, said in _routes(url, profile, left).items():
                    found[name] = said
                    left.discard(name)
    return found


def _routes(url: str, profile: Profile, names: set[str]) -> dict[str, QueueSource]:
    with contextlib.closing(open_store(url, profile)) as store:
        assert isinstance(store, CodeStore)
        witness = f"its queue is known only from the current routes of {store.app}"
        return {
            name: QueueSource(
                said.get("queue", ""), said.get("exchange", ""), said.get("routing_key", ""), witness=witness
            )
            for name, said in store.routes(names).items()
        }


class Routes:
    """Finds the ways through exchanges at one profile, each once. Blocking."""

    def __init__(self, profile: Profile, kinds: Mapping[str, frozenset[str]]) -> None:
        self._profile = profile
        self._kinds = kinds
        self._found: dict[tuple[str, str], Route | str] = {}

    def of(self, place: QueueSource) -> Route | str:
        """Return the route, or why there is none."""
        key = (place.exchange, place.routing_key)
        if key not in self._found:
            try:
                self._found[key] = find_route(self._profile, *key, self._kinds)
            except BrokerError as error:
                self._found[key] = str(error)
        return self._found[key]
