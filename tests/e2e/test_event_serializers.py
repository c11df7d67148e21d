"""Workers whose events are not JSON."""

from __future__ import annotations

import pytest

from deskq.doctor.connection.steps import examine_connection
from deskq.profiles import Profile
from tests.support.celery_worker import CeleryWorker
from tests.support.recording import Recording
from tests.support.sample_app import sample_client


@pytest.mark.parametrize(("kind", "serializer"), [("redis_url", "msgpack"), ("rabbit_vhost_url", "yaml")])
def test_their_tasks_are_recorded(kind: str, serializer: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(kind)
    config = {"event_serializer": serializer, "worker_send_task_events": True}
    with Recording(url) as recording, CeleryWorker(url, pool="threads", config=config), sample_client(url) as client:
        result = client.send_task("sample.add", (1, 2))
        recording.wait_for_state(result.id, "SUCCESS")
        assert recording.status().malformed == 0


def test_pickled_events_are_named(redis_url: str) -> None:
    config = {"event_serializer": "pickle", "worker_send_task_events": True}
    with CeleryWorker(redis_url, pool="threads", config=config):
        steps = {step.key: step for step in examine_connection(Profile.from_url(redis_url), cancelled=lambda: False)}
    assert "content type 'application/x-python-serialize'" in steps["events"].evidence
    assert 'Set event_serializer = "json"' in steps["events"].remedy
