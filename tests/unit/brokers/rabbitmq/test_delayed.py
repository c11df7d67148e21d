"""Celery's delayed delivery: its routing keys as kombu writes them, and where a message that leaves it goes."""

from __future__ import annotations

import pytest
from kombu.transport.native_delayed_delivery import calculate_routing_key

from deskq.brokers.rabbitmq.delayed import ENTRY, EXIT, Link, delayed_key, is_delay, own_key, timed, way_through, way_to
from deskq.brokers.routing import Route

KINDS = {ENTRY: "topic", EXIT: "topic", "orders": "topic", "all": "fanout", "plain": "direct"}
ENTERED = Link(ENTRY, "1.#", ENTRY, to_queue=True)


def leads(exchange: str, *queues: tuple[str, str]) -> list[Link]:
    """As Celery binds the queues (name, key) of an exchange."""
    found = [Link(exchange, key, queue, to_queue=True) for queue, key in queues]
    found += [Link(EXIT, f"#.{key}", exchange, to_queue=False) for _, key in queues]
    return found + [Link(exchange, f"#.{key}", queue, to_queue=True) for queue, key in queues]


@pytest.mark.parametrize("seconds", [1, 60, 2**28 - 1])
def test_keys_are_kombu_s(seconds: int) -> None:
    written = delayed_key(seconds, "orders.new")
    assert written == calculate_routing_key(seconds, "orders.new")
    assert own_key(written) == "orders.new"


def test_what_waits_longer_than_it_can_waits_as_long_as_it_can() -> None:
    assert delayed_key(2**28, "k") == delayed_key(2**28 - 1, "k")
    assert own_key("0.1.orders") == "0.1.orders"


@pytest.mark.parametrize(
    ("name", "so"),
    [("celery_delayed_27", True), ("shop_celery_delayed_3", True), (EXIT, False), ("my_delayed_3", False)],
)
def test_names(name: str, so: bool) -> None:
    assert is_delay(name) is so


def test_the_way_to_a_queue() -> None:
    links = [ENTERED, *leads("orders", ("new", "orders.new"), ("old", "orders.old"))]
    found = way_to("new", links, KINDS)
    assert found == Route(ENTRY, "orders.new", ("new",), leaves_to="orders")
    assert "“new”" in found.preview
    assert way_to("other", links, KINDS) is None
    assert way_to("new", links[1:], KINDS) is None  # nothing leads in


def test_there_is_no_way_where_other_queues_would_get_it_too() -> None:
    links = [ENTERED, *leads("orders", ("new", "k")), Link("orders", "#", "audit", to_queue=True)]
    assert way_to("new", links, KINDS) is None
    found = way_through(Route("orders", "k"), links, KINDS)  # through the exchange they get it in any case
    assert found is not None
    assert (found.queues, found.leaves_to) == (("audit", "new"), "orders")
    assert way_to("one", [ENTERED, *leads("all", ("one", "k"), ("two", "other"))], KINDS) is None


def test_there_is_no_way_through_a_direct_exchange() -> None:
    links = [ENTERED, Link("plain", "k", "new", to_queue=True)]
    assert way_to("new", links, KINDS) is None
    assert way_through(Route("plain", "k"), links, KINDS) is None


def test_what_is_due_goes_straight() -> None:
    route = Route(ENTRY, "k", ("new",), leaves_to="orders")
    assert timed(route, 5.9).routing_key == delayed_key(5, "k")
    assert timed(route, 0.5) == Route("orders", "k", ("new",))
    assert timed(Route("orders", "k"), 5) == Route("orders", "k")
