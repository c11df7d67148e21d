"""Celery's events: typed values, and the decoding of what a broker delivers into them.

Sources: celery/events/dispatcher.py and celery/worker/request.py (fields of each event).
"""

from __future__ import annotations

import contextlib
import json
import math
from typing import Annotated, Any, Final

import msgspec

from deskq.protocol.encoding.event_serializers import OTHERS
from deskq.protocol.encoding.kombu_envelope import BASE64, JSON, read_base64_envelope, read_envelope

MAX_PAYLOAD: Final = 16 * 1024 * 1024
"""Bytes of one delivery above which it is not decoded (Celery's own events are below 64 KiB)."""

LATEST: Final = 32_503_680_000.0
"""The year 3000: a larger timestamp is not epoch seconds."""

LONGEST_NAME: Final = 65_536
"""Characters of a name, an id or a software's version above which the delivery counts as malformed."""

LONGEST_TEXT: Final = 262_144
"""Characters of arguments, a result, an exception or a traceback; what is longer is cut, as workers cut at 1,024."""

_ENCODINGS: Final = {
    *("utf-8", "utf8", "utf-8-sig", "us-ascii", "ascii", "iso-8859-1", "latin-1", "latin1", "utf-16", "utf-32"),
}
"""What a body may be encoded in. Python knows more; some, as Punycode, take hours for a large body."""

_LARGEST_INTEGER: Final = 2**53  # what fits every JSON reader, and SQLite


class MalformedEvent(ValueError):
    """A delivery that is not an event; ``raw`` holds its bytes, ``reason`` says what is wrong with it."""

    def __init__(self, reason: str, raw: bytes) -> None:
        super().__init__(reason)
        self.reason = reason
        self.raw = raw


_Whole = Annotated[int, msgspec.Meta(ge=-1, lt=_LARGEST_INTEGER)]
_Count = Annotated[int, msgspec.Meta(ge=0, lt=_LARGEST_INTEGER)]
_Seconds = Annotated[float, msgspec.Meta(ge=0.0, lt=LATEST)]


class Event(msgspec.Struct, kw_only=True, gc=False):
    """One event of any type; a field that this type does not have is None.

    Its numbers are checked while it is decoded; what msgspec refuses is looked at again, leniently.
    ``timestamp``, ``eta`` and ``expires``: see :func:`epoch` for the latter two, which come as ISO 8601 text.
    ``args``, ``kwargs`` and ``result`` are reprs, cut by the worker. ``runtime`` is in seconds.
    """

    type: str
    hostname: str = ""
    timestamp: _Seconds
    clock: _Whole = -1
    pid: _Whole = -1
    uuid: str | None = None
    name: str | None = None
    args: str | None = None
    kwargs: str | None = None
    result: str | None = None
    runtime: _Seconds | None = None
    exception: str | None = None
    traceback: str | None = None
    root_id: str | None = None
    parent_id: str | None = None
    retries: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] | None = None
    eta: str | None = None
    expires: str | None = None
    queue: str | None = None
    exchange: str | None = None
    routing_key: str | None = None
    requeue: bool | None = None
    terminated: bool | None = None
    signum: int | str | None = None
    expired: bool | None = None
    freq: Annotated[float, msgspec.Meta(gt=0.0, lt=86_400.0)] | None = None
    sw_ident: str | None = None
    sw_ver: str | None = None
    sw_sys: str | None = None
    active: _Count | None = None
    processed: _Count | None = None
    loadavg: list[Annotated[float, msgspec.Meta(ge=0.0, lt=_LARGEST_INTEGER)]] | None = None


_decode_events = msgspec.json.Decoder(list[Event] | Event).decode
_decode_msgpack = msgspec.msgpack.Decoder(list[Event] | Event).decode

_TEXT: Final = {
    *("type", "hostname", "uuid", "name", "args", "kwargs", "result", "exception", "traceback", "root_id", "parent_id"),
    *("eta", "expires", "queue", "exchange", "routing_key", "sw_ident", "sw_ver", "sw_sys"),
}
_LONG: Final = ("args", "kwargs", "result", "exception", "traceback")
_NAMES: Final = tuple(sorted(_TEXT - set(_LONG)))
_WHOLE: Final = {"clock", "pid", "retries", "active", "processed"}
_REAL: Final = {"timestamp", "runtime", "freq"}
_FLAG: Final = {"requeue", "terminated", "expired"}


def decode_redis_envelope(payload: bytes) -> list[Event]:
    """Return the events in one PUBLISH of kombu's Redis transport; raise MalformedEvent if it is something else."""
    if len(payload) > MAX_PAYLOAD:
        raise MalformedEvent(f"larger than {MAX_PAYLOAD} bytes", payload)
    try:
        quick = read_base64_envelope(payload)
        if quick.properties.body_encoding == BASE64:
            events = _decode_events(quick.body)
            if type(events) is Event and len(quick.body) <= LONGEST_NAME:  # as nearly always
                return [events]
            return _shortened(events, len(quick.body))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    return _decode_unusual_envelope(payload)


def decode_body(body: bytes, content_type: str | None, content_encoding: str | None) -> list[Event]:
    """Return the events in one body; raise MalformedEvent if it is no event, or by a serializer that is not read."""
    if len(body) > MAX_PAYLOAD:
        raise MalformedEvent(f"larger than {MAX_PAYLOAD} bytes", body)
    if content_type not in (None, "", JSON):
        return _decode_other(body, content_type)
    try:
        return _shortened(_decode_events(body), len(body))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _decode_leniently(body, content_encoding, body)


def _decode_other(body: bytes, content_type: str) -> list[Event]:
    """Decode what ``event_serializer`` made of it, as far as that is read; its numbers and texts are looked at too."""
    if content_type == "application/x-msgpack":
        with contextlib.suppress(msgspec.MsgspecError, ValueError, RecursionError):
            return _shortened(_decode_msgpack(body), len(body))
    read = OTHERS.get(content_type)
    if read is None:
        known = ", ".join((JSON, *OTHERS))
        raise MalformedEvent(f"content type {content_type[:100]!r}; read are {known}", body)
    try:
        return _from_values(read(body), len(body))
    except (ValueError, OverflowError, RecursionError, TypeError) as error:
        raise MalformedEvent(_short(error), body) from None


def _from_values(decoded: Any, size: int) -> list[Event]:
    items = decoded if isinstance(decoded, list) else [decoded]
    return _shortened(_checked([_coerced(item) for item in items]), size)


def _decode_unusual_envelope(payload: bytes) -> list[Event]:
    try:
        envelope = read_envelope(payload)
        body = envelope.decoded()
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise MalformedEvent(f"not a kombu envelope: {_short(error)}", payload) from None
    try:
        return decode_body(body, envelope.content_type, envelope.content_encoding)
    except MalformedEvent as error:
        raise MalformedEvent(error.reason, payload) from None


def _shortened(decoded: list[Event] | Event, size: int) -> list[Event]:
    """Return the events with texts that can be kept; ``size``: bytes that they were decoded from."""
    events = decoded if isinstance(decoded, list) else [decoded]
    if size > LONGEST_NAME:
        for event in events:
            _shorten(event)
    return events


def _checked(events: list[Event]) -> list[Event]:
    """Return the events if their numbers are ones that can be kept, as msgspec checks them of what it decodes."""
    for event in events:
        if event.type.startswith("worker-"):
            _check_worker(event)
        if not (
            0.0 <= event.timestamp < LATEST
            and -1 <= event.clock < _LARGEST_INTEGER
            and -1 <= event.pid < _LARGEST_INTEGER
        ):
            raise ValueError("a number out of range")
        retries = event.retries
        if retries is not None and not 0 <= retries < 2**31:
            raise ValueError("a number of retries out of range")
        if event.runtime is not None and not 0.0 <= event.runtime < LATEST:
            event.runtime = None
    return events


def _check_worker(event: Event) -> None:
    """A heartbeat with an impossible number is still a sign of life: the number alone is dropped."""
    if event.processed is not None and not 0 <= event.processed < _LARGEST_INTEGER:
        event.processed = None
    if event.active is not None and not 0 <= event.active < _LARGEST_INTEGER:
        event.active = None
    if event.freq is not None and not 0.0 < event.freq < 86_400.0:
        event.freq = None
    if event.loadavg is not None and not all(0.0 <= load < _LARGEST_INTEGER for load in event.loadavg):
        event.loadavg = None


def _shorten(event: Event) -> None:
    for name in _NAMES:
        value = getattr(event, name)
        if value is not None and len(value) > LONGEST_NAME:
            raise ValueError(f"{name} has {len(value)} characters")
    for name in _LONG:
        value = getattr(event, name)
        if value is not None and len(value) > LONGEST_TEXT:
            setattr(event, name, value[:LONGEST_TEXT] + "...")
    if isinstance(event.signum, str) and len(event.signum) > 64:
        event.signum = event.signum[:64]


def _decode_leniently(body: bytes, encoding: str | None, raw: bytes) -> list[Event]:
    """Decode what is JSON but not typed as Celery types it: custom events may carry any field."""
    encoding = (encoding or "utf-8").lower()
    if encoding not in _ENCODINGS:
        raise MalformedEvent(f"content encoding {encoding[:40]!r} is not read", raw)
    try:
        decoded = json.loads(body.decode(encoding, "strict"))
    except (ValueError, RecursionError) as error:
        raise MalformedEvent(f"not JSON: {_short(error)}", raw) from None
    try:
        return _from_values(decoded, len(body))
    except (ValueError, OverflowError, RecursionError) as error:
        raise MalformedEvent(_short(error), raw) from None


def _coerced(item: Any) -> Event:
    if not isinstance(item, dict):
        raise ValueError(f"expected an object, got {type(item).__name__}")
    if not isinstance(item.get("type"), str):
        raise ValueError("no type")
    fields: dict[str, Any] = {}
    for key, value in item.items():
        if value is None:
            continue
        if key in _TEXT:
            fields[key] = plain_utf8(value if isinstance(value, str) else json.dumps(value))
        elif key in _WHOLE and _is_number(value):
            fields[key] = int(value)
        elif key in _REAL and _is_number(value):
            fields[key] = float(value)
        elif key in _FLAG:
            fields[key] = bool(value)
        elif key == "signum" and isinstance(value, int | str):
            fields[key] = plain_utf8(value) if isinstance(value, str) else int(value)
        elif key == "loadavg" and isinstance(value, list) and all(map(_is_number, value)):
            fields[key] = [float(number) for number in value[:3]]
    if "timestamp" not in fields:
        raise ValueError("no timestamp")
    return Event(**fields)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def plain_utf8(text: str) -> str:
    """Return the text with lone surrogates written out, so that every later encoder accepts it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _short(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:200]
