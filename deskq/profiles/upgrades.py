"""How a file of profiles that an older deskq wrote becomes one of today, as pure functions on the parsed file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import tomlkit

_TO_RETENTION: Final = {
    "retention_days": "days",
    "retention_failed_days": "failed_days",
    "retention_megabytes": "megabytes",
}


def retention_table(document: tomlkit.TOMLDocument) -> None:
    """From version 1 to 2: how long tasks are kept moves into a table of its own, ``[profile.retention]``."""
    for table in _profiles(document):
        given = [key for key in _TO_RETENTION if key in table]
        retention = table["retention"] if "retention" in table else tomlkit.table()
        if not given or not isinstance(retention, dict):  # who reads it says that it is no table
            continue
        for key in given:
            retention[_TO_RETENTION[key]] = table[key]  # with the comment behind it
            del table[key]
        table["retention"] = retention


def _profiles(document: tomlkit.TOMLDocument) -> list[Any]:
    found = document.get("profile", [])
    return [table for table in found if isinstance(table, dict)] if isinstance(found, list) else []


UPGRADES: Final[dict[int, Callable[[tomlkit.TOMLDocument], None]]] = {1: retention_table}
"""From version N to N+1."""
VERSION: Final = 2
