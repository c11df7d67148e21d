"""Entries for tests of django-celery-beat, and small steps with its store."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import sqlalchemy

from deskq.schedules.model import (
    Crontab,
    Entry,
    Interval,
)
from deskq.schedules.stores.django.store import DjangoBeatStore

AT = datetime(2027, 3, 1, 7, 30, 0, 250_000, UTC).timestamp()
FIELDS = [
    f.name for f in fields(Entry) if f.name not in {"key", "version", "shared_with", "origin", "raw", "counts_from"}
]


def same(entry: Entry, other: Entry | None) -> bool:
    """Whether two entries say the same, wherever they are kept."""
    return other is not None and all(getattr(entry, name) == getattr(other, name) for name in FIELDS)


def entry(name: str, **more: Any) -> Entry:
    return Entry(**{"name": name, "task": "shop.clean", "schedule": Interval(60.0), "total_run_count": 0, **more})


FULL = entry(
    "voll: grüße 🚀",
    schedule=Crontab("30", "7", "*", "*", "1-5", "Asia/Tokyo"),
    args=[1, "zwei", None, {"a": [1.5]}],
    kwargs={"käse": True},
    options={"queue": "slow", "exchange": "x", "routing_key": "r.k", "priority": 0, "headers": {"h": 1}},
    start_time=AT,
    expires_at=AT + 86_400,
    description="Zeile 1\nZeile 2 <b>",
    last_run_at=AT - 86_400,
    total_run_count=7,
    enabled=False,
)


def emptied(store: DjangoBeatStore) -> DjangoBeatStore:
    with store._database.transaction(writes=True) as connection:
        tables = store._look(connection)
        for table in (tables.task, *tables.kinds.values(), tables.changes):
            assert table is not None
            connection.execute(sqlalchemy.delete(table))
    return store


def only(store: DjangoBeatStore, name: str) -> Entry:
    return next(found for found in store.read().entries if found.name == name)


def add(store: DjangoBeatStore, new: Entry) -> Entry:
    stored = store.replace(None, new)
    assert stored is not None
    return stored
