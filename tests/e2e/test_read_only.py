"""Read-only means read-only: every view and every command of the window, and what it said to the broker meanwhile."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pika.spec
import pytest
import redis
from PySide6.QtWidgets import QApplication, QDialog

from deskq.cli import main
from deskq.profiles import Profile, Safety
from deskq.views.shell.main_window import KINDS
from deskq.views.widgets.commands import COMMANDS
from tests.gui.conftest import Run, run, until
from tests.gui.shell.test_window import opened
from tests.support.celery_worker import CeleryWorker
from tests.support.recording_middle import RecordingMiddle
from tests.support.sample_app import sample_client

__all__ = ["run"]
# Celery's inspect: a request to all, and a queue of one's own for the answers.
REPLIES = re.compile(
    rb"(_kombu\.binding(_permanent)?\.)?(deskq\.)?([0-9a-f-]+\.)?reply\.celery\.pidbox|unacked(_index|_mutex)?"
)
PIDBOX = re.compile(rb"/\d+\.celery\.pidbox(/.*)?")
NOT_A_READ = {"write", "admin", "dangerous", "blocking"}
# What asks the server about itself, though Redis counts it among the commands of administrators.
ASKS = {(b"CONFIG", b"GET"), (b"CLIENT", b"SETINFO"), (b"CLIENT", b"SETNAME"), (b"CLIENT", b"LIST"), (b"CLIENT", b"ID")}
ASKS |= {(b"CLIENT", b"INFO"), (b"MEMORY", b"USAGE"), (b"LATENCY", b"LATEST")}
NEVER = {"quit"}


@contextmanager
def watched(url: str, tmp_path: Path, *, silent: bool) -> Iterator[tuple[Profile, RecordingMiddle]]:
    """A read-only profile whose broker is reached through a middle that listens."""
    parts = urlsplit(url)
    assert parts.port is not None
    with RecordingMiddle(parts.port) as middle:
        through = url.replace(f":{parts.port}", f":{middle.port}")
        profile = Profile.from_url(
            through, name="watched", history=str(tmp_path / "h.sqlite"), safety=Safety.READ_ONLY, silent=silent
        )
        yield profile, middle


async def everything_once(qapp: QApplication, profile: Profile, client: Any) -> None:
    """Show every view and run every command in it, with something selected."""
    async with opened(qapp) as app:
        session = app.add(profile)
        window = app.window
        window.show()
        await until(lambda: session.status is not None and session.status.state == "recording", 30)
        client.send_task("sample.fail")
        client.send_task("sample.add", (1, 2))
        tasks: Any = window.show_view("watched", "tasks")
        await until(lambda: tasks.model.rowCount() == 2, 30, "two tasks")
        for place in (*KINDS, "everything", "journal"):
            view: Any = window.show_view("watched", place) or window.show_overall(place)
            await asyncio.sleep(1.1)  # its own questions, which it asks every second
            table = getattr(view, "table", None)
            if table is not None and table.model().rowCount():
                table.selectAll()
                table.setCurrentIndex(table.model().index(0, 0))
            means = set(view.commands()) if hasattr(view, "commands") else set()
            for command in COMMANDS:
                if command.key in means or (place == KINDS[0] and command.key not in NEVER):
                    (window.show_view("watched", place) or window.show_overall(place))
                    window.run_command(command.key)
                    await asyncio.sleep(0.05)
                    for dialog in window.findChildren(QDialog):
                        if (go := getattr(dialog, "go", None)) is not None:
                            go.click()  # were it there, and enabled
                        dialog.reject()
        await asyncio.sleep(0.5)


def is_inspect(command: list[bytes]) -> bool:
    """Is it part of Celery's inspect: the request, the queue for the answers, and taking them from it?"""
    if command[0] == b"PUBLISH":
        return PIDBOX.fullmatch(command[1]) is not None
    several = {b"BRPOP": command[1:-1], b"DEL": command[1:], b"UNLINK": command[1:]}
    keys = several.get(command[0], command[1:2])
    return bool(keys) and all(REPLIES.match(key) for key in keys)


@pytest.mark.parametrize("silent", [False, True])
def test_redis_hears_nothing_but_reads(
    redis_url: str, tmp_path: Path, run: Run, qapp: QApplication, *, silent: bool
) -> None:
    with (
        watched(redis_url, tmp_path, silent=silent) as (profile, middle),
        CeleryWorker(redis_url),
        sample_client(redis_url) as client,
        closing(redis.Redis.from_url(redis_url)) as server,
    ):
        run(everything_once(qapp, profile, client))
        for words in (
            ["doctor"],
            ["schedules", "list"],
            ["control", "ping"],
            ["abort", "x", "--yes", "--backend", profile.url],
            *acting(profile),
        ):
            read_only_command(words, profile)
        flags = {name.encode().upper(): set(map(str, about["flags"])) for name, about in server.command().items()}
        commands = middle.redis_commands()
        said = [each for each in commands if not (flags[each[0]].isdisjoint(NOT_A_READ) and each[0] != b"PUBLISH")]
        said = [each for each in said if tuple(each[:2]) not in ASKS and (each[0], each[1].upper()) not in ASKS]
        wrong = [each for each in said if silent or not is_inspect(each)]
        assert wrong[:5] == [], f"{len(wrong)} in all"
        assert any(each[0] in (b"SUBSCRIBE", b"PSUBSCRIBE") for each in commands)
        assert any(each[0] == b"PUBLISH" for each in commands) is not silent


def acting(profile: Profile) -> list[list[str]]:
    """Commands that would change something."""
    return [
        ["send", "t", "--yes"],
        ["send", "t", "--exchange", "celery", "--routing-key", "celery", "--yes"],
        ["retry", "--state", "FAILURE", "--queue", "celery", "--yes", "--history", str(profile.history)],
        ["revoke", "x", "--yes"],
        ["revoke", "x", "--terminate", "--yes"],
        ["control", "shutdown"],
        ["control", "rate-limit", "t", "1/m", "--yes"],
        ["control", "pause-queue", "celery", "--yes"],
    ]


def read_only_command(words: list[str], profile: Profile) -> None:
    """On the command line; what would change something is refused."""
    options = ["--safety", "read-only", *(["--silent"] if profile.silent else [])]
    command = [words[0], profile.url, *words[1:]] if words[0] != "schedules" else [*words, profile.url]
    status = main(command + (options if words[0] != "schedules" else []))
    if words in acting(profile) or words[0] == "abort":
        assert status != 0


def wrong_of(method: Any, *, silent: bool) -> bool:
    """Is this method of AMQP anything but a read, a subscription, or Celery's inspect?"""
    spec = pika.spec
    reply = ".reply.celery.pidbox"
    match method:
        case spec.Basic.Publish():
            return silent or method.exchange != "celery.pidbox"
        case spec.Queue.Declare():
            own = method.queue.startswith("deskq.") or (method.queue.endswith(reply) and not silent)
            return not (method.passive or own)
        case spec.Queue.Bind() | spec.Queue.Delete() | spec.Queue.Unbind():
            return not (method.queue.startswith("deskq.") or (method.queue.endswith(reply) and not silent))
        case spec.Exchange.Declare():
            inspect = method.exchange in ("celery.pidbox", "reply.celery.pidbox") and not silent
            return not (method.passive or method.exchange == "celeryev" or inspect)
        case spec.Basic.Get() | spec.Queue.Purge() | spec.Exchange.Delete() | spec.Exchange.Bind():
            return True
    return False


@pytest.mark.parametrize("silent", [False, True])
def test_rabbitmq_hears_nothing_but_reads(
    rabbit_vhost_url: str, tmp_path: Path, run: Run, qapp: QApplication, *, silent: bool
) -> None:
    with (
        watched(rabbit_vhost_url, tmp_path, silent=silent) as (profile, middle),
        CeleryWorker(rabbit_vhost_url),
        sample_client(rabbit_vhost_url) as client,
    ):
        run(everything_once(qapp, profile, client))
        for words in (["doctor"], ["control", "ping"], *acting(profile)):
            read_only_command(words, profile)
        methods = middle.amqp_methods()
        assert [method for method in methods if wrong_of(method, silent=silent)] == []
        assert any(isinstance(method, pika.spec.Basic.Consume) for method in methods)
        assert any(isinstance(method, pika.spec.Basic.Publish) for method in methods) is not silent
