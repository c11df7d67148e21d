"""AMQP tables as bytes: pika 1.4 writes no floats, and reads 1.5 as 1."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

import pika
from pika import data

_NO_TABLE: Final = struct.pack(">I", 0)


class Properties(pika.BasicProperties):  # type: ignore[misc]  # pika has no types
    """A message's properties whose headers may hold floats and tuples, as Celery's do (``timelimit``)."""

    headers: Mapping[str, Any] | None

    def encode(self) -> list[bytes]:
        """Return the frame's pieces as pika does, with the headers written here."""
        headers, self.headers = self.headers, {}
        try:
            pieces: list[bytes] = super().encode()
        finally:
            self.headers = headers
        place = pieces.index(_NO_TABLE)  # no other property is four zero bytes: texts have their length before them
        pieces[place : place + 1] = [table(headers or {})]
        return pieces


def table(values: Mapping[str, Any]) -> bytes:
    """Write a table; raises what pika raises of what AMQP has no type for."""
    pieces: list[bytes] = []
    for key, value in values.items():
        data.encode_short_string(pieces, key)
        pieces.append(_value(value))
    return _long(b"".join(pieces))


def _value(value: Any) -> bytes:
    """Write a value with its type; whole numbers stay whole."""
    if isinstance(value, float):
        return b"d" + struct.pack(">d", value)
    if isinstance(value, Mapping):
        return b"F" + table(value)
    if isinstance(value, list | tuple):
        return b"A" + _long(b"".join(map(_value, value)))
    pieces: list[bytes] = []
    data.encode_value(pieces, value)
    return b"".join(pieces)


def _long(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text
