"""pika's connection, for servers that are no RabbitMQ: what is too large or cannot be read is an AMQPError.

pika itself keeps a frame of any length until it is whole, and stumbles over bytes that are no AMQP in many ways.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from pika.adapters.select_connection import SelectConnection
from pika.exceptions import AMQPError, InvalidFrameError
from pika.frame import Header

MOST_CONTENT: Final = 32 * 1024 * 1024
"""Bytes of a message that comes: one that deskq sent and that is returned; events are read otherwise."""
_LONGEST: Final = 131_072
_HEAD: Final = struct.Struct(">BHI")


class UnlikeRabbitMQ(InvalidFrameError):  # type: ignore[misc]  # pika has no types
    """The server does not speak AMQP as RabbitMQ does; the text says in what way."""


class BoundedAmqpConnection(SelectConnection):  # type: ignore[misc]
    """See pika.BlockingConnection, whose implementation it is; its methods are called by pika alone."""

    def _on_data_available(self, data_in: bytes) -> None:
        try:
            super()._on_data_available(data_in)
        except (AMQPError, OSError):
            raise
        except Exception:  # noqa: BLE001 - pika decodes what comes without a look at it
            raise UnlikeRabbitMQ("a frame that cannot be read") from None
        rest = self._frame_buffer
        begun = len(rest) >= _HEAD.size and not rest.startswith(b"AMQP")
        if begun and _HEAD.unpack_from(rest)[2] > (self.params.frame_max or _LONGEST):
            raise UnlikeRabbitMQ("a frame that is longer than was agreed")

    def _process_frame(self, frame_value: Any) -> None:
        if isinstance(frame_value, Header) and frame_value.body_size > MOST_CONTENT:
            raise UnlikeRabbitMQ(f"a message of more than {MOST_CONTENT >> 20} MB")
        super()._process_frame(frame_value)
