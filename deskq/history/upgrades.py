"""Upgrades of the file's format: from version N to N+1, each run in one transaction after a copy was set aside."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import apsw

from deskq.history.runtimes import WIDTH


def _add_task_runtimes(connection: apsw.Connection) -> None:
    """Version 2 counts runtimes by task and hour; what is known of finished tasks is counted in."""
    connection.execute(
        "CREATE TABLE task_runtimes (at INTEGER NOT NULL, name_id INTEGER NOT NULL, bin INTEGER NOT NULL, "
        "n INTEGER NOT NULL, PRIMARY KEY (at, name_id, bin)) WITHOUT ROWID"
    )
    connection.execute(
        "INSERT INTO task_runtimes SELECT cast(finished / 3600 AS INTEGER) * 3600, name_id, "
        "cast(ceil(ln(max(runtime, 1e-6)) / ?) AS INTEGER), count(*) FROM tasks "
        "WHERE runtime IS NOT NULL AND finished IS NOT NULL AND name_id IS NOT NULL GROUP BY 1, 2, 3",
        (math.log(WIDTH),),
    )


UPGRADES: Final[dict[int, Callable[[apsw.Connection], None]]] = {1: _add_task_runtimes}
