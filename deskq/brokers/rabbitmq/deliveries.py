"""Takes one consumer's deliveries out of a pika connection's stream, before pika decodes them.

pika builds three frame objects and a table of properties for each message, 40 us; of an event only the body and how it
is encoded are wanted. Frames: AMQP 0-9-1, sections 2.3.5 (general), 2.3.5.2 (content header), 1.8.3.14 (basic.deliver).
"""

from __future__ import annotations

import struct
from typing import Any, Final, NamedTuple

from deskq.brokers.rabbitmq.bounded import UnlikeRabbitMQ
from deskq.protocol.events import MAX_PAYLOAD

_METHOD, _HEADER, _BODY = 1, 2, 3
_FRAME: Final = struct.Struct(">BHI")
_AROUND: Final = _FRAME.size + 1
"""A frame's head, and the byte that ends it."""
_CONTENT: Final = struct.Struct(">HHQH")
"""A content header's class, weight, size of the body in bytes, and which properties follow."""
_HAS_TYPE, _HAS_ENCODING, _MORE_FLAGS = 0x8000, 0x4000, 0x0001
_FRAME_END: Final = 0xCE
_BASIC_DELIVER: Final = b"\x00\x3c\x00\x3c"
_READ_BYTES: Final = 256 * 1024
_NO_LIMIT: Final = 2**32


class Delivery(NamedTuple):
    """What one delivery carries of use."""

    body: bytes
    content_type: str | None
    content_encoding: str | None


class DeliveryReader:
    """Stands before pika's decoder: what is no delivery to its consumer goes on to pika, frame by frame, in order.

    pika's ``process_data_events`` returns when something was added.
    """

    def __init__(self, connection: Any, channel_number: int, consumer_tag: str) -> None:
        tag = consumer_tag.encode()
        self.arrived: list[Delivery] = []
        self._connection = connection
        self._impl = connection._impl
        self._pika = self._impl._on_data_available
        self._channel = channel_number
        self._longest = self._impl.params.frame_max or _NO_LIMIT
        self._mark = _BASIC_DELIVER + bytes([len(tag)]) + tag
        self._rest, self._impl._frame_buffer = self._impl._frame_buffer, b""
        self._described: tuple[str | None, str | None] = (None, None)
        self._begun = False
        self._missing = self._kept = 0
        self._pieces: list[bytes] = []
        self._impl._on_data_available = self.feed
        self._impl._transport._MAX_RECV_BYTES = _READ_BYTES  # of 4 KB pika makes eight events and a system call

    def feed(self, data: bytes) -> None:
        """Take what came from the socket; raises what pika raises for a frame that it does not like."""
        known = len(self.arrived)
        if self._rest:
            data = self._rest + data
        size, position, taken = len(data), 0, 0
        try:
            while size - position >= _AROUND:
                kind, channel, length = _FRAME.unpack_from(data, position)
                end = position + length + _AROUND
                if end > size:
                    if length > self._longest:
                        raise UnlikeRabbitMQ(f"a frame of {length} bytes where {self._longest} were agreed")
                    break
                begin, position = position, end
                if channel == self._channel and data[end - 1] == _FRAME_END and self._take(kind, data, begin, end):
                    taken += end - begin
                else:
                    self._pika(data[begin:end])
        finally:
            self._rest = data[position:]
            self._impl.bytes_received += taken  # by which pika sees that the broker is alive
        if len(self.arrived) > known:
            self._connection._ready_events.append(self)

    def take(self, most: int) -> list[Delivery]:
        """Return what arrived, the oldest first."""
        arrived = self.arrived
        self.arrived = arrived[most:]
        return arrived[:most]

    def dispatch(self) -> None:
        """Do nothing: pika calls this, since it returns from waiting for what has something to dispatch."""

    def _take(self, kind: int, data: bytes, begin: int, end: int) -> bool:
        """Whether a whole frame of our channel is a part of a delivery to us."""
        at = begin + _FRAME.size
        if kind == _BODY and self._missing:
            if self._kept <= MAX_PAYLOAD:  # a body that is larger is malformed, whatever the rest of it is
                self._pieces.append(data[at : end - 1])
                self._kept += end - 1 - at
            self._missing -= end - 1 - at
            if self._missing <= 0:
                self._complete()
            return True
        if kind == _HEADER and self._begun and end - at > _CONTENT.size:
            self._begun = False
            self._kept = 0
            self._missing, self._described = _content_header(data, at, end - 1)
            if self._missing == 0:
                self._complete()
            return True
        if kind == _METHOD:  # any method ends what was begun
            self._pieces, self._missing = [], 0
            self._begun = data.startswith(self._mark, at)
            return self._begun
        return False

    def _complete(self) -> None:
        pieces = self._pieces
        self.arrived.append(Delivery(pieces[0] if len(pieces) == 1 else b"".join(pieces), *self._described))
        self._pieces, self._missing = [], 0


def _content_header(data: bytes, at: int, end: int) -> tuple[int, tuple[str | None, str | None]]:
    """Return the size of the body, and content type and encoding, which are the first two properties."""
    _, _, size, flags = _CONTENT.unpack_from(data, at)
    at += _CONTENT.size
    more = flags
    while more & _MORE_FLAGS and at < end:
        more = data[at] << 8 | data[at + 1]
        at += 2
    kind = encoding = None
    if flags & _HAS_TYPE:
        kind, at = _short_string(data, at)
    if flags & _HAS_ENCODING:
        encoding, at = _short_string(data, at)
    return size, (kind, encoding)


def _short_string(data: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + data[at]
    return data[at + 1 : end].decode("utf-8", "backslashreplace"), end
