"""Which queue an exchange and a routing key lead to, by what brokers and workers tell; pure.

``task-sent`` names Celery's default queue where the task was sent by exchange and routing key (celery/app/amqp.py,
send_task_message): only these two say where it went.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from deskq.brokers.ports import Binding
from deskq.brokers.rabbitmq.delayed import is_delay, own_key
from deskq.brokers.routing import bindings_of, leads

_MOST: Final = 20_000


class BoundQueues:
    """What is known of bindings, as the recorder's thread uses it."""

    def __init__(self) -> None:
        self._by_broker: frozenset[Binding] = frozenset()
        self._by_workers: dict[str, frozenset[Binding]] = {}
        self._of: dict[str, list[Binding]] = {}
        self._queues: set[str] = set()

    def told_by_broker(self, bindings: Iterable[Binding]) -> None:
        """Take in all bindings that the broker knows."""
        new = frozenset(list(bindings)[:_MOST])
        if new != self._by_broker:
            self._by_broker = new
            self._sort()

    def told_by_workers(self, replies: Mapping[str, object]) -> None:
        """Take in what workers answered to ``active_queues``."""
        new = {worker: frozenset(bindings_of({worker: reply})) for worker, reply in replies.items()}
        if any(self._by_workers.get(worker) != bindings for worker, bindings in new.items()):
            self._by_workers.update(new)
            self._sort()

    def queue_of(self, exchange: str, routing_key: str, told: str) -> str:
        """Return the queue of a task that was sent so, "" where it is none, or several; ``told``: what the event says.

        What the event says stands as long as nothing is known of it.
        """
        if not exchange:
            return routing_key or told
        if is_delay(exchange):
            routing_key = own_key(routing_key)
            near = [one for own in self._of.values() for one in own]
        else:
            near = self._of.get(exchange, [])
        reached = {one.queue for one in near if leads(one, routing_key)}
        if told in reached or (not reached and told not in self._queues):
            return told
        return next(iter(reached)) if len(reached) == 1 else ""

    def _sort(self) -> None:
        self._of, self._queues = {}, set()
        for binding in self._by_broker.union(*self._by_workers.values()):
            self._queues.add(binding.queue)
            self._of.setdefault(binding.exchange, []).append(binding)
