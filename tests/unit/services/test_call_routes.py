"""Which calls need a route before they can be sent, and that nobody is asked for the types of exchanges in vain."""

from __future__ import annotations

import pytest

from deskq.actions.messages.call import Call
from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.services.call_routes import CallTarget, place_of, route_to

REDIS = Profile.from_url("redis://127.0.0.1:1/0")
RABBITMQ = Profile.from_url("amqp://127.0.0.1:1")


def test_a_queue_needs_no_route() -> None:
    assert place_of(Call(task="t", queue="emails"), RABBITMQ, 0.0) is None
    assert place_of(Call(task="t", queue="emails", countdown=60), REDIS, 0.0) is None  # it waits in the worker


def test_an_exchange_and_a_delay_need_one() -> None:
    call = Call(task="t", queue="", exchange="shop", routing_key="emails")
    assert place_of(call, REDIS, 0.0) == CallTarget("", "shop", "emails")
    assert place_of(Call(task="t", queue="emails", countdown=60), RABBITMQ, 0.0) == CallTarget("emails", late=True)
    assert place_of(Call(task="t", queue="emails", eta=1_000.0), RABBITMQ, 2_000.0) is None  # its time has come


def test_a_call_that_says_two_places_is_refused() -> None:
    with pytest.raises(UserError, match="not both"):
        place_of(Call(task="t", queue="emails", exchange="shop"), REDIS, 0.0)


def test_a_queue_without_a_delay_is_found_without_asking() -> None:
    assert route_to(CallTarget("emails"), REDIS) is None
