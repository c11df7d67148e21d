"""A Celery app with a task for each way in which a task can end; CeleryWorker runs it, `sample_client` sends to it."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from celery import Celery
from celery.contrib.abortable import AbortableTask
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded
from celery.signals import worker_ready
from celery.utils.log import get_logger

LISTENS = "listens to control messages"
"""What a worker logs, behind its name, when a control message would reach it."""
BROKER, CONFIG = "DESKQ_SAMPLE_BROKER", "DESKQ_SAMPLE_CONFIG"


class ReceiptNotSent(Exception):
    """What `sample.fail_nested` raises at last."""


def make_app(broker: str, **config: Any) -> Celery:
    """An app with all tasks. `config` are Celery's settings; on Redis results are kept in the broker by default."""
    app = Celery("sample", broker=broker, set_as_current=False)
    app.conf.update(
        result_backend=broker if broker.startswith(("redis", "sentinel")) else None,
        task_send_sent_event=True,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=10,
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        result_expires=600,
    )
    prefix = config.pop("global_keyprefix", None)
    if prefix:
        config.setdefault("broker_transport_options", {})["global_keyprefix"] = prefix
        config.setdefault("result_backend_transport_options", {})["global_keyprefix"] = prefix
    app.conf.update(config)
    _register(app)
    return app


@contextlib.contextmanager
def sample_client(broker: str, **config: Any) -> Iterator[Celery]:
    """An app to send with, as in `app.send_task("sample.add", (2, 3))`; its connections are closed afterwards."""
    app = make_app(broker, **config)
    try:
        yield app
    finally:
        # Closing an app leaves the connection open on which its backend waits for results.
        if (waiting := getattr(app.backend, "result_consumer", None)) is not None:
            waiting.stop()
        app.close()


def _register(app: Celery) -> None:
    @app.task(name="sample.add")
    def add(x: float, y: float) -> float:
        return x + y

    @app.task(name="sample.total")
    def total(numbers: list[float]) -> float:
        """The body of a chord."""
        return sum(numbers)

    @app.task(name="sample.fail")
    def fail(text: str = "it broke") -> None:
        raise ValueError(text)

    @app.task(name="sample.fail_nested")
    def fail_nested() -> None:
        def connect() -> None:
            raise ConnectionRefusedError(111, "Connection refused")

        try:
            connect()
        except OSError as error:
            raise ReceiptNotSent("the mail server is away") from error

    @app.task(name="sample.retry_then_succeed", bind=True, max_retries=10)
    def retry_then_succeed(self: Any, times: int = 1, countdown: float = 0.1) -> int:
        """Fails `times` times, then returns the number of its retries."""
        retries: int = self.request.retries
        if retries < times:
            raise self.retry(exc=KeyError(f"attempt {retries}"), countdown=countdown)
        return retries

    @app.task(name="sample.retry_at_once", bind=True, max_retries=None)
    def retry_at_once(self: Any, times: int = 1) -> int:
        """Retries `times` times without a pause, then returns the number of its retries."""
        retries: int = self.request.retries
        if retries < times:
            raise self.retry(exc=KeyError(f"attempt {retries}"), countdown=0)
        return retries

    @app.task(name="sample.replace", bind=True)
    def replace(self: Any, names: list[str], *args: Any) -> None:
        """Puts the first of these tasks, with what is left of them, in its own place; the last one gets `args`."""
        name, *rest = names
        raise self.replace(self.app.signature(name, args=(rest, *args) if rest else args))

    @app.task(name="sample.requeue_on", bind=True, acks_late=True)
    def requeue_on(self: Any, hostname: str) -> str:
        """Gives its message back where it runs on this worker; returns the name of the one that kept it."""
        if self.request.hostname == hostname:
            raise Reject("not here", requeue=True)
        return str(self.request.hostname)

    @app.task(name="sample.tell", bind=True)
    def tell(self: Any, seconds: float) -> None:
        """Sends an event of its own, then runs on."""
        self.send_event("task-progress", done=1, of=2)
        time.sleep(seconds)

    @app.task(name="sample.retry_for_ever", bind=True, max_retries=1)
    def retry_for_ever(self: Any) -> None:
        """Fails after its only retry."""
        raise self.retry(exc=KeyError("always"), countdown=0.1)

    @app.task(name="sample.reject", acks_late=True)
    def reject() -> None:
        raise Reject("not mine", requeue=False)

    @app.task(name="sample.note", bind=True)
    def note(self: Any, path: str, *args: Any, **kwargs: Any) -> None:
        """Adds a line to a file: which task ran, and with what. Fails while a file named `path`.fail is there."""
        if os.path.exists(f"{path}.fail"):  # noqa: PTH110 - plain and quick
            raise ValueError("not yet")
        line = json.dumps({"id": self.request.id, "args": args, "kwargs": kwargs}) + "\n"
        descriptor = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
        os.write(descriptor, line.encode())  # one write: lines of several processes do not mix
        os.close(descriptor)

    @app.task(name="sample.ignore")
    def ignore() -> None:
        raise Ignore

    @app.task(name="sample.own_state", bind=True)
    def own_state(self: Any, state: str) -> None:
        """Stores an outcome by itself, and is ignored then."""
        self.update_state(
            state=state, meta={"exc_type": "ValueError", "exc_message": ["own"], "exc_module": "builtins"}
        )
        raise Ignore

    @app.task(name="sample.sleep_for")
    def sleep_for(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    @app.task(name="sample.wait_for")
    def wait_for(path: str) -> None:
        while not Path(path).exists():
            time.sleep(0.02)

    @app.task(name="sample.abortable", bind=True, base=AbortableTask)
    def abortable(self: Any, seconds: float = 60) -> str:
        """Looks whether it is aborted, and stops then."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.is_aborted():
                return "stopped"
            time.sleep(0.1)
        return "ran to its end"

    @app.task(name="sample.late_sleep", acks_late=True)
    def late_sleep(seconds: float) -> float:
        """Stays unacknowledged while it runs."""
        time.sleep(seconds)
        return seconds

    @app.task(name="sample.lost_sleep", acks_late=True, reject_on_worker_lost=True)
    def lost_sleep(seconds: float) -> float:
        """Goes back to its queue when its process dies."""
        time.sleep(seconds)
        return seconds

    @app.task(name="sample.exit")
    def exit_() -> None:
        """Takes its pool process with it: WorkerLostError."""
        os._exit(3)

    @app.task(name="sample.hard_limit", time_limit=1)
    def hard_limit() -> None:
        time.sleep(60)

    @app.task(name="sample.soft_limit", soft_time_limit=1)
    def soft_limit(survive: bool = False) -> str:
        try:
            time.sleep(60)
        except SoftTimeLimitExceeded:
            if not survive:
                raise
        return "cut short"

    @app.task(name="sample.big_result")
    def big_result(size: int = 100_000) -> str:
        return "x" * size

    @app.task(name="sample.unicode")
    def unicode_(text: str = "grüße 东京 🚀 <b>bold</b> \u202eevil\x1b[31m") -> str:
        return text

    @app.task(name="sample.progress", bind=True)
    def progress(self: Any) -> str:
        """Passes through a custom state."""
        self.update_state(state="PROGRESS", meta={"done": 1, "of": 2})
        return "done"


@worker_ready.connect
def _tell_when_it_listens(sender: Any, **_: Any) -> None:
    """On Redis a worker is ready before it subscribes, which its event loop does at the end of its first turn.

    Then the loop sleeps until the subscription is confirmed, so that the second turn is soon enough.
    """
    tell = partial(get_logger(__name__).info, "%s %s.", sender.hostname, LISTENS)
    if sender.hub is None or sender.connection.transport.driver_type != "redis":
        tell()
    else:
        sender.hub.call_soon(sender.hub.call_soon, tell)


app = make_app(os.environ.get(BROKER, "memory://"), **json.loads(os.environ.get(CONFIG, "{}")))
