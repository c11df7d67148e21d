"""``deskq doctor`` and ``deskq profiles test`` as programs: exit status, JSON, lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.support.celery_worker import CeleryWorker
from tests.support.recording import deskq
from tests.support.sample_app import sample_client


def test_a_healthy_broker(redis_url: str) -> None:
    config = {"worker_send_task_events": True, "result_expires": 86_400}
    with CeleryWorker(redis_url, pool="threads", config=config) as worker, sample_client(redis_url) as client:
        result = deskq("doctor", redis_url, "--format", "json")
        report = json.loads(result.stdout)
        assert (result.returncode, report["ok"]) == (0, True), result.stdout + result.stderr
        assert set(report) == {"profile", "url", "steps", "findings", "ok"}
        assert report["url"] == redis_url
        assert worker.hostname in next(step["evidence"] for step in report["steps"] if step["key"] == "workers")
        assert {finding["level"] for finding in report["findings"]} == {"ok"}
        client.send_task("sample.add", (1, 2), queue="lonely")
        result = deskq("doctor", redis_url)
        assert result.returncode == 1
        assert "! No worker consumes “lonely”" in result.stdout
        assert "\n    celery worker --queues=lonely\n" in result.stdout


def test_a_broker_without_workers_is_not_healthy_though_it_can_be_reached(redis_url: str) -> None:
    result = deskq("doctor", redis_url)
    assert result.returncode == 1
    assert "! Workers reply" in result.stdout
    assert deskq("profiles", "test", redis_url).returncode == 0


def test_a_connection_that_fails() -> None:
    result = deskq("profiles", "test", "redis://anna:c4n4ry@127.0.0.1:1/0", "--format", "json")
    report = json.loads(result.stdout)
    assert (result.returncode, report["ok"], report["findings"]) == (1, False, [])
    assert report["url"] == "redis://anna@127.0.0.1:1/0"
    assert [step["state"] for step in report["steps"]][:3] == ["ok", "failed", "skipped"]
    result = deskq("doctor", "amqp://anna:c4n4ry@127.0.0.1:1/shop")
    assert result.returncode == 1
    assert "✗ Connection" in result.stdout
    assert "\n    Nothing is listening on 127.0.0.1:1." in result.stdout
    assert "c4n4ry" not in result.stdout + result.stderr


def test_a_saved_profile_is_tested_by_name(redis_url: str) -> None:
    assert deskq("profiles", "add", "shop", redis_url, "--silent").returncode == 0
    result = deskq("profiles", "test", "shop")
    assert result.returncode == 0, result.stdout
    assert "– Workers reply (not-asked)" in result.stdout
    assert deskq("profiles", "test", "shp").returncode == 2


def test_lines_come_as_steps_end(redis_url: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "deskq", "profiles", "test", redis_url],
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    ) as program:
        assert program.stdout is not None
        first = program.stdout.readline()
        assert first.startswith("✓ Host name")
        assert program.poll() is None
        rest = program.stdout.read()
    assert program.returncode == 0, rest
    assert "✓ Login" in rest
