"""The columns of the Workers view."""

from __future__ import annotations

from typing import Final

from deskq import formats
from deskq.history.rows import WorkerRow
from deskq.models.table.columns import Column
from deskq.models.workers.notes import worker_notes


def _state(row: WorkerRow) -> str:
    moment = row.began if row.online else row.since
    since = formats.relative(moment).removesuffix(" ago") if moment is not None else ""
    return f"{row.presence.capitalize()} {since if since != 'now' else ''}".strip()


def _exact_state(row: WorkerRow) -> str:
    if row.unknown:
        return (
            f"unknown: last heard from at {formats.exact_time(row.since)}; no heartbeats, or none while it runs tasks"
        )
    if row.online and row.began is None:
        return f"online, since when is unknown; heard from since {formats.exact_time(row.since)}"
    return f"{row.presence} since {formats.exact_time(row.began or row.since)}"


def _load(row: WorkerRow) -> str:
    return formats.NONE if row.load is None else "  ".join(f"{value:.2f}" for value in row.load)


def _events(row: WorkerRow) -> str:
    return {True: "on", False: "off", None: "unknown"}[row.events_enabled]


WORKER_COLUMNS: Final[tuple[Column[WorkerRow], ...]] = (
    Column("hostname", "Name", "Worker name", lambda row: formats.plain(row.hostname), width=150),
    Column(
        "state",
        "State",
        "Online or offline, and since when (this machine's clock). Unknown: no heartbeats, or none while it runs "
        "tasks, and no reply",
        _state,
        lambda row: (row.online, row.unknown, (row.began or 0.0) if row.online else row.since),
        width=120,
        exact=_exact_state,
        state=lambda row: {"online": "ONLINE", "offline": "OFFLINE"}.get(row.presence, "waiting"),
    ),
    Column(
        "notes",
        "Notes",
        "Warnings about the worker",
        worker_notes,
        width=150,
        state=lambda row: "retry" if worker_notes(row) else None,
    ),
    Column("pool", "Pool", "Pool type", lambda row: formats.plain(row.pool or formats.NONE), width=80),
    Column(
        "concurrency",
        "Size",
        "Tasks the pool can run at once",
        lambda r: formats.number(r.concurrency),
        lambda r: r.concurrency,
        True,
        width=60,
    ),
    Column(
        "active",
        "Active",
        "Tasks running now",
        lambda row: formats.number(row.active),
        lambda row: row.active,
        True,
        width=70,
    ),
    Column(
        "processed",
        "Processed",
        "Tasks processed since the worker started",
        lambda r: formats.number(r.processed),
        lambda r: r.processed,
        True,
        width=90,
    ),
    Column(
        "load",
        "Load",
        "Load average of the worker's machine over 1, 5 and 15 min",
        _load,
        lambda row: row.load,
        True,
        width=120,
    ),
    Column(
        "heartbeat",
        "Heartbeat",
        "Time of the last heartbeat",
        lambda row: formats.relative(row.last_heartbeat),
        lambda row: row.last_heartbeat,
        numeric=True,
        width=90,
        exact=lambda row: formats.exact_time(row.last_heartbeat),
    ),
    Column(
        "queues", "Queues", "Queues the worker consumes", lambda row: formats.plain(", ".join(row.queues)), width=180
    ),
    Column("events", "Events", "Whether the worker sends task events", _events, width=70),
    Column(
        "software",
        "Software",
        "Worker software and version",
        lambda row: formats.plain(row.software),
        width=160,
        shown=False,
    ),
    Column(
        "pid",
        "Process",
        "Process id",
        lambda r: "" if r.pid is None else str(r.pid),
        lambda r: r.pid,
        True,
        width=70,
    ),
)
