"""Exchanges of RabbitMQ: are they there? Which queues they lead to is the broker's own business."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import pika.exceptions

from deskq.brokers.ports import BrokerError
from deskq.brokers.rabbitmq.connection import mapped_error
from deskq.brokers.rabbitmq.delayed import ENTRY, Link, way_through, way_to
from deskq.brokers.rabbitmq.management import Management
from deskq.brokers.rabbitmq.query_connection import QueryConnection
from deskq.brokers.routing import Route, sentence
from deskq.profiles import Profile


def find_route(profile: Profile, exchange: str, routing_key: str) -> Route:
    """Return the route if the exchange is there; raises BrokerError. Blocking; changes nothing."""
    try:
        with contextlib.closing(QueryConnection(profile)) as asking, asking.question() as connection:
            there = exchange_is_there(connection, exchange)
    except pika.exceptions.ChannelClosedByBroker as error:
        raise mapped_error(error, profile) from None
    if not there:
        raise BrokerError(sentence(no_exchange(exchange, profile)))
    return Route(exchange, routing_key)


def find_delay(profile: Profile, target: str | Route) -> Route | None:
    """See routing.py. A message that leaves delayed delivery and reaches no queue is lost without a word: it must be
    known where it goes."""
    try:
        management = Management(profile)
        links = [
            Link(str(one.get("source")), str(one.get("routing_key")), str(one.get("destination")), to_queue)
            for one in management.bindings()
            if (to_queue := one.get("destination_type") == "queue") or one.get("destination_type") == "exchange"
        ]
        kinds = management.exchange_kinds() if any(link.source == ENTRY for link in links) else {}
    except BrokerError:
        return None
    return way_through(target, links, kinds) if isinstance(target, Route) else way_to(target, links, kinds)


def consumer_counts(profile: Profile, queues: Sequence[str]) -> dict[str, int | None]:
    """See routing.py: asked by passive declares, which know of a consumer at once, as the API does not."""
    found: dict[str, int | None] = {}
    with contextlib.closing(QueryConnection(profile)) as asking:
        for queue in queues:
            try:
                with asking.question() as connection:
                    channel = connection.channel()
                    found[queue] = int(channel.queue_declare(queue, passive=True).method.consumer_count)
                    channel.close()
            except pika.exceptions.ChannelClosedByBroker as error:
                if error.reply_code != 404:
                    found[queue] = None
    return found


def exchange_is_there(connection: Any, exchange: str) -> bool:
    """Ask by a passive declare, on a channel of its own: an exchange that is not there closes it. Raises AMQPError."""
    channel = connection.channel()
    try:
        channel.exchange_declare(exchange, passive=True)
    except pika.exceptions.ChannelClosedByBroker as error:
        if error.reply_code == 404:
            return False
        raise
    channel.close()
    return True


def no_exchange(exchange: str, profile: Profile) -> str:
    """Return the sentence for one that is not there."""
    return f"no exchange “{exchange}” on {profile.name}: start a worker that declares it"
