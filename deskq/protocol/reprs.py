"""Arguments as events carry them: reprs, cut by the worker. Read as literals or not at all; never evaluated."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from typing import Any, Final

LONGEST: Final = 100_000
"""Characters of a repr above which it is not parsed (Celery cuts at 1,024 unless told otherwise)."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A repr that is a literal. ``cut``: the worker cut something out, so it is not what was sent."""

    value: Any
    cut: bool


def parse_repr(text: str) -> Parsed | None:
    """Return the value of a repr, None where it is no Python literal.

    Celery writes ``...`` for what it cut (kombu.utils.text, celery.utils.saferepr), which Python reads as Ellipsis.
    """
    if not text or len(text) > LONGEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "invalid escape sequence" in somebody's data
            value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return Parsed(value, _is_cut(value, 0))


def _is_cut(value: Any, depth: int) -> bool:
    if value is Ellipsis or depth > 50:
        return True
    if isinstance(value, str):
        return value.endswith("...")
    if isinstance(value, dict):
        return any(_is_cut(key, depth + 1) or _is_cut(item, depth + 1) for key, item in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return any(_is_cut(item, depth + 1) for item in value)
    return False
