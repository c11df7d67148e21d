"""Upgrades of the file's format: from version N to N+1, each run in one transaction after a copy was set aside."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any, Final

import apsw

from deskq.history.runtime_histogram import WIDTH
from deskq.history.writing.codec import RAN_TWICE, UNREADABLE, unpack_uuid
from deskq.history.writing.counters import (
    NOTHING,
    RATE_SECONDS,
    RUNTIME_SECONDS,
    TASK_RUNTIME_SECONDS,
    Counters,
    contribution,
)
from deskq.history.writing.string_ids import StringIds
from deskq.history.writing.task_rows import LOAD, UPDATE, cached_record_of, row_of
from deskq.protocol.task_summary import derive

_UNTIL_ENDED: Final = 3_600.0
"""A deleted task counted no later than so many seconds after it was first seen, as far as the upgrade supposes."""


def _add_task_runtimes(connection: apsw.Connection) -> None:
    """Version 2 counts runtimes by task and hour; what is known of finished tasks is counted in."""
    connection.execute(
        "CREATE TABLE task_runtimes (at INTEGER NOT NULL, name_id INTEGER NOT NULL, bin INTEGER NOT NULL, "
        "n INTEGER NOT NULL, PRIMARY KEY (at, name_id, bin)) WITHOUT ROWID"
    )
    connection.execute(
        "INSERT INTO task_runtimes SELECT cast(finished / 3600 AS INTEGER) * 3600, name_id, "
        "cast(ceil(ln(max(runtime, 1e-6)) / ?) AS INTEGER), count(*) FROM tasks "
        "WHERE runtime IS NOT NULL AND finished IS NOT NULL AND name_id IS NOT NULL "
        "AND state_id = (SELECT id FROM texts WHERE text = 'SUCCESS') GROUP BY 1, 2, 3",  # others were not measured
        (math.log(WIDTH),),
    )


def _tell_notes_from_events(connection: apsw.Connection) -> None:
    """Nobody knows that a task was ignored, and the time of noticing is not the end of what was noticed."""
    connection.execute("UPDATE OR IGNORE texts SET text = 'ENDED' WHERE text = 'IGNORED'")
    connection.execute(
        "UPDATE tasks SET finished = coalesce(started, received, sent) "
        "WHERE state_id IN (SELECT id FROM texts WHERE text IN ('LOST', 'ENDED', 'UNSEEN'))"
    )


def _count_by_task(connection: apsw.Connection) -> None:
    """Version 3 knows what each task counts for: tasks of several attempts are worked out once more, all are counted.

    Before, what a task counted for depended on the order in which its events came. Where tasks were deleted, only what
    came later is counted again: earlier counts hold tasks that are no longer there.
    """
    _tell_notes_from_events(connection)
    connection.execute("ALTER TABLE tasks ADD COLUMN counted BLOB")
    since = _complete_since(connection)
    for table in ("rates", "runtimes", "task_runtimes"):
        connection.execute(f"DELETE FROM {table} WHERE at >= ?", (since,))
    _count_columns(connection, since)
    _count_attempts(connection, since)
    connection.execute("DELETE FROM state_counts")
    connection.execute("INSERT INTO state_counts SELECT state_id, count(*) FROM tasks GROUP BY state_id")


_SEVERAL: Final = (
    f"(deliveries > 1 OR retries > 0 OR flags & {RAN_TWICE} OR state_id = (SELECT id FROM texts WHERE text = 'RETRY'))"
)
"""Of a row: that it may have several attempts, or one that was retried."""


def _complete_since(connection: apsw.Connection) -> int:
    """Since when every task that counted is there: the beginning of an hour, or 0 if none was ever deleted."""
    first = connection.execute(
        "SELECT max(id) FROM tasks t WHERE NOT EXISTS (SELECT 1 FROM tasks before WHERE before.id = t.id - 1)"
    ).get
    if first is None or first == 1:
        return 0
    seen = float(connection.execute("SELECT max(seen) FROM tasks WHERE id <= ?", (first,)).get)
    return (int(seen + _UNTIL_ENDED) // TASK_RUNTIME_SECONDS + 1) * TASK_RUNTIME_SECONDS


def _count_columns(connection: apsw.Connection, since: int) -> None:
    """Count the tasks of one attempt, as their columns tell."""
    one = f"FROM tasks WHERE NOT {_SEVERAL}"
    ended = f"{one} AND state_id = (SELECT id FROM texts WHERE text = ?2) AND finished >= ?1"
    rate = f"cast({{0}} / {RATE_SECONDS} AS INTEGER) * {RATE_SECONDS}"
    add = "ON CONFLICT DO UPDATE SET {0} = {0} + excluded.{0}"
    connection.execute(
        f"INSERT INTO rates SELECT {rate.format('received')} AS at, count(*), 0, 0, 0 {one} AND received >= ? "
        "GROUP BY 1",
        (since,),
    )
    for state, column, counts in (
        ("SUCCESS", "succeeded", "0, count(*), 0, 0"),
        ("FAILURE", "failed", "0, 0, count(*), 0"),
    ):
        connection.execute(
            f"INSERT INTO rates SELECT {rate.format('finished')} AS at, {counts} {ended} GROUP BY 1 "
            f"{add.format(column)}",
            (since, state),
        )
    bins = f"cast(ceil(ln(max(runtime, 1e-6)) / {math.log(WIDTH)!r}) AS INTEGER)"
    connection.execute(
        f"INSERT INTO runtimes SELECT cast(finished / {RUNTIME_SECONDS} AS INTEGER) * {RUNTIME_SECONDS}, {bins}, "
        f"count(*) {ended} AND runtime >= 0 GROUP BY 1, 2",
        (since, "SUCCESS"),
    )
    connection.execute(
        f"INSERT INTO task_runtimes SELECT cast(finished / {TASK_RUNTIME_SECONDS} AS INTEGER) * "
        f"{TASK_RUNTIME_SECONDS}, name_id, {bins}, count(*) {ended} AND runtime >= 0 AND name_id IS NOT NULL "
        "GROUP BY 1, 2, 3",
        (since, "SUCCESS"),
    )


def _count_attempts(connection: apsw.Connection, since: int) -> None:
    """Work out the others by what was observed of them, write their rows again, and count them."""
    texts, tallies = StringIds(connection), Counters()
    several = [row_id for (row_id,) in connection.execute(f"SELECT id FROM tasks WHERE {_SEVERAL}")]
    for row_id in several:
        packed: Any = connection.execute("SELECT uuid FROM tasks WHERE id = ?", (row_id,)).get
        with contextlib.suppress(*UNREADABLE):
            kept = cached_record_of(unpack_uuid(packed), connection.execute(LOAD, (row_id,)).fetchone())
            summary = derive(kept.record)
            counted = contribution(summary)
            connection.execute(UPDATE, row_of(row_id, kept, summary, texts, counted))
            tallies.count(NOTHING, counted)
    tallies.drop_before(since)
    tallies.write(connection, texts)


UPGRADES: Final[dict[int, Callable[[apsw.Connection], None]]] = {1: _add_task_runtimes, 2: _count_by_task}
