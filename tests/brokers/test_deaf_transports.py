"""Transports of kombu's that bring no events: deskq says so, and leaves nothing there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from deskq.brokers.opening import open_broker
from deskq.doctor.connection.steps import examine_connection
from deskq.profiles import Profile
from tests.support.sample_app import sample_client


def test_a_database_as_the_broker(tmp_path: Path) -> None:
    file = tmp_path / "broker.sqlite"
    profile = Profile.from_url(f"sqla+sqlite:///{file}", watch_queues=("celery",))
    with sample_client(profile.url) as client:
        client.send_task("sample.add", (1, 2))
    with closing(open_broker(profile)) as broker:
        assert broker.server().version
        assert [sample.ready for sample in broker.sample(["celery"])] == [None]  # a passive declare would make it
        assert broker.incomplete.startswith("kombu's sqla+sqlite:// transport does not deliver workers' events")
        source = broker.event_source()
        source.connect()
        assert source.read(0.0) == []
        source.close()
    steps = {step.key: step for step in examine_connection(profile, cancelled=lambda: False)}
    assert "does not deliver workers' events" in steps["events"].evidence
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT name FROM kombu_queue").fetchall() == [("celery",)]
