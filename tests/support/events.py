"""Events as a worker would send them, sent by Celery's own dispatcher: for tests that need no worker."""

from __future__ import annotations

from uuid import uuid4

from celery.events import EventDispatcher

from tests.support.sample_app import sample_client


def send_events(broker_url: str, count: int = 1, *, size: int = 0) -> list[str]:
    """Send so many `task-received` whose args are ``size`` characters long; return their uuids."""
    uuids = [str(uuid4()) for _ in range(count)]
    with (
        sample_client(broker_url, result_backend=None) as app,
        app.connection_for_write() as connection,
        EventDispatcher(connection, hostname="w@deskq.test", app=app, buffer_while_offline=False) as dispatcher,
    ):
        for uuid in uuids:
            dispatcher.send("task-received", uuid=uuid, name="sample.add", args="x" * size, kwargs="{}", retries=0)
    return uuids
