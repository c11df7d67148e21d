"""Deliveries as nobody's worker sends them: real events, changed at random in every way that JSON and bytes allow."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from typing import Any, Final

from deskq.brokers.rabbitmq.deliveries import Delivery
from tests.support.flood import envelope, heartbeat, task_events

TASK: Final = "00000000-0000-4000-8000-{:012}"
TEXTS: Final = (
    "<img src=x onerror=alert(1)><b>bold</b>",
    "<a href='file:///etc/passwd'>click</a>",
    "\u202eevil\u202c \u2066x\u2069 \u200b\ufeff",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b",
    "nul\x00 inside",
    "\ud800 alone \udfff",
    "'; DROP TABLE tasks; --",
    '=HYPERLINK("http://x")',
    "../../../../etc/passwd",
    "%s%n{0.__class__}",
    "\n\r\t\v\f\u2028\u2029\x85",
    "\u202e",
    "🏴" * 50,
    "a\u0301" * 300,
    "x" * 70_000,
    "(" * 5_000,
    "",
    " ",
)
NUMBERS: Final = (
    *(0, -1, 1, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**400),
    *(0.0, -0.0, 1e-320, 1e308, -1e308, float("nan"), float("inf"), float("-inf"), 1e18, 253_402_300_800.0),
)
TIMES: Final = (
    *("9999-12-31T23:59:59+14:00", "0001-01-01T00:00:00+14:00", "2026-02-30T00:00:00", "now", "1969-12-31T23:59:59Z"),
    *("2026-11-25T00:00:00", "2026-W01-1", "20261125T000000.123456789+00:00:01"),
)
TYPES: Final = (
    *("task-sent", "task-received", "task-started", "task-succeeded", "task-failed", "task-retried", "task-rejected"),
    *("task-revoked", "task-cancelled", "task-custom", "task-", "worker-online", "worker-heartbeat", "worker-offline"),
    *("worker-", "something", ""),
)


def nested(depth: int) -> bytes:
    """JSON, so many lists deep."""
    return b"[" * depth + b"]" * depth


def fields(chance: random.Random) -> dict[str, Any]:
    """Return every field that some event has, with values that its type does not forbid, in most cases."""
    task = TASK.format(chance.randrange(200))
    found: dict[str, Any] = dict(chance.choice(task_events(task, chance.randrange(1_000))))
    if chance.random() < 0.3:
        found = heartbeat(chance.randrange(10_000), hostname=f"w{chance.randrange(50)}@host")
    if chance.random() < 0.5:
        found["type"] = chance.choice(TYPES)
    extra = {
        "queue": "emails",
        "exchange": "",
        "routing_key": "emails",
        "exception": "ValueError('no')",
        "traceback": 'Traceback (most recent call last):\n  File "x.py", line 1, in f\nValueError: no\n',
        "requeue": True,
        "terminated": True,
        "signum": 9,
        "expired": False,
        "retries": chance.randrange(3),
    }
    for name in chance.sample(sorted(extra), 3):
        found[name] = extra[name]
    return found


def value(chance: random.Random) -> Any:
    """Return any value."""
    kinds: tuple[Callable[[], Any], ...] = (
        lambda: chance.choice(TEXTS),
        lambda: chance.choice(NUMBERS),
        lambda: chance.choice(TIMES),
        lambda: None,
        lambda: chance.random() < 0.5,
        lambda: [value(chance) for _ in range(chance.randrange(4))] if chance.random() < 0.3 else [],
        lambda: {chance.choice(TEXTS): chance.choice(NUMBERS)},
        lambda: chance.choice(TEXTS) + str(chance.randrange(1_000_000)),
    )
    return chance.choice(kinds)()


def body(chance: random.Random) -> Any:
    """Return what a hostile delivery holds: an event that was changed, a list of them, or any value."""
    changed = fields(chance)
    for _ in range(chance.randrange(4)):
        name = chance.choice([*changed, "uuid", "hostname", "timestamp", "eta", "expires", "processed", "loadavg"])
        if chance.random() < 0.15:
            changed.pop(name, None)
        else:
            changed[name] = value(chance)
    if chance.random() < 0.0005:
        changed[chance.choice([*changed, "args", "uuid", "traceback"])] = "<b>" * chance.choice([50_000, 3_000_000])
    how = chance.random()
    if how < 0.15:
        return [changed] * chance.randrange(30)
    return value(chance) if how < 0.2 else changed


def damaged_bytes(chance: random.Random, raw: bytes, most: int = 8) -> bytes:
    """Return them with a few bytes changed, taken out or put in."""
    damaged = bytearray(raw)
    for _ in range(chance.randrange(1, most)):
        at = chance.randrange(len(damaged) + 1)
        damaged[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
    return bytes(damaged)


def payload(chance: random.Random) -> bytes:
    """Return one hostile delivery of Redis."""
    if chance.random() < 0.0005:
        return chance.choice([b"", nested(10_000), chance.randbytes(1_000_000), b"[" * 100_000])
    content = body(chance)
    made = envelope(content)
    if chance.random() < 0.1:  # the envelope itself
        outer = json.loads(made)
        outer[chance.choice(["body", "properties", "content-type", "content-encoding", "headers"])] = value(chance)
        made = json.dumps(outer).encode()
    if chance.random() < 0.15:
        made = damaged_bytes(chance, made)
    if chance.random() < 0.05:  # the JSON inside
        inner = damaged_bytes(chance, json.dumps(content).encode(), 3)
        outer = {"body": base64.b64encode(inner).decode(), "properties": {"body_encoding": "base64"}}
        made = json.dumps(outer).encode()
    return made


CONTENT_TYPES: Final = (
    "application/json",
    None,
    "",
    "application/x-python-serialize",
    "text/html",
    "\x1b[31m",
    "x" * 255,
)
ENCODINGS: Final = (
    "utf-8",
    None,
    "",
    "binary",
    "utf-16",
    "latin-1",
    "punycode",
    "idna",
    "zlib_codec",
    "nul\x00",
    "\ud800",
)


def delivery(chance: random.Random) -> Delivery:
    """Return one hostile delivery of RabbitMQ."""
    kind = chance.choice(CONTENT_TYPES) if chance.random() < 0.05 else "application/json"
    encoding = chance.choice(ENCODINGS) if chance.random() < 0.2 else "utf-8"
    if chance.random() < 0.0005:
        return Delivery(
            chance.choice([b"", nested(10_000), chance.randbytes(1_000_000), b"{" * 100_000]), kind, encoding
        )
    raw = json.dumps(body(chance), ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    return Delivery(damaged_bytes(chance, raw) if chance.random() < 0.15 else raw, kind, encoding)
