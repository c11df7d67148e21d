"""Where a call leads: its exchange, whose type only workers may know, and the way that RabbitMQ delays it."""

from __future__ import annotations

from typing import NamedTuple

from deskq.actions.messages.attendance import ExchangeTypes, exchange_types
from deskq.actions.messages.call import Call, check_place, seconds_until
from deskq.brokers.opening import find_delay, find_route
from deskq.brokers.routing import Route
from deskq.profiles import Profile


class CallTarget(NamedTuple):
    """A queue, or an exchange and a routing key; ``late``: for a message with an ETA, which may wait at the broker."""

    queue: str = ""
    exchange: str = ""
    routing_key: str = ""
    late: bool = False


def place_of(call: Call, profile: Profile, now: float) -> CallTarget | None:
    """Return the place whose route must be found before the call can be sent; None for one sent straight to a queue.

    Raises UserError where the call does not say where it goes.
    """
    late = profile.transport.has_delayed_delivery and seconds_until(call, now) >= 1
    if not call.exchange and not late:
        return None
    check_place(call)
    return CallTarget(call.queue, call.exchange, call.routing_key, late)


def route_to(place: CallTarget, profile: Profile, types: ExchangeTypes | None = None) -> Route | None:
    """Return the route to a place, None for a queue without a delay on its way. Blocking.

    ``types``: those of exchanges, where they are known already; Redis does not keep them. Raises UserError where
    nothing would get the message.
    """
    route = None
    if place.exchange:
        if types is None:
            types = exchange_types(profile) if profile.transport.workers_tell_exchange_types else {}
        route = find_route(profile, place.exchange, place.routing_key, types)
    return (find_delay(profile, route or place.queue) if place.late else None) or route
