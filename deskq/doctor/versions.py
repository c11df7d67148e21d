"""Comparing the versions that servers and workers tell of themselves."""

from __future__ import annotations

import re


def numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers: "3.10.8" and "5.7.0rc1" -> (3, 10, 8) and (5, 7, 0); nothing readable -> ()."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in found.group().split(".")[:4] if len(part) < 6) if found else ()


def is_older(version: str, than: tuple[int, ...]) -> bool:
    """True if the version is known and older."""
    known = numbers(version)
    return bool(known) and known < than
