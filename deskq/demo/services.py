"""The services of the demo: an embedded Valkey, two Celery workers, a beat on redbeat, and a producer."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import redis

from deskq.demo.needs import missing, server_binary
from deskq.errors import UserError
from deskq.profiles.urls import shown
from deskq.system import python_command

READY_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 8.0
_FOREIGN: Final = ("CELERY", "DJANGO", "C_FORCE_ROOT", "BROKER_URL")
WORKERS: Final = {
    "shop-1@demo": ("-P", "threads", "-c", "4", "-Q", "celery,emails,payments,webhooks,search"),
    "shop-2@demo": ("-P", "prefork", "-c", "6", "-Q", "slow,celery,emails"),  # only processes keep time limits
}
_MARK: Final = "deskq:demo"
"""The key that tells a database that an earlier demo has left from one that holds somebody's data."""


class DemoServices:
    """A context manager; what it started ends with it, or with this process, however that ends.

    ``broker_url``: an empty Redis to use instead of the embedded server. ``rate``: tasks a second. ``home``: a folder
    that goes too, should this process be killed.
    """

    def __init__(self, *, broker_url: str | None = None, rate: float = 25.0, home: Path | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="deskq-demo-services-"))
        self._folders = [str(self.folder), *([str(home)] if home is not None else [])]
        self._given_url = broker_url
        self._rate = rate
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.broker_url = broker_url or ""

    def __enter__(self) -> Self:
        try:
            if said := missing(self._given_url):
                raise UserError(said)
            if self._given_url:
                _claim(self._given_url)
            else:
                self.broker_url = self._start_valkey()
            self._start_python(
                "beat", "celery", "-A", "deskq.demo.sample_app", "beat", "-S", "redbeat.RedBeatScheduler"
            )
            for hostname, options in WORKERS.items():
                command = ("celery", "-A", "deskq.demo.sample_app", "worker", "-E", "-n", hostname, *options)
                self._start_python(hostname, *command)
            self._start_python("producer", "deskq.demo.producer", str(self._rate))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def result_backend_url(self) -> str:
        """Where results are kept: the same server."""
        return self.broker_url

    def running(self) -> dict[str, int]:
        """Return the process id of each service that runs."""
        return {name: process.pid for name, process in self._processes.items() if process.poll() is None}

    def ready(self, timeout: float = READY_SECONDS) -> None:
        """Wait until every worker has said that it is there; raises UserError that names who did not."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            missing = [name for name in WORKERS if not (self.folder / f"{name}.ready").exists()]
            if not missing:
                return
            dead = [name for name, process in self._processes.items() if process.poll() is not None]
            if dead:
                raise UserError(f"The demo's {dead[0]} exited at once. Last output: {self.log(dead[0])[-300:]}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._processes[missing[0]].wait(0.1)
        raise UserError(f"The demo's workers did not start within {timeout:.0f} s. See {self.folder}.")

    def log(self, name: str) -> str:
        """Return what a service has written."""
        try:
            return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def stop(self) -> None:
        """End everything: producer and beat first, the broker last."""
        for name in ("producer", "beat", *WORKERS):
            process = self._processes.get(name)
            if process is not None and process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for name, process in self._processes.items():
            if name != "valkey":
                _wait(process, deadline)
        valkey = self._processes.get("valkey")
        if valkey is not None:
            valkey.terminate()
            _wait(valkey, time.monotonic() + _STOP_SECONDS)
        self._processes.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start_valkey(self) -> str:
        binary = server_binary()
        if binary is None:
            raise UserError(missing())
        password = secrets.token_urlsafe(16)
        for _ in range(5):  # another process may take the port before the server does
            port = _free_port()
            configuration = self.folder / "valkey.conf"
            configuration.touch(mode=0o600)
            configuration.write_text(
                f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\nappendonly no\n'
                f"dir {self.folder}\nmaxclients 500\n"
            )
            process = self._start("valkey", [str(binary), str(configuration)])
            client = redis.Redis(host="127.0.0.1", port=port, password=password)
            deadline = time.monotonic() + 5.0
            while time.monotonic() < deadline and process.poll() is None:
                try:
                    client.ping()
                except redis.RedisError:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(0.05)
                else:
                    client.close()
                    return f"redis://:{password}@127.0.0.1:{port}/0"
            client.close()
        raise UserError(f"The embedded Valkey did not start: {self.log('valkey')[-300:]}")

    def _start_python(self, name: str, module: str, *arguments: str) -> None:
        self._start(name, python_command(module, *arguments))

    def _start(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(_FOREIGN)}
        environment["DESKQ_DEMO_BROKER"] = self.broker_url
        environment["C_FORCE_ROOT"] = "1"
        environment["TMPDIR"] = str(self.folder)  # a worker that is killed leaves files
        launcher = python_command("deskq.demo.launcher", str(os.getpid()), *self._folders, "--")
        package = str(Path(__file__).resolve().parents[2])
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (package, environment.get("PYTHONPATH"))))
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*launcher, *command],
                cwd=self.folder,  # Celery itself puts the present folder before all others
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._processes[name] = process
        return process


def _claim(url: str) -> None:
    """Mark the database as the demo's; raises UserError if it cannot be reached, or holds what is not the demo's."""
    try:
        with redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
            keys = client.dbsize()
            if keys and not client.exists(_MARK):
                raise UserError(
                    f"{shown(url)} is not empty ({keys:,} keys). Use an empty database, like redis://localhost:6379/15."
                )
            client.set(_MARK, "1")
    except ValueError:
        raise UserError(f"{shown(url)} is not a Redis server. Use one, like redis://localhost:6379/15.") from None
    except redis.RedisError as error:
        raise UserError(
            f"{shown(url)} cannot be used for the demo: {type(error).__name__}. Check that it is running."
        ) from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], deadline: float) -> None:
    try:
        process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
