"""Calls that people saved under a name, in one readable file, and what was sent last, from the journal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from deskq import paths
from deskq.actions.journal.journal import Journal
from deskq.actions.messages.call import Call
from deskq.errors import UserError
from deskq.files.private_files import write_private
from deskq.protocol.message import read_body, read_redis_message

_KEYS = frozenset(field.name for field in fields(Call))


def templates_path() -> Path:
    """Return where the saved calls are."""
    return paths.config_dir() / "send-templates.json"


def load_templates() -> dict[str, Call]:
    """Return saved calls by name, {} if there is no file; blocking. Raises UserError where it cannot be read."""
    return {name: _call(values) for name, values in _saved().items()}


def save_template(name: str, call: Call | None) -> dict[str, Call]:
    """Save a call under a name, or remove it; returns all that are saved then. Blocking. Raises UserError.

    What a newer deskq wrote of other calls, and this one does not know, stays.
    """
    if not name.strip():
        raise UserError("Enter a name.")
    saved = _saved()
    before = saved.pop(name, {})
    if call is not None:
        saved[name] = {key: value for key, value in before.items() if key not in _KEYS} | asdict(call)
    values = dict(sorted(saved.items()))
    write_private(templates_path(), json.dumps(values, ensure_ascii=False, indent=2) + "\n", "The saved calls")
    return {key: _call(each) for key, each in saved.items()}


def last_sent(journal: Journal, task: str) -> tuple[list[Any], dict[str, Any]] | None:
    """Return args and kwargs of the last call of this task that deskq sent; None if it sent none. Blocking."""
    raw = journal.last_message(task)
    message = read_redis_message(raw) if raw else None
    body = read_body(message) if message is not None else None
    return (body.args, body.kwargs) if body is not None else None


def _saved() -> dict[str, Mapping[str, Any]]:
    path = templates_path()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        for values in found.values():
            _call(values)
        return {str(name): values for name, values in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"The saved calls in {path} cannot be read: {error}. Repair or remove the file.") from None


def _call(values: Mapping[str, Any]) -> Call:
    if not isinstance(values.get("args", []), list) or not isinstance(values.get("kwargs", {}), dict):
        raise TypeError("the args of a call must be a list, its kwargs an object")
    return Call(**{key: value for key, value in values.items() if key in _KEYS})
