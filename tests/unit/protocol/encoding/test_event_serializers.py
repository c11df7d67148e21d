"""Events by other serializers than JSON: read as far as that is safe, and named where it is not."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
import yaml

from deskq.protocol.encoding.event_serializers import MOST_YAML
from deskq.protocol.events import MalformedEvent, decode_body, decode_redis_envelope
from tests.support.flood import heartbeat, task_events

MSGPACK, YAML = "application/x-msgpack", "application/x-yaml"
UUID = "00000000-0000-4000-8000-000000000001"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def written(value: Any, kind: str) -> bytes:
    return msgspec.msgpack.encode(value) if kind == MSGPACK else bytes(yaml.safe_dump(value), "utf-8")


@pytest.mark.parametrize("kind", [MSGPACK, YAML])
@pytest.mark.parametrize("value", [heartbeat(1), task_events(UUID)[0], task_events(UUID)])
def test_they_are_the_same_events(value: Any, kind: str) -> None:
    body = written(value, kind)
    expected = decode_body(json.dumps(value).encode(), "application/json", "utf-8")
    assert decode_body(body, kind, "binary") == expected
    outer = {
        "body": base64.b64encode(body).decode(),
        "content-type": kind,
        "content-encoding": "binary",
        "properties": {"body_encoding": "base64"},
    }
    assert decode_redis_envelope(json.dumps(outer).encode()) == expected


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b"\x80\x04K\x01.", "application/x-python-serialize", "content type 'application/x-python"),
        (BOMB.encode(), YAML, "refers to a part of itself"),
        (b"[" * 500 + b"]" * 500, YAML, "deeper than"),
        (b"[" * 100_000, YAML, ""),
        (b"!!python/object/apply:os.system ['true']", YAML, "not YAML"),
        (b"type: x\ntimestamp: 1.0\nargs: 2026-01-01 00:00:00", YAML, ""),
        (b"? [a]\n: 1", YAML, ""),
        (b"#" * (MOST_YAML + 1), YAML, "more than"),
        (b"\xff\xfe\x00", YAML, ""),
        (b"\x91" * 100_000, MSGPACK, "not MessagePack"),
        (b"\xdd\xff\xff\xff\xff", MSGPACK, "not MessagePack"),
        (b"\x01", MSGPACK, "expected an object"),
        (msgspec.msgpack.encode({"type": "task-sent", "timestamp": -1}), MSGPACK, "out of range"),
        (msgspec.msgpack.encode({"type": "task-sent", "timestamp": 1, "args": [b"x"]}), MSGPACK, ""),
    ],
)
def test_what_is_none_says_why(body: bytes, kind: str, reason: str) -> None:
    with pytest.raises(MalformedEvent) as raised:
        decode_body(body, kind, "binary")
    assert reason in raised.value.reason
