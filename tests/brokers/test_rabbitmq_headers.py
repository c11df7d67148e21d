"""Headers of messages to RabbitMQ: every kind of value arrives as it was, floats and time limits too."""

from __future__ import annotations

from contextlib import closing

from amqp.serialization import loads  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st
from kombu.connection import Connection

from deskq.actions.messages.call import Call, message_of
from deskq.brokers.opening import open_publisher
from deskq.brokers.publishing import OutgoingMessage
from deskq.brokers.rabbitmq.amqp_table import table
from deskq.brokers.rabbitmq.confirms import UNWRITABLE
from deskq.profiles import Profile


@given(
    st.dictionaries(
        st.text(max_size=20),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20) | st.floats(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
            max_leaves=8,
        ),
        max_size=5,
    )
)
@settings(deadline=None)
def test_every_header_is_read_by_celery_s_client_as_it_was(headers: dict[str, object]) -> None:
    try:
        written = table(headers)
    except UNWRITABLE:
        return
    read, size = loads("F", written, 0)
    assert size == len(written)
    assert repr(read[0]) == repr(headers)  # 1.0 is not 1, and NaN is itself


def test_time_limits_and_floats_reach_a_worker_through_rabbitmq(rabbit_vhost_url: str) -> None:
    call = Call(
        task="sample.add", args=[1, 2], queue="emails", time_limit=30.0, soft_time_limit=1.5, headers={"rate": 0.25}
    )
    message = message_of(call, "a1", now=0.0)
    assert repr(message.headers["timelimit"]) in ("(30, 1.5)", "[30, 1.5]")
    with Connection(rabbit_vhost_url) as connection:
        connection.SimpleQueue("emails").close()
    with closing(open_publisher(Profile.from_url(rabbit_vhost_url))) as publisher:
        (answer,) = publisher.publish([OutgoingMessage("a1", "emails", message)])
        (missing,) = publisher.publish([OutgoingMessage("a2", "nowhere", message)])  # which RabbitMQ returns
    assert answer.sent, answer.words
    assert missing.sent is False
    with Connection(rabbit_vhost_url) as connection:
        queue = connection.SimpleQueue("emails")
        got = queue.get(timeout=10)
        got.ack()
        queue.close()
    assert repr(got.headers["timelimit"]) == "[30, 1.5]"
    assert got.headers["rate"] == 0.25
