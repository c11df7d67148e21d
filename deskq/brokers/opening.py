"""From a profile to what is there for its kind of broker; each kind's client is imported only when it is needed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping

from deskq.brokers.ports import Broker, BrokerError, is_task_queue
from deskq.brokers.publishing import Publisher
from deskq.brokers.routing import Route
from deskq.profiles import Profile
from deskq.profiles.transport import RABBITMQ, REDIS


def open_broker(profile: Profile) -> Broker:
    """Return the broker of a profile; it connects with its first question. Raises BrokerError without one."""
    if not profile.has_broker:
        raise BrokerError(f"“{profile.name}” is a history without a broker.")
    if profile.transport is REDIS:
        from deskq.brokers.redis.broker import RedisBroker

        return RedisBroker(profile)
    if profile.transport is RABBITMQ:
        from deskq.brokers.rabbitmq.broker import RabbitBroker

        return RabbitBroker(profile)
    from deskq.brokers.kombu.broker import GenericBroker

    return GenericBroker(profile)


def connection_number(profile: Profile) -> int | None:
    """Return the number that a server of Redis gives a new connection, None where it does not tell, or is another kind.

    It counts them from its start, one by one. Blocking; raises BrokerError.
    """
    if not profile.transport.numbers_connections:
        return None
    from deskq.brokers.redis.link import connection_number as number_of_redis

    return number_of_redis(profile)


def check_can_send(profile: Profile) -> None:
    """Raise BrokerError where deskq sends nothing: before anything is planned."""
    if not profile.transport.can_send:
        raise _cannot_send(profile)


def check_can_steer(profile: Profile) -> None:
    """Raise BrokerError where no worker can be told anything for want of a Python package: before that is planned."""
    from deskq.brokers.kombu.packages import check_installed

    check_installed(profile)


def open_publisher(profile: Profile) -> Publisher:
    """Return the publisher of a profile; it connects with its first question. Raises BrokerError where none can."""
    if profile.transport is REDIS:
        from deskq.brokers.redis.publisher import RedisPublisher

        return RedisPublisher(profile)
    if profile.transport is RABBITMQ:
        from deskq.brokers.rabbitmq.publisher import RabbitPublisher

        return RabbitPublisher(profile)
    raise _cannot_send(profile)


def find_route(profile: Profile, exchange: str, routing_key: str, kinds: Mapping[str, frozenset[str]]) -> Route:
    """Return where messages to an exchange go; raises BrokerError where nothing would get them. Blocking; only reads.

    ``kinds``: what workers say of the types of exchanges (see kinds_of), which Redis does not keep.
    """
    own = exchange in (profile.event_exchange, f"{profile.control_exchange}.pidbox")
    if own or not is_task_queue(exchange):
        raise BrokerError(
            f"“{exchange}” is Celery's own exchange, for events and control: no worker runs tasks from it."
        )
    if profile.transport is REDIS:
        from deskq.brokers.redis import routing as redis_routing

        return redis_routing.find_route(profile, exchange, routing_key, kinds.get(exchange, frozenset()))
    if profile.transport is RABBITMQ:
        from deskq.brokers.rabbitmq import routing as rabbitmq_routing

        return rabbitmq_routing.find_route(profile, exchange, routing_key)
    raise _cannot_send(profile)


def find_delay(profile: Profile, target: str | Route) -> Route | None:
    """Return the way through Celery's delayed delivery to a queue, or to the queues of a route; None without one.

    It is there on RabbitMQ, for queues of type quorum whose exchange is no direct one, and only the management API
    tells whether it leads there. Blocking; only reads.
    """
    if not profile.transport.has_delayed_delivery:
        return None
    from deskq.brokers.rabbitmq import routing as rabbitmq_routing

    return rabbitmq_routing.find_delay(profile, target)


def undeclared_queues(profile: Profile, queues: Iterable[str]) -> list[str]:
    """Return the queues that no worker has declared so far; blocking, and only reads. Raises BrokerError.

    On Redis alone: there a message to any name is stored, where RabbitMQ returns it.
    """
    if not profile.transport.takes_any_queue:
        return []
    from deskq.brokers.redis.broker import RedisBroker

    with contextlib.closing(RedisBroker(profile)) as broker:
        return sorted(set(queues) - broker.queue_names())


def consumer_counts(profile: Profile, queues: Iterable[str]) -> dict[str, int | None]:
    """Return how many consume each of these queues of RabbitMQ, None where it cannot be told. Blocking; only reads.

    A queue that is not there is absent. Raises BrokerError.
    """
    from deskq.brokers.rabbitmq import routing as rabbitmq_routing

    return rabbitmq_routing.consumer_counts(profile, list(queues))


def _cannot_send(profile: Profile) -> BrokerError:
    return BrokerError(
        f"deskq sends only to Redis, Valkey and RabbitMQ, which confirm messages, not to “{profile.scheme}”."
    )
