"""What the journal writes of an item of a plan."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from deskq.actions.plan import Item, Step
from deskq.protocol.message import write_redis_message

LARGEST_BODY: Final = 256 * 1024


def line_of(item: Item | Step) -> tuple[str, str, str, str, str, str, bytes, str]:
    """What is written of an item: id, source, task, queue, grade, command, message, undo."""
    if isinstance(item, Item):
        return (item.id, item.source, item.task, item.target, item.grade, item.command, _message(item), "")
    undo = as_json(item.undo) if item.undo is not None else ""
    return (item.id, item.source, item.task, item.target, "", item.command, as_json(item.detail).encode(), undo)


def as_json(detail: Mapping[str, Any]) -> str:
    return json.dumps(detail, ensure_ascii=True, default=str)


def _message(item: Item) -> bytes:
    """The message as Redis would hold it; a body that is large is left out, its size stays."""
    message = item.message
    if len(message.body) > LARGEST_BODY:
        words = f"(a body of {len(message.body):,} bytes is not kept in the journal)"
        message = replace(message, body=words.encode(), content_type="text/plain")
    if item.route is not None:
        return write_redis_message(message, item.route.routing_key, item.id, item.route.exchange)
    return write_redis_message(message, item.queue, item.id)
