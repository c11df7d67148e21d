"""Where kombu's exchanges lead on Redis: as kombu itself finds it, and refused where it cannot be certain."""

from __future__ import annotations

import kombu
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu.transport.virtual.exchange import TopicExchange

from deskq.brokers.opening import find_route
from deskq.brokers.ports import BrokerError
from deskq.brokers.redis.routing import QueueBinding, route_of, topic_matches
from deskq.brokers.routing import declared_exchange_types
from deskq.profiles import Profile

WORDS = st.sampled_from(["a", "b", "ab", "", "ü", "x+y", "*", "#"])
KEY_WORDS = st.sampled_from(["a", "b", "ab", "", "ü", "x+y", "c"])
TOPIC = [QueueBinding("media.#", "^media..*?$", "all"), QueueBinding("media.*.cut", "^…$", "cuts")]
DIRECT = [QueueBinding("mail", "", "emails"), QueueBinding("mail", "", "archive"), QueueBinding("sms", "", "phones")]
TOLD = frozenset


@pytest.mark.skipif(
    kombu.VERSION < (5, 7), reason="this kombu takes * for several words, which neither AMQP nor later ones do"
)
@given(st.lists(WORDS, min_size=1, max_size=5), st.lists(KEY_WORDS, min_size=1, max_size=6))
def test_a_topic_matches_as_kombu_matches_it(binding: list[str], key: list[str]) -> None:
    exchange = TopicExchange(None)
    pattern = exchange.key_to_pattern(".".join(binding))
    assert topic_matches(".".join(binding), ".".join(key)) == bool(exchange._match(pattern, ".".join(key)))


def test_a_hostile_binding_is_matched_all_the_same() -> None:
    """The regular expression that kombu makes of it would need the age of the universe."""
    assert not topic_matches(".".join(["#"] * 90 + ["b"]), ".".join(["a"] * 100))


def test_queues_behind_an_exchange() -> None:
    assert route_of(TOPIC, "x", "media.video.cut").queues == ("all", "cuts")
    assert route_of(TOPIC, "x", "media.video").queues == ("all",)
    direct = route_of(DIRECT, "x", "mail")
    assert direct.queues == ("archive", "emails")
    assert "assuming direct" in direct.doubt
    told = route_of(DIRECT, "x", "mail", TOLD({"direct"}))
    assert (told.queues, told.doubt) == (("archive", "emails"), "")


@pytest.mark.parametrize(
    ("bindings", "key", "kinds", "says"),
    [
        (TOPIC, "mail", set(), r"The exchange “x” with the routing key “mail” reaches no queue. .*“media.#” to “all”"),
        (DIRECT, "mail.x", set(), "reaches no queue"),
        ([*TOPIC, *DIRECT], "mail", set(), "declared as different types"),
        (DIRECT, "mail", {"direct", "fanout"}, "declared as different types: direct, fanout"),
        (DIRECT, "mail", {"fanout"}, "is a fanout exchange"),
        ([QueueBinding("", "", "bcast.1")], "", set(), "fanout exchange, by its bindings"),
        (DIRECT, "mail", {"topic"}, "of another type"),
        (DIRECT, "mail", {"headers"}, "of another type"),
        ([QueueBinding("a*", "^a*$", "q")], "aa", set(), "Cannot parse the topic binding"),
        ([QueueBinding("q", "", "")], "q", set(), "reaches no queue"),
    ],
)
def test_what_is_not_certain_is_refused(bindings: list[QueueBinding], key: str, kinds: set[str], says: str) -> None:
    with pytest.raises(BrokerError, match=says):
        route_of(bindings, "x", key, frozenset(kinds))


def test_what_workers_tell_of_exchanges() -> None:
    queue = {"name": "q", "exchange": {"name": "x", "type": "topic"}, "routing_key": "a.#"}
    other = {"name": "q", "exchange": {"name": "x", "type": "direct"}}
    replies = {"w1": [queue, {"exchange": None}, "?"], "w2": [other], "w3": {"error": "no"}, "w4": None}
    assert declared_exchange_types(replies) == {"x": frozenset({"topic", "direct"})}


@pytest.mark.parametrize("exchange", ["celeryev", "celery.pidbox", "reply.celery.pidbox", "own.ev"])
def test_exchanges_of_celery_itself_take_no_tasks(exchange: str) -> None:
    profile = Profile.from_url("redis://127.0.0.1:1/0", event_exchange="own.ev")  # nothing listens there
    with pytest.raises(BrokerError, match="Celery's own"):
        find_route(profile, exchange, "", {})
