"""Foreign text that does nothing to a terminal: what is printed, what is written as CSV, and what as JSON."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any, Final

_BAD: Final = ("Cc", "Cf", "Cs", "Co")
_SUSPECT: Final = re.compile(r"[^ -~]")
_SUSPECT_IN_LINES: Final = re.compile(r"[^\t\n -~]")
_CONTROL: Final = re.compile(r"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_HALVES: Final = 0x10000


def plain(text: str) -> str:
    """Return text on one line: control and formatting characters, line ends too, become tokens such as <U+001B>."""
    return text if text.isprintable() else _SUSPECT.sub(_token, text)


def plain_lines(text: str) -> str:
    """The same for text whose line ends and tabs stay."""
    return text if text.isprintable() else _SUSPECT_IN_LINES.sub(_token, text)


def without_controls(text: str) -> str:
    """Return the text of a cell of a table that programs read: only control characters become tokens."""
    return text if text.isprintable() else _CONTROL.sub(_token, text)


def json_text(value: object, *, indent: int | None = None, default: Callable[[Any], Any] | None = None) -> str:
    """Return JSON that does nothing to a terminal: characters that ``plain`` shows as tokens are escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=default)
    return text if text.isprintable() else _SUSPECT_IN_LINES.sub(_escape, text)


def _token(found: re.Match[str]) -> str:
    character = found[0]
    return f"<U+{ord(character):04X}>" if unicodedata.category(character) in _BAD else character


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if unicodedata.category(character) not in _BAD:
        return character
    number = ord(character)
    if number < _HALVES:
        return f"\\u{number:04x}"
    number -= _HALVES
    return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"
