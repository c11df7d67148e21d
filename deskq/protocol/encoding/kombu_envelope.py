"""The JSON that kombu wraps a body into on Redis and other virtual transports (kombu/transport/virtual/base.py).

A list of a queue and a fanout channel hold it; RabbitMQ has fields of its own for all of it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

JSON: Final = "application/json"
BASE64: Final = "base64"


class Envelope(msgspec.Struct, rename={"content_type": "content-type", "content_encoding": "content-encoding"}):
    """An envelope as it was written. ``headers`` and ``properties`` may be anything: other languages write them, too.

    Where there are none, both are None; some write an empty list.
    """

    body: str
    content_type: str | None = None
    content_encoding: str | None = None
    headers: Any = None
    properties: Any = None

    def decoded(self) -> bytes:
        """Return what the serializer made; raises ValueError where the body is not what it says it is."""
        properties = self.properties
        if isinstance(properties, dict) and properties.get("body_encoding") == BASE64:
            return base64.b64decode(self.body, validate=True)
        return self.body.encode("utf-8", "backslashreplace")


class _Properties(msgspec.Struct, gc=False):
    body_encoding: str | None = None


class Base64Envelope(msgspec.Struct, gc=False):
    """What kombu writes for every event: a base64 body, which msgspec decodes on the way.

    It is one only where its ``body_encoding`` is ``BASE64``; else these bytes are not the body's.
    """

    body: bytes
    properties: _Properties


read_base64_envelope: Final = msgspec.json.Decoder(Base64Envelope).decode
"""Raises msgspec.MsgspecError, ValueError or RecursionError, as the next one."""
read_envelope: Final = msgspec.json.Decoder(Envelope).decode


def write_envelope(
    body: bytes,
    delivery_tag: str,
    *,
    exchange: str,
    routing_key: str,
    content_type: str = JSON,
    content_encoding: str = "utf-8",
    headers: Mapping[str, Any] | None = None,
    properties: Mapping[str, Any] | None = None,
) -> bytes:
    """Return the envelope of a body with the exchange and the routing key that lead it there.

    Without an exchange kombu returns an unacked message to the queue that is its routing key, with one to the queues
    that are bound by then (virtual/base.py, _lookup).
    """
    own = {
        "body_encoding": BASE64,
        "delivery_tag": delivery_tag,
        "delivery_info": {"exchange": exchange, "routing_key": routing_key},
    }
    outer = {
        "body": base64.b64encode(body).decode("ascii"),
        "content-encoding": content_encoding,
        "content-type": content_type,
        "headers": dict(headers or {}),
        "properties": {**(properties or {}), **own},
    }
    return json.dumps(outer, separators=(",", ":")).encode()
