"""What can be done over each kind of broker: what differs between them is asked here by name, and said nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from deskq.profiles.urls import AMQP_SCHEMES, REDIS_SCHEMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """One kind of broker, and which module of brokers/ speaks to it; of kombu's others nothing is sure.

    Attributes:
        title: how people call it.
        space: what the path of its URL names.
        can_send: it confirms what it takes, so that deskq may send.
        has_remote_control: workers can be asked; else one must have been heard first.
        has_management: RabbitMQ's management API, which may be there or not.
        has_alarms: it may stop to take messages, until an alarm ends.
        has_consumer_timeout: it takes a message back that is held for too long.
        has_delayed_delivery: queues of type quorum get a message with a countdown through Celery's delayed delivery.
        has_redis_options: the options of kombu's Redis transport mean something.
        holds_redbeat: redbeat's schedule may be in it.
        tells_bindings: all its bindings are known, so that a queue without one is known, too.
        tells_consumers: it says who consumes a queue; else the answers of workers must.
        tells_unacked: it says how many messages of a queue were delivered and not acknowledged.
        queues_by_bindings: its queues are those that a binding names, and no others.
        takes_any_queue: a message to a name that no worker has declared is stored.
        workers_tell_exchange_types: it does not keep the type of an exchange, and workers know it.
        drops_expired: it throws a message away that expires in the queue.
        numbers_connections: each gets a number, counted from the server's start.
        reconnects_unseen: its client opens another connection without a word.
        closes_by_handshake: a connection that is closed waits for an answer.
        rights_by_pattern: rights are patterns of names; else they are rules of an ACL.
        options_in_query: some take folders or regions as options, which the URL's query gives.
    """

    title: str
    space: str = "Database"
    can_send: bool = False
    has_remote_control: bool = False
    has_management: bool = False
    has_alarms: bool = False
    has_consumer_timeout: bool = False
    has_delayed_delivery: bool = False
    has_redis_options: bool = False
    holds_redbeat: bool = False
    tells_bindings: bool = False
    tells_consumers: bool = False
    tells_unacked: bool = False
    queues_by_bindings: bool = False
    takes_any_queue: bool = False
    workers_tell_exchange_types: bool = False
    drops_expired: bool = False
    numbers_connections: bool = False
    reconnects_unseen: bool = False
    closes_by_handshake: bool = False
    rights_by_pattern: bool = False
    options_in_query: bool = False


REDIS: Final = Transport(
    title="Redis or Valkey",
    can_send=True,
    has_remote_control=True,
    has_redis_options=True,
    holds_redbeat=True,
    tells_bindings=True,
    tells_unacked=True,
    queues_by_bindings=True,
    takes_any_queue=True,
    workers_tell_exchange_types=True,
    numbers_connections=True,
    reconnects_unseen=True,
)
RABBITMQ: Final = Transport(
    title="RabbitMQ",
    space="Virtual host",
    can_send=True,
    has_remote_control=True,
    has_management=True,
    has_alarms=True,
    has_consumer_timeout=True,
    has_delayed_delivery=True,
    tells_bindings=True,
    tells_consumers=True,
    tells_unacked=True,
    drops_expired=True,
    closes_by_handshake=True,
    rights_by_pattern=True,
)
OTHER: Final = Transport(title="through kombu, with fewer features", options_in_query=True)


def transport_of(scheme: str) -> Transport:
    """Return the transport of a URL with this scheme, in small letters."""
    if scheme in REDIS_SCHEMES:
        return REDIS
    return RABBITMQ if scheme in AMQP_SCHEMES else OTHER
