"""Envelopes as kombu itself writes and reads them, and as others write them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu.connection import Connection

from deskq.protocol.encoding.kombu_envelope import BASE64, JSON, read_base64_envelope, read_envelope, write_envelope
from deskq.protocol.message import read_redis_message

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)


@pytest.fixture(name="channel", scope="module")
def _channel() -> Iterator[Any]:
    with closing(Connection("memory://")) as connection:
        yield connection.channel()


def as_kombu(channel: Any, body: bytes, **properties: Any) -> dict[str, Any]:
    """What kombu puts onto a list."""
    made = channel.prepare_message(body, 3, "application/x-python-serialize", "binary", {"id": "i"}, dict(properties))
    channel._inplace_augment_message(made, "media", "video")
    return dict(made)


@given(body=st.binary(max_size=40))
def test_what_kombu_writes_is_read(channel: Any, body: bytes) -> None:
    made = as_kombu(channel, body, correlation_id="c", delivery_mode=2)
    raw = json.dumps(made).encode()
    found = read_envelope(raw)
    assert (found.decoded(), read_base64_envelope(raw).body) == (body, body)
    assert read_base64_envelope(raw).properties.body_encoding == BASE64
    assert (found.content_type, found.content_encoding) == ("application/x-python-serialize", "binary")
    assert (found.headers, found.properties) == ({"id": "i"}, made["properties"])


@given(st.binary(max_size=40), TEXT, TEXT, st.dictionaries(TEXT, TEXT, max_size=3))
def test_what_is_written_is_read_by_kombu(
    channel: Any, body: bytes, exchange: str, key: str, headers: dict[str, str]
) -> None:
    raw = write_envelope(
        body, "tag", exchange=exchange, routing_key=key, headers=headers, properties={"priority": 3, "reply_to": "r"}
    )
    message = channel.message_to_python(json.loads(raw))
    assert (message.body, message.content_type, message.content_encoding) == (body, JSON, "utf-8")
    assert message.headers == headers
    assert message.delivery_info == {"exchange": exchange, "routing_key": key}
    assert message.delivery_tag == "tag"
    assert (message.properties["priority"], message.properties["reply_to"]) == (3, "r")


def test_what_leads_it_there_is_never_another_message_s() -> None:
    stale = {"delivery_tag": "old", "body_encoding": "none", "delivery_info": {"routing_key": "old"}}
    found = read_envelope(write_envelope(b"x", "new", exchange="", routing_key="q", properties=stale))
    assert found.properties["delivery_tag"] == "new"
    assert found.properties["delivery_info"] == {"exchange": "", "routing_key": "q"}
    assert found.decoded() == b"x"


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"properties": {}, "headers": {"id": "a"}, "content-type": JSON}, {"id": "a"}),
        ({"properties": [], "headers": [], "content-type": JSON}, {}),  # PHP writes a list where there is none
        ({"properties": {"body_encoding": None}}, {}),
    ],
)
def test_other_languages_leave_things_out(fields: dict[str, Any], headers: dict[str, Any]) -> None:
    raw = json.dumps({"body": "[[], {}, {}]", **fields}).encode()
    message = read_redis_message(raw)
    assert message is not None
    assert (message.body, message.headers, message.content_encoding) == (b"[[], {}, {}]", headers, "")


@pytest.mark.parametrize(
    "outer",
    [
        {"body": "x"},
        {"properties": {}},
        {"body": 7, "properties": {}},
        {"body": "x", "properties": "text"},
        {"body": "x", "properties": {}, "headers": "text"},
        {"body": "x", "properties": {}, "content-type": 7},
        {"body": "!!", "properties": {"body_encoding": "base64"}},
    ],
)
def test_what_is_no_message(outer: dict[str, Any]) -> None:
    assert read_redis_message(json.dumps(outer).encode()) is None


def test_a_body_that_is_no_base64() -> None:
    with pytest.raises(msgspec.MsgspecError):
        read_base64_envelope(json.dumps({"body": "!!", "properties": {"body_encoding": "base64"}}).encode())
    quick = read_base64_envelope(json.dumps({"body": "YWJj", "properties": {}}).encode())
    assert quick.properties.body_encoding is None
