"""Which queue a task went to that was sent by exchange and routing key."""

from __future__ import annotations

from typing import Any

import pytest

from deskq.brokers.ports import Binding
from deskq.brokers.routing import bindings_of, topic_leads
from deskq.recorder.tracking.bound_queues import BoundQueues


def answer(name: str, exchange: str, key: str, kind: str = "direct", **more: Any) -> dict[str, Any]:
    return {"name": name, "exchange": {"name": exchange, "type": kind}, "routing_key": key, **more}


@pytest.fixture
def bound() -> BoundQueues:
    found = BoundQueues()
    found.told_by_broker([Binding("celery", "celery", "celery"), Binding("orders", "new", "orders.in")])
    found.told_by_workers({"w1": [answer("videos", "media", "media.#", "topic"), answer("sounds", "media", "*.sound")]})
    return found


def test_exchange_and_key_say_where_it_went(bound: BoundQueues) -> None:
    assert bound.queue_of("orders", "new", "celery") == "orders.in"
    assert bound.queue_of("", "emails", "emails") == "emails"
    assert bound.queue_of("", "emails", "celery") == "emails"
    assert bound.queue_of("media", "media.film", "videos") == "videos"
    assert bound.queue_of("media", "media.film", "celery") == "videos"
    assert bound.queue_of("orders", "nowhere", "celery") == ""  # known, and not bound there
    assert bound.queue_of("unknown", "key", "told") == "told"  # nothing is known of either
    assert bound.queue_of("celery_delayed_27", ".".join(["0"] * 28) + ".new", "") == "orders.in"


def test_several_queues_are_none(bound: BoundQueues) -> None:
    bound.told_by_workers({"w2": [answer("films", "media", "media.film", "topic")]})
    assert bound.queue_of("media", "media.film", "celery") == ""
    assert bound.queue_of("media", "media.film", "films") == "films"


def test_what_workers_tell_is_hostile_text() -> None:
    further = {"exchange": {"name": "more", "type": "direct"}, "routing_key": "k"}
    replies: dict[str, object] = {
        "w1": [answer("q", "e", "k", bindings=[further, None, {"exchange": 1}]), {"name": 5}, None, {"name": "bare"}],
        "w2": {"error": "no"},
        "w3": None,
    }
    assert bindings_of(replies) == [
        Binding("e", "k", "q", "direct"),
        Binding("more", "k", "q", "direct"),
        Binding("", "", "bare", ""),
    ]


@pytest.mark.parametrize(
    ("pattern", "key", "leads"),
    [
        ("a.b", "a.b", True),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("a.#", "a", True),
        ("a.#", "a.b.c", True),
        ("#.c", "c", True),
        ("#.c", "a.b.c", True),
        ("#", "", True),
        ("", "", True),
        ("", "a", False),
        ("a.#.b", "a.x.y.b", True),
        ("a.#.b", "a.x.y", False),
        ("#.#.#.*", "a", True),
        ("*.*", "a", False),
    ],
)
def test_topics_as_rabbitmq_has_them(pattern: str, key: str, leads: bool) -> None:
    assert topic_leads(pattern, key) is leads
