"""The reader of deliveries against pika's own decoder, on real frames, cut anywhere."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pika.frame
import pika.spec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pika.exceptions import InvalidFrameError

from deskq.brokers.rabbitmq.deliveries import Delivery, DeliveryReader
from deskq.protocol.events import MAX_PAYLOAD

TAG, CHANNEL, LONGEST = "deskq.events", 1, 1_000


class Wire:
    """A connection whose pika keeps the frames that it is given."""

    def __init__(self, kept: bytes = b"") -> None:
        self.to_pika: list[bytes] = []
        self._impl = SimpleNamespace(
            _on_data_available=self.to_pika.append,
            _frame_buffer=kept,
            _transport=SimpleNamespace(),
            params=SimpleNamespace(frame_max=LONGEST),
            bytes_received=0,
        )
        self._ready_events: list[Any] = []
        self.reader = DeliveryReader(self, CHANNEL, TAG)

    def feed(self, data: bytes) -> None:
        self._impl._on_data_available(data)


def deliver(tag: str = TAG, channel: int = CHANNEL, number: int = 1) -> bytes:
    method = pika.spec.Basic.Deliver(tag, number, False, "celeryev", "task.received")
    return bytes(pika.frame.Method(channel, method).marshal())


def header(size: int, channel: int = CHANNEL, **properties: Any) -> bytes:
    return bytes(pika.frame.Header(channel, size, pika.spec.BasicProperties(**properties)).marshal())


def bodies(body: bytes, piece: int, channel: int = CHANNEL) -> list[bytes]:
    return [pika.frame.Body(channel, body[at : at + piece]).marshal() for at in range(0, len(body), piece)]


def heartbeat() -> bytes:
    return bytes(pika.frame.Heartbeat().marshal())


@st.composite
def messages(draw: st.DrawFn) -> tuple[list[bytes], Delivery | None]:
    """The frames of one message, with heartbeats among them, and what is to be read of it; None: pika's own."""
    body = draw(st.binary(max_size=60) | st.sampled_from([b"", b"\xce" * 30, deliver(), header(5)]))
    properties: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "content_type": st.sampled_from(["application/json", "", "text/ünicode"]),
                "content_encoding": st.sampled_from(["utf-8", "binary"]),
                "headers": st.just({"hostname": "w1@host"}),
                "priority": st.integers(0, 9),
                "cluster_id": st.just("x"),
            },
        )
    )
    tag, channel = draw(st.sampled_from([(TAG, CHANNEL), (TAG, CHANNEL), ("letters", CHANNEL), (TAG, 2)]))
    frames = [deliver(tag, channel), header(len(body), channel, **properties)]
    frames += bodies(body, draw(st.integers(1, 60)), channel)
    if draw(st.booleans()):
        frames.insert(draw(st.integers(0, len(frames))), heartbeat())
    if (tag, channel) != (TAG, CHANNEL):
        return frames, None
    return frames, Delivery(body, properties.get("content_type"), properties.get("content_encoding"))


@settings(max_examples=300)
@given(st.lists(messages(), max_size=6), st.lists(st.integers(1, 200), max_size=12), st.integers(0, 3))
def test_each_frame_goes_to_one_of_both_in_order(
    sent: list[tuple[list[bytes], Delivery | None]], cuts: list[int], kept: int
) -> None:
    frames = [frame for message, _ in sent for frame in message]
    data = b"".join(frames)
    wire = Wire(data[:kept])
    at = min(kept, len(data))
    for cut in [*cuts, len(data)]:
        wire.feed(data[at : at + cut])
        at += cut
    assert wire.reader.take(100) == [delivery for _, delivery in sent if delivery is not None]
    of_others = [
        frame
        for message, delivery in sent
        for frame in message
        if delivery is None or pika.frame.decode_frame(frame)[1].NAME == "Heartbeat"
    ]
    assert wire.to_pika == of_others
    assert wire._impl.bytes_received == len(data) - sum(map(len, of_others))  # pika counts its own part


def test_waiting_ends_when_something_was_read_and_goes_on_otherwise() -> None:
    wire = Wire()
    whole = deliver() + header(2) + b"".join(bodies(b"{}", 10))
    wire.feed(whole[:-1])
    assert not wire._ready_events
    wire.feed(whole[-1:])
    assert wire._ready_events == [wire.reader]


def test_what_a_closed_channel_broke_off_is_forgotten() -> None:
    wire = Wire()
    closing = pika.frame.Method(CHANNEL, pika.spec.Channel.Close(404, "gone", 0, 0)).marshal()
    wire.feed(deliver() + header(20) + bodies(b"half of it", 20)[0] + closing)
    wire.feed(deliver() + header(2) + bodies(b"{}", 20)[0])
    assert wire.to_pika == [closing]
    assert wire.reader.take(10) == [Delivery(b"{}", None, None)]


def test_a_frame_without_its_end_is_pikas_to_refuse() -> None:
    wire = Wire()
    broken = deliver()[:-1] + b"\x00"
    wire.feed(broken)
    assert wire.to_pika == [broken]


def test_of_a_body_that_is_too_large_only_the_beginning_is_kept() -> None:
    wire = Wire()
    piece = bodies(b"x" * 65_536, 65_536)[0]
    wire.feed(deliver() + header(2**40))
    for _ in range(MAX_PAYLOAD // 65_536 + 100):
        wire.feed(piece)
    assert sum(map(len, wire.reader._pieces)) <= MAX_PAYLOAD + 65_536
    wire.feed(deliver() + header(2) + bodies(b"{}", 20)[0])
    assert wire.reader.take(10) == [Delivery(b"{}", None, None)]


def test_garbage_is_not_waited_for() -> None:
    with pytest.raises(InvalidFrameError, match="a frame of 1145132097 bytes"):
        Wire().feed(b"\x03\x00\x01" + b"DATAGRAM")


def test_what_is_more_than_asked_for_stays() -> None:
    wire = Wire()
    for number in range(3):
        wire.feed(deliver(number=number) + header(1) + bodies(b"%d" % number, 20)[0])
    assert [delivery.body for delivery in wire.reader.take(2)] == [b"0", b"1"]
    assert [delivery.body for delivery in wire.reader.take(2)] == [b"2"]
