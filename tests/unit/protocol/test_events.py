"""Decoding: Celery's events come out typed, everything else is counted as malformed and nothing breaks."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deskq.protocol.events import Event, MalformedEvent, decode_body, decode_redis_envelope

STARTED = {
    "type": "task-started",
    "uuid": "u",
    "hostname": "w",
    "timestamp": 1.5,
    "clock": 3,
    "pid": 9,
    "utcoffset": -1,
}


def envelope(content: Any, **changes: Any) -> bytes:
    encoded = base64.b64encode(content if isinstance(content, bytes) else json.dumps(content).encode()).decode()
    whole = {
        "body": encoded,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"hostname": "w"},
        "properties": {"body_encoding": "base64", "delivery_tag": "x", "priority": 0, "delivery_info": {}},
    }
    return json.dumps({**whole, **changes}).encode()


def test_one_event() -> None:
    (event,) = decode_redis_envelope(envelope(STARTED))
    assert event == Event(type="task-started", uuid="u", hostname="w", timestamp=1.5, clock=3, pid=9)


def test_a_list_of_events_and_a_whole_number_of_seconds() -> None:
    events = decode_redis_envelope(envelope([STARTED, {**STARTED, "timestamp": 2}]))
    assert [event.timestamp for event in events] == [1.5, 2.0]


def test_the_same_from_amqp() -> None:
    assert decode_body(json.dumps(STARTED).encode(), "application/json", "utf-8")[0].uuid == "u"


def test_a_body_that_is_not_base64_when_it_says_so() -> None:
    plain = envelope(STARTED, body=json.dumps(STARTED), properties={"body_encoding": None})
    assert decode_redis_envelope(plain)[0].uuid == "u"


def test_custom_fields_of_any_type_are_written_out() -> None:
    (event,) = decode_redis_envelope(envelope({**STARTED, "type": "task-progress", "result": {"done": 1}, "extra": []}))
    assert event.result == '{"done": 1}'


def test_lone_surrogates_become_text_that_can_be_stored() -> None:
    body = b'{"type": "task-failed", "timestamp": 1, "uuid": "u", "exception": "\\ud800 broken"}'
    (event,) = decode_redis_envelope(envelope(body))
    assert event.exception == "\\ud800 broken"
    assert event.exception.encode()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        envelope(b"[" * 20_000),
        envelope(STARTED, body="!!"),
        envelope("text"),
        envelope({"type": "task-started"}),
        envelope({"timestamp": 1}),
        envelope({"type": 7, "timestamp": 1}),
        envelope({**STARTED, "timestamp": -4}),
        envelope({**STARTED, "timestamp": 1e300}),
        envelope(b'{"type": "task-started", "timestamp": NaN}'),
        envelope({**STARTED, "clock": 2**70}),
        envelope({**STARTED, "retries": -3}),
        envelope({**STARTED, "result": "x" * 17_000_000}),
    ],
)
def test_what_is_no_event_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedEvent) as raised:
        decode_redis_envelope(payload)
    assert raised.value.raw == payload


def test_pickle_is_not_read() -> None:
    with pytest.raises(MalformedEvent, match="application/json"):
        decode_body(b"cos\nsystem\n(S'true'\ntR.", "application/x-python-serialize", "binary")


@given(st.binary(max_size=300))
@settings(max_examples=500, deadline=None)
def test_any_bytes(payload: bytes) -> None:
    for decode in (decode_redis_envelope, lambda body: decode_body(body, None, None)):
        with contextlib.suppress(MalformedEvent):
            decode(payload)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(list(Event.__struct_fields__)), json_values, max_size=8))
@settings(max_examples=500, deadline=None)
def test_any_fields(fields: dict[str, Any]) -> None:
    with contextlib.suppress(MalformedEvent):
        for event in decode_redis_envelope(envelope({**STARTED, **fields})):
            assert isinstance(event.timestamp, float)
            for value in (event.name, event.args, event.uuid):
                assert value is None or value.encode() is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"processed": 2**63},
        {"processed": -1},
        {"active": 10**30},
        {"freq": 1e300},
        {"freq": 0},
        {"loadavg": [1e400, 0, 0]},
        {"loadavg": [-1, 0, 0]},
    ],
)
def test_a_heartbeat_with_an_impossible_number_is_a_sign_of_life_all_the_same(fields: dict[str, Any]) -> None:
    body = {"type": "worker-heartbeat", "hostname": "w1", "timestamp": 1.0, "pid": 1, "clock": 1, **fields}
    (event,) = decode_body(json.dumps(body).encode(), None, None)
    assert (event.hostname, event.processed, event.active, event.freq, event.loadavg) == ("w1", None, None, None, None)
