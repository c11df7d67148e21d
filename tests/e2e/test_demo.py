"""The demo as a program: it shows real traffic without a screen, and nothing of it outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from billiard.exceptions import TimeLimitExceeded
from celery import Celery
from PySide6.QtGui import QImage

from deskq.demo.services import DemoServices
from tests.support.recording import deskq
from tests.support.waiting import wait_until

_ROOT = Path(__file__).resolve().parents[2]


def descendants(folder_mark: str) -> list[str]:
    """Command lines of the processes whose environment carries the mark."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and folder_mark.encode() in (entry / "environ").read_bytes():
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if command:
                    found.append(command)
        except OSError:
            continue
    return found


def test_headless_demo_shows_real_traffic(tmp_path: Path) -> None:
    result = deskq("demo", "--headless", "--seconds", "10", "--pictures", str(tmp_path / "pictures"), "--rate", "30")
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout.strip().splitlines()[-1])
    assert set(summary) == {"tasks", "events", "gaps", "queues", "workers"}
    assert summary["tasks"]["SUCCESS"] > 20
    assert summary["events"] > 200
    assert summary["queues"]["archive"] > 0
    assert summary["workers"] == {"shop-1@demo": "online", "shop-2@demo": "online"}
    pictures = sorted((tmp_path / "pictures").glob("*.png"))
    assert {picture.stem for picture in pictures} >= {
        f"{kind}-{scheme}" for kind in ("overview", "tasks", "workers", "queues") for scheme in ("light", "dark")
    }
    for picture in pictures:
        image = QImage(str(picture))
        colours = {image.pixel(x, y) for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)}
        assert len(colours) > 20, picture


def test_nothing_outlives_a_killed_demo(tmp_path: Path) -> None:
    mark = f"DESKQ_TEST_MARK={tmp_path.name}-{os.getpid()}"
    key, _, value = mark.partition("=")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with (tmp_path / "log").open("wb") as log:
        demo = subprocess.Popen(
            [sys.executable, "-m", "deskq", "demo", "--headless", "--seconds", "120"],
            env={**os.environ, key: value, "TMPDIR": str(temporary)},
            cwd=_ROOT,
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: any("record --child" in command for command in descendants(mark)), 40, "the recorder")
        assert len(list(temporary.glob("deskq-demo-*"))) == 2
        assert any("valkey-server" in c or "redis-server" in c for c in descendants(mark))
    finally:
        demo.send_signal(signal.SIGKILL)
        demo.wait()
    wait_until(lambda: not descendants(mark), 20, "everything of it to end")
    wait_until(lambda: not list(temporary.glob("deskq-demo-*")), 5, "its folders to be removed")


def test_a_database_with_other_keys_is_not_touched(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set("somebody's", "data")
        refused = deskq("demo", "--headless", "--broker", redis_url)
        assert refused.returncode == 2
        assert "is not empty (1 keys)" in refused.stderr
        assert client.dbsize() == 1


@pytest.mark.parametrize("url", ["redis://:s3cret@127.0.0.1:1/0", "amqp://guest:s3cret@127.0.0.1:1//"])
def test_a_broker_that_cannot_be_used_is_told_without_its_password(url: str) -> None:
    refused = deskq("demo", "--headless", "--broker", url)
    assert refused.returncode == 2
    assert "127.0.0.1:1" in refused.stderr
    assert "s3cret" not in refused.stderr


def test_time_limits_are_kept_and_a_second_demo_takes_the_first_one_s_database(redis_url: str) -> None:
    for _ in range(2):
        with (
            DemoServices(broker_url=redis_url, rate=1) as services,
            Celery(broker=redis_url, backend=redis_url) as client,
        ):
            services.ready()
            with pytest.raises(TimeLimitExceeded):
                client.send_task("report.export", (2024,), queue="slow").get(timeout=240)


def as_program(arguments: list[str], *, first: str) -> subprocess.CompletedProcess[str]:
    """Run deskq's entry point in a process that was prepared."""
    code = f"import sys; {first}; from deskq.cli import main; sys.exit(main({arguments!r}))"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=_ROOT)


def test_what_the_demo_lacks_is_told_with_what_to_install() -> None:
    refused = as_program(["demo", "--headless"], first="sys.modules['redbeat'] = None")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == ('deskq: The demo needs celery-redbeat. Install it with: pip install "deskq[demo]"\n')


def test_the_packaged_program_runs_modules_as_python_does() -> None:
    """It is its own Python: the demo starts Celery's workers and beat by it."""
    frozen = "sys.frozen = True"
    ran = as_program(["-P", "-m", "celery", "--version"], first=frozen)
    assert (ran.returncode, ran.stdout.split()[0]) == (0, __import__("celery").__version__)
    launched = as_program(
        ["-P", "-m", "deskq.demo.launcher", str(os.getpid()), "--", sys.executable, "-c", "raise SystemExit(3)"],
        first=frozen,
    )
    assert (launched.returncode, launched.stderr) == (3, "")
    other = as_program(["-P", "-m", "celery", "--version"], first="pass")
    assert other.returncode == 2
