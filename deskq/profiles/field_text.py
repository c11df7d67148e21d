"""The value of a profile's field as the text that a person types, and back."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from deskq.errors import UserError
from deskq.profiles.fields import Field
from deskq.profiles.profile import Environment, Profile, Safety, Secret
from deskq.profiles.urls import unclear_password

_ESCAPE: Final = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[\\nrt])")
_NAMED: Final = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}


def value_of(field: Field, profile: Profile) -> Any:
    """Return a field's value in a profile."""
    outer, dot, inner = field.place.partition(".")
    value = getattr(profile, outer)
    return getattr(value, inner) if dot else value


def with_values(profile: Profile, values: Mapping[str, Any]) -> Profile:
    """Return the profile with other values: place -> value."""
    changes: dict[str, Any] = {}
    for place, value in values.items():
        outer, dot, inner = place.partition(".")
        if dot:
            changes[outer] = replace(changes.get(outer, getattr(profile, outer)), **{inner: value})
        else:
            changes[outer] = value
    return replace(profile, **changes)


def to_text(field: Field, value: Any) -> str:
    """Return the value as it is typed; of a secret the password itself, of a switch "yes" or "no"."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return (" " if field.kind == "urls" else ", ").join(str(item) for item in value)
    if isinstance(value, float | int):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    if field.kind == "escaped":
        return "".join(_escaped(character) for character in value)
    return str(value or "")


def from_text(field: Field, text: str) -> Any:
    """Return the value of what was typed; raises UserError that says what fits."""
    if field.words is not None:
        kind = Environment if field.place == "environment" else Safety
        try:
            return kind(text)
        except ValueError:
            raise UserError(f"{field.name} must be one of {', '.join(field.words)}.") from None
    if field.kind == "secret":
        return Secret(text)
    if field.kind == "switch":
        return text == "yes"
    if field.kind == "number":
        return _number(field, text)
    if field.kind == "steps":
        return _steps(field, text)
    if field.kind == "list":
        return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    unclear = next(filter(None, map(unclear_password, text.split())), "")
    if unclear and field.kind in ("urls", "optional"):
        raise UserError(f"{field.name}: {unclear}")
    if field.kind == "urls":
        return tuple(dict.fromkeys(text.split()))
    if field.kind == "escaped":
        return _ESCAPE.sub(_unescaped, text)
    if field.kind in ("optional", "file"):
        return text.strip() or None
    return text if field.place.startswith("redis.") else text.strip()


def _number(field: Field, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise UserError(f"{field.name} must be a number, 0 or more.")
    return number


def _steps(field: Field, text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() and len(part) < 4 for part in parts):
        raise UserError(f"{field.name} must be whole numbers separated by commas, like 0, 3, 6, 9.")
    return tuple(int(part) for part in parts)


def _escaped(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character.isprintable():
        return character
    number = ord(character)
    if number < 256:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 65_536 else f"\\U{number:08x}"


def _unescaped(found: re.Match[str]) -> str:
    code = found[1]
    number = int(code[1:], 16) if code not in _NAMED else 0
    if number > sys.maxunicode:
        return found[0]
    return _NAMED.get(code) or chr(number)
