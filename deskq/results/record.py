"""A result record as a value, and its decoding from what a store holds; pure, bounded, and never by unpickling.

Celery's own way (celery/backends/base.py, ``exception_to_python`` and ``meta_from_decoded``) makes instances of classes
that the record names: here a record stays text.
"""

from __future__ import annotations

import io
import json
import pickletools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

MOST_BYTES: Final = 4 * 1024 * 1024
"""A larger value is not decoded; its beginning is shown."""
RAW_BYTES: Final = 256 * 1024
_OPCODES: Final = 200
_LONGEST: Final = 200_000
_PICKLE: Final = b"\x80"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRecord:
    """What a store says of one task; None = it does not say.

    ``result``: indented JSON, or text; ``kind``: "json", "pickle", "text", "bytes" or "nothing". ``args`` and
    ``kwargs``: JSON values, or a repr where ``arguments_are_reprs``. ``raw``: the beginning of what is stored, of
    ``size`` bytes. ``expires_in``: seconds.
    """

    task_id: str
    state: str | None = None
    result: str = ""
    kind: str = "nothing"
    exception: str | None = None
    traceback: str | None = None
    date_done: str | None = None
    children: str | None = None
    group_id: str | None = None
    parent_id: str | None = None
    name: str | None = None
    args: Any = None
    kwargs: Any = None
    arguments_are_reprs: bool = False
    worker: str | None = None
    retries: int | None = None
    queue: str | None = None
    raw: bytes = b""
    size: int = 0
    expires_in: float | None = None

    @property
    def extended(self) -> bool:
        """Was it written with ``result_extended``?"""
        return self.name is not None


def decode_meta(task_id: str, raw: bytes) -> ResultRecord:
    """Return the record in a whole stored value, as Redis and the file system keep it."""
    bare = ResultRecord(task_id=task_id, raw=raw[:RAW_BYTES], size=len(raw))
    value, kind, text = decode_value(raw)
    if kind != "json" or not isinstance(value, Mapping):
        return replace(bare, result=text, kind=kind)
    return replace(from_mapping(task_id, value), raw=raw[:RAW_BYTES], size=len(raw))


def from_mapping(task_id: str, meta: Mapping[str, Any]) -> ResultRecord:
    """Return the record of Celery's own keys (status, result, traceback, …), whatever their types are."""
    result = meta.get("result")
    exception = exception_text(result)
    children = meta.get("children")
    retries = meta.get("retries")
    return ResultRecord(
        task_id=task_id,
        state=_text(meta.get("status")),
        result="" if exception is not None else shown(result),
        kind="nothing" if result is None else "json",
        exception=exception,
        traceback=_text(meta.get("traceback")),
        date_done=_text(meta.get("date_done")),
        children=shown(children) if children else None,
        group_id=_text(meta.get("group_id")),
        parent_id=_text(meta.get("parent_id")),
        name=_text(meta.get("name")),
        args=meta.get("args"),
        kwargs=meta.get("kwargs"),
        worker=_text(meta.get("worker")),
        retries=retries if isinstance(retries, int) else None,
        queue=_text(meta.get("queue")),
    )


def decode_value(raw: bytes) -> tuple[Any, str, str]:
    """Return (value, kind, text for people) of stored bytes; the value is None unless the kind is "json"."""
    if raw[:1] == _PICKLE:
        return None, "pickle", pickle_listing(raw)
    if len(raw) > MOST_BYTES:
        return None, "text", f"{len(raw):,} bytes; the beginning:\n{raw[:4_096].decode('utf-8', 'replace')}"
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None, "bytes", f"{len(raw):,} bytes of binary data:\n{raw[:512].hex(' ')}"
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None, "text", text[:_LONGEST]
    return value, "json", shown(value)


def pickle_listing(raw: bytes) -> str:
    """Return what a pickle consists of, without running it: its size and its first opcodes."""
    lines = [f"a pickle of {len(raw):,} bytes; deskq never loads pickles, which can run code. Opcodes:"]
    try:
        for number, (opcode, argument, position) in enumerate(pickletools.genops(io.BytesIO(raw[:MOST_BYTES]))):
            if number == _OPCODES:
                lines.append("…")
                break
            shown_argument = "" if argument is None else f" {str(argument)[:200]!r}"
            lines.append(f"{position:>6}: {opcode.name}{shown_argument}")
    except Exception as error:  # noqa: BLE001 - pickletools raises whatever comes to its mind on garbage
        lines.append(f"(truncated: {str(error)[:200]})")
    return "\n".join(lines)


def exception_text(result: Any) -> str | None:
    """Return ``Type: message`` of a stored exception, None if it is none; the class is only named, never looked up."""
    if not isinstance(result, Mapping) or "exc_type" not in result:
        return None
    module = _text(result.get("exc_module"))
    name = _text(result.get("exc_type")) or "?"
    message = result.get("exc_message")
    if isinstance(message, list | tuple):
        text = ", ".join(part if isinstance(part, str) else shown(part) for part in message)
    else:
        text = message if isinstance(message, str) else shown(message)
    return f"{module + '.' if module and module != 'builtins' else ''}{name}: {text}"[:_LONGEST]


def shown(value: Any) -> str:
    """Return a JSON value as indented text."""
    if value is None:
        return ""
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        return "(nested too deeply to be shown)"
    return text.encode("utf-8", "backslashreplace").decode()[:_LONGEST]


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else str(value)
    return text.encode("utf-8", "backslashreplace").decode()[:_LONGEST]
