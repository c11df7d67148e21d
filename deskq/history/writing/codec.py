"""Task records to columns and back, losing nothing: what columns cannot hold goes into the ``observations`` blob."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from deskq.protocol.task_record import Message, More, Observation, TaskOutcome, TaskRecord, TaskRoute

RAN_TWICE: Final = 1
ROOT_IS_SELF: Final = 2
UNREADABLE: Final = (msgspec.MsgspecError, ValueError, TypeError, AttributeError, OverflowError)
"""What reading a damaged row may raise: text that is no UTF-8, a blob that is none, any type in any column."""


class Rest(NamedTuple):
    """What few records have: messages and outcomes but those of the columns, and the rest of ``More``."""

    messages: list[Message]
    outcomes: list[TaskOutcome]
    clocks: dict[str, float]
    counted: list[int]


class Blob(NamedTuple):
    """What the columns do not hold: the observations, and the keys by which the registers compare.

    ``message`` and ``outcome``: of those that the columns tell. A record without a rest is packed without it.
    """

    observations: list[Observation]
    message: tuple[int, int, float, str] | None
    route: tuple[int, float] | None
    outcome: tuple[float, int, str] | None
    rest: Rest | None = None


class Texts(NamedTuple):
    """The register values that are kept in columns."""

    name: str
    args: str
    kwargs: str
    root_id: str
    parent_id: str
    eta: float | None
    expires: float | None
    queue: str
    exchange: str
    routing_key: str
    result: str


_encode = msgspec.msgpack.Encoder().encode
_decode: Any = msgspec.msgpack.Decoder(Blob).decode


def are_numbers(*values: object) -> bool:
    """True if each value is a number or None: in a damaged column may stand anything."""
    return all(value is None or isinstance(value, int | float) for value in values)


def pack_uuid(text: str) -> bytes | str:
    """Return the 16 bytes of a canonical UUID; any other id stays text, so that nothing is lost."""
    if len(text) == 36 and text[8:24:5] == "----":
        digits = text.replace("-", "")
        try:
            packed = bytes.fromhex(digits)
        except ValueError:
            return text
        if packed.hex() == digits and len(digits) == 32:  # else unpacking would not give the same text
            return packed
    return text


def unpack_uuid(packed: bytes | str | None) -> str:
    """Reverse :func:`pack_uuid`; None becomes ""."""
    if packed is None:
        return ""
    if isinstance(packed, str):
        return packed
    digits = packed.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def pack_record(record: TaskRecord, message: Message | None, outcome: TaskOutcome | None) -> bytes:
    """Return the blob of a record whose columns tell this message and this outcome of it."""
    route = record.route
    packed = (
        record.observations,
        message[:4] if message is not None else None,
        route[:2] if route is not None else None,
        outcome[:3] if outcome is not None else None,
    )
    more = record.more
    if more is None:
        return _encode(packed)
    messages = {*more.messages, record.message} - {message, None}
    outcomes = {*more.outcomes, record.outcome} - {outcome, None}
    return _encode((*packed, (messages, outcomes, more.clocks, more.counted)))


def unpack_record(uuid: str, blob: bytes, texts: Texts) -> TaskRecord:
    """Return the record that was packed; raises msgspec.MsgspecError if the blob is damaged."""
    kept: Blob = _decode(blob)
    record = TaskRecord(uuid, set(kept.observations))
    if kept.message is not None:
        record.message = Message(
            *kept.message,
            texts.name,
            texts.args,
            texts.kwargs,
            texts.root_id,
            texts.parent_id,
            -1 if texts.eta is None else texts.eta,
            -1 if texts.expires is None else texts.expires,
        )
    if kept.route is not None:
        record.route = TaskRoute(*kept.route, texts.queue, texts.exchange, texts.routing_key)
    if kept.outcome is not None:
        record.outcome = TaskOutcome(*kept.outcome, texts.result)
    if kept.rest is not None:
        rest = kept.rest
        record.more = More(clocks=rest.clocks, counted=set(rest.counted))
        record.offer_messages(rest.messages)
        record.offer_outcomes(rest.outcomes)
    return record
