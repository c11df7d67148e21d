"""Serializers that a task can be sent with: JSON, and those of kombu's that are installed; never pickle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final

from deskq.protocol.message import EMBED, RawMessage

JSON_SERIALIZER: Final = "json"
_FURTHER: Final = ("yaml", "msgpack")


@cache
def serializers() -> tuple[str, ...]:
    """Return their names, JSON first. kombu registers some that are not there: each is tried."""
    return (JSON_SERIALIZER, *(name for name in _FURTHER if _works(name)))


def serialized(message: RawMessage, args: list[Any], kwargs: Mapping[str, Any], serializer: str) -> RawMessage:
    """Return the message with its body by this serializer; raises ValueError or TypeError where it cannot be."""
    if serializer == JSON_SERIALIZER:
        return message
    content_type, encoding, body = _dumps([args, dict(kwargs), dict(EMBED)], serializer)
    return replace(message, body=body, content_type=content_type, content_encoding=encoding)


def _works(name: str) -> bool:
    from kombu.exceptions import SerializerNotInstalled

    try:
        _dumps([], name)
    except SerializerNotInstalled:
        return False
    return True


def _dumps(value: Any, serializer: str) -> tuple[str, str, bytes]:
    from kombu.exceptions import EncodeError
    from kombu.serialization import dumps  # with the first call that needs it: kombu takes its time

    try:
        content_type, encoding, body = dumps(value, serializer=serializer)
    except EncodeError as error:
        raise ValueError(str(error)) from None
    return str(content_type), str(encoding), body.encode() if isinstance(body, str) else body
