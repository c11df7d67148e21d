"""A real Celery worker as a process of its own, running the sample app."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.processes import Process
from tests.support.sample_app import BROKER, CONFIG, LISTENS
from tests.support.waiting import wait_until

_ROOT = Path(__file__).resolve().parents[2]
_numbers = itertools.count(1)


class CeleryWorker:
    """Runs from `start` (or entering) to `stop` (or leaving).

    `config` are Celery's settings for the sample app, `global_keyprefix` among them; `extra` are further options of
    `celery worker`. `ahead`: by how many seconds its clock is ahead of the true time.
    """

    def __init__(
        self,
        broker_url: str,
        *,
        pool: str = "prefork",
        concurrency: int = 2,
        queues: Sequence[str] = ("celery",),
        events: bool = True,
        hostname: str | None = None,
        config: Mapping[str, Any] | None = None,
        extra: Sequence[str] = (),
        ahead: float = 0.0,
    ) -> None:
        self.hostname = hostname or f"w{next(_numbers)}-{os.getpid()}@deskq.test"
        self._environment = os.environ | {BROKER: broker_url, CONFIG: json.dumps(dict(config or {}))}
        program = ["-m", "tests.support.celery_ahead", str(ahead)] if ahead else ["-m", "celery"]
        self._args = [sys.executable, *program, "-A", "tests.support.sample_app", "worker", "--loglevel=INFO"]
        self._args += [f"--pool={pool}", f"--concurrency={concurrency}", f"--queues={','.join(queues)}"]
        self._args += [f"--hostname={self.hostname}", *(["--task-events"] if events else []), *extra]
        self._process: Process | None = None
        self._log = ""

    def start(self, timeout: float = 60) -> Self:
        """Returns when it says that it consumes its queues and listens to control messages."""
        directory = Path(tempfile.mkdtemp(prefix="deskq-worker-"))
        environment = {**self._environment, "TMPDIR": str(directory)}  # a killed one leaves files there
        self._process = Process(self._args, log=directory / "worker.log", env=environment, cwd=_ROOT)
        try:
            wait_until(self._ready, timeout, f"{self.hostname} to be ready")
        except BaseException as error:
            self.kill()
            error.add_note(self._log[-3000:])
            raise
        return self

    def _ready(self) -> bool:
        process = self._running()
        if process.returncode is not None:
            raise RuntimeError(f"{self.hostname} ended with {process.returncode} while starting")
        return f"{self.hostname} {LISTENS}." in process.log()

    def _running(self) -> Process:
        if self._process is None:
            raise RuntimeError(f"{self.hostname} is not running")
        return self._process

    @property
    def pid(self) -> int:
        """The main process; those of a prefork pool are its children."""
        return self._running().pid

    def log(self) -> str:
        """What it logged so far, also after its end."""
        return self._process.log() if self._process is not None else self._log

    def stop(self, timeout: float = 20) -> None:
        """A warm shutdown: running tasks have `timeout` seconds to finish, then it is killed."""
        if self._process is not None:
            self._process.end(timeout)
            self._forget()

    def kill(self) -> None:
        """SIGKILL to the main process and to its pool, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._forget()

    def _forget(self) -> None:
        self._log = self._running().log()
        shutil.rmtree(self._running().log_path.parent, ignore_errors=True)
        self._process = None

    def __enter__(self) -> Self:
        return self if self._process is not None else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
