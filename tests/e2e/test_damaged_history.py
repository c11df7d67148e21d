"""`deskq record` on a history that was damaged before its start."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import redis

from deskq.history.writing.writer import History
from tests.support.recording import Recording, deskq
from tests.support.waiting import wait_until
from tests.unit.history.test_history import add_task, uuid_of


def publish(url: str, number: int) -> str:
    """A task-received event as a worker publishes it."""
    body = {"type": "task-received", "uuid": uuid_of(number), "name": "a.task", "hostname": "w1@host", "pid": 1}
    body |= {"clock": number, "timestamp": time.time(), "utcoffset": 0, "args": "()", "kwargs": "{}", "retries": 0}
    properties = {"body_encoding": "base64", "delivery_mode": 1, "priority": 0, "delivery_tag": str(number)}
    message = {"content-encoding": "utf-8", "content-type": "application/json", "headers": {}}
    message |= {"body": base64.b64encode(json.dumps(body).encode()).decode(), "properties": properties}
    with redis.Redis.from_url(url) as client:
        assert client.publish(f"/{url.rpartition('/')[2]}.celeryev/task.received", json.dumps(message))
    return uuid_of(number)


def filled(path: Path) -> None:
    history = History(path)
    for number in range(1, 2_001):
        add_task(history, number)
    history.commit(time.time())
    history.close()


def destroy(path: Path) -> None:
    """All but the beginning and the end."""
    with path.open("r+b") as file:
        file.seek(8_192)
        file.write(b"\xff" * max(path.stat().st_size // 2, 8_192))  # random bytes may look like an empty page


def test_a_history_that_was_damaged_is_set_aside_and_told(redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    filled(path)
    destroy(path)
    with Recording(redis_url, history=path) as running:
        (kept,) = path.parent.glob(f"{path.name}.damaged-*.sqlite")
        assert str(kept) in running.log()
        assert str(kept) in running.status().message
        wait_until(lambda: "tasks were salvaged" in running.log(), 20, "its readable tasks")
        assert any("tasks were salvaged" in gap.cause for gap in running.reader.gaps())
        assert 0 < running.count() < 2_000
        uuid = publish(redis_url, 5_000)
        running.wait_for_state(uuid, "RECEIVED")
        running.stop()
    assert deskq("history", "check", str(path)).returncode == 0
