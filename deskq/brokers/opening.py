"""From a profile to the broker of its kind; each kind's client is imported only when it is needed."""

from __future__ import annotations

from deskq.brokers.base import Broker, BrokerError
from deskq.profiles import Profile


def open_broker(profile: Profile) -> Broker:
    """Return the broker of a profile; it connects with its first question. Raises BrokerError without one."""
    if not profile.has_broker:
        raise BrokerError(f"“{profile.name}” is a history without a broker: nothing can be asked.")
    if profile.transport == "redis":
        from deskq.brokers.redis import RedisBroker

        return RedisBroker(profile)
    if profile.transport == "amqp":
        from deskq.brokers.rabbitmq import RabbitBroker

        return RabbitBroker(profile)
    from deskq.brokers.generic import GenericBroker

    return GenericBroker(profile)
