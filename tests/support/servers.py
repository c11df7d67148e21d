"""Real Redis, Valkey and RabbitMQ servers on free ports and in temporary directories."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import redis

from tests.support.certificates import Certificates, Pair
from tests.support.installed_servers import ServerMissing, rabbitmq_binary, redis_binary
from tests.support.processes import Process, free_port, shared_pids
from tests.support.temporary import shared_folders
from tests.support.waiting import wait_until

_DATABASES = 64


class Server:
    """What the servers have in common: processes that start, freeze, die and come back on the same port."""

    directory: Path
    _processes: list[Process]

    def __init__(self, *, shared: bool = False, within: Path | None = None) -> None:
        self._shared = shared
        self.directory = Path(tempfile.mkdtemp(prefix="deskq-server-", dir=within))
        if shared:
            shared_folders.add(self.directory)
        self._processes = []

    def _launch(self) -> None:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    def _ready(self) -> bool:
        for process in self._processes:
            if process.returncode is not None:
                if "Failed finding TLS support" in process.log():
                    raise ServerMissing("no server with TLS: install the package redis-server")
                raise RuntimeError(f"a server ended with {process.returncode} while starting:\n{process.log()[-3000:]}")
        return self._answers()

    def _spawn(self, args: Sequence[str | Path], name: str, env: dict[str, str]) -> None:
        process = Process(args, log=self.directory / f"{name}.out", env=env, cwd=self.directory)
        self._processes.append(process)
        if self._shared:
            shared_pids.add(process.pid)

    @property
    def pid(self) -> int:
        """The server's own process."""
        return self._processes[-1].pid

    @property
    def running(self) -> bool:
        """Whether every process of the server lives."""
        return bool(self._processes) and all(process.returncode is None for process in self._processes)

    def start(self, timeout: float = 90) -> Self:
        """Returns when the server answers."""
        self._launch()
        try:
            wait_until(self._ready, timeout, f"{type(self).__name__} to answer")
        except BaseException:
            self.stop()
            raise
        return self

    def _end(self, how: Callable[[Process], object]) -> None:
        while self._processes:
            process = self._processes.pop()
            how(process)
            shared_pids.discard(process.pid)

    def stop(self) -> None:
        """Ends it in order and removes its directory."""
        self._end(Process.end)
        shutil.rmtree(self.directory, ignore_errors=True)

    def kill(self) -> None:
        """Ends it as a power cut would; `start` brings it back on the same port."""
        self._end(Process.kill)

    def restart(self) -> None:
        """Ends it in order and starts it again on the same port."""
        self._end(Process.end)
        self.start()

    def leave_to(self, folder: Path) -> None:
        """It runs on until the folder goes with the test run; this object can be pickled then."""
        for process in self._processes:
            process.leave_to(folder)
        self._processes.clear()

    def freeze(self) -> None:
        """Lets it hang: connections stay open and nothing answers."""
        for process in self._processes:
            process.send_group(signal.SIGSTOP)

    def thaw(self) -> None:
        """Ends `freeze`."""
        for process in self._processes:
            process.send_group(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self if self.running else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class RedisServer(Server):
    """A Redis or Valkey server with 64 databases that keeps nothing on disk: a restarted one is empty.

    With `tls` it listens at `tls_port` as well, with a `certificate` of those, and asks clients for theirs if so told.
    """

    def __init__(
        self,
        flavour: Literal["redis", "valkey"] = "redis",
        *,
        password: str = "",
        extra: Sequence[str] = (),
        tls: Certificates | None = None,
        certificate: Pair | None = None,
        client_certificates: bool = False,
        shared: bool = False,
    ) -> None:
        self._binary = redis_binary(flavour)
        super().__init__(shared=shared)
        self.port, self.tls_port = free_port(), free_port()
        self._tls, self._certificate, self._client_certificates = tls, certificate, client_certificates
        self.password = password
        self._extra = extra
        self._clients: dict[int, redis.Redis] = {}
        self._leased: set[int] = set()
        self._last_leased = 0

    def url_of(self, db: int) -> str:
        """The URL of one of its databases."""
        return f"redis://{f':{self.password}@' if self.password else ''}127.0.0.1:{self.port}/{db}"

    @property
    def url(self) -> str:
        """The URL of database 0."""
        return self.url_of(0)

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """A database that is empty and nobody else's, neither another fixture's nor a client's; yields its URL.

        Database 0 is never one of them: clients that speak of the whole server stand there.
        """
        db = wait_until(self._free_database, 10, "a database without clients")
        self._leased.add(db)
        self._last_leased = db
        try:
            with self.new_client(db) as client:
                client.flushdb()
            yield self.url_of(db)
        finally:
            self._leased.discard(db)

    def _free_database(self) -> int:
        """The one that was given back longest ago, among those in which no client stands; 0 if there is none."""
        with self.new_client() as client:
            taken = self._leased | {int(one["db"]) for one in client.client_list()}
        turns = (self._last_leased + number for number in range(1, _DATABASES + 1))
        return next((db % _DATABASES for db in turns if db % _DATABASES and db % _DATABASES not in taken), 0)

    def client(self, db: int = 0) -> redis.Redis:
        """A client that belongs to the server and is closed with it; answers are bytes."""
        if db not in self._clients:
            self._clients[db] = self.new_client(db)
        return self._clients[db]

    def new_client(self, db: int = 0) -> redis.Redis:
        """A client that the caller closes."""
        return redis.Redis.from_url(self.url_of(db), socket_timeout=40)

    def _launch(self) -> None:
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "databases": str(_DATABASES),
            "save": "",
            "appendonly": "no",
            "dir": str(self.directory),
        }
        if self.password:
            options["requirepass"] = self.password
        if self._tls is not None:
            pair = self._certificate or self._tls.server
            options |= {
                "tls-port": str(self.tls_port),
                "tls-ca-cert-file": str(self._tls.ca),
                "tls-cert-file": str(pair.certificate),
                "tls-key-file": str(pair.key),
                "tls-auth-clients": "yes" if self._client_certificates else "no",
            }
        args = [part for key, value in options.items() for part in (f"--{key}", value)]
        self._spawn([self._binary, *args, *self._extra], "redis", dict(os.environ))

    def _answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False

    def _end(self, how: Callable[[Process], object]) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        super()._end(how)


class RabbitServer(Server):
    """A RabbitMQ node of its own with the management plugin, and an epmd of its own.

    With `tls` it listens at `tls_port` as well and asks clients for a certificate; `present` changes its own.
    `extra`: lines of `rabbitmq.conf`.
    """

    def __init__(
        self,
        *,
        management: bool = True,
        tls: Certificates | None = None,
        shared: bool = False,
        within: Path | None = None,
        extra: str = "",
    ) -> None:
        self._binary = rabbitmq_binary()
        super().__init__(shared=shared, within=within)
        self.port, self.management_port, self.tls_port = free_port(), free_port(), free_port()
        self._tls = tls
        self._management = management
        self._extra = extra
        self._dist_port, self._epmd_port = free_port(), free_port()

    @property
    def url(self) -> str:
        """The default vhost, as guest."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    @property
    def management_url(self) -> str:
        """The base of the management API, without the account."""
        return f"http://127.0.0.1:{self.management_port}"

    def url_of(self, vhost: str) -> str:
        """The URL of a vhost whose name needs no quoting."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/{vhost}"

    def management(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Asks the management API, such as ("GET", "/api/queues"); the answer's JSON, or None."""
        request = urllib.request.Request(
            self.management_url + path,
            method=method,
            data=json.dumps(body or {}).encode() if method in {"PUT", "POST"} else None,
            headers={
                "Authorization": "Basic " + base64.b64encode(b"guest:guest").decode(),
                "Content-Type": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=40) as answer:
                text = answer.read()
        except urllib.error.HTTPError as refused:
            refused.close()  # a node that is starting says 500
            raise
        return json.loads(text) if text else None

    def ctl(self, *arguments: str) -> str:
        """What `rabbitmqctl` says, such as `ctl("stop_app")`."""
        program = self._binary.with_name("rabbitmqctl")
        result = subprocess.run(
            [program, "--quiet", *arguments],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        if result.returncode != 0:
            raise RuntimeError(f"rabbitmqctl {' '.join(arguments)}: {result.stdout}{result.stderr}")
        return result.stdout

    def present(self, pair: Pair) -> None:
        """New TLS connections are shown this certificate."""
        shutil.copy(pair.certificate, self.directory / "tls.pem")
        shutil.copy(pair.key, self.directory / "tls.key")
        if self.running:
            self.ctl("eval", "ssl:clear_pem_cache().")

    def _tls_settings(self) -> str:
        if self._tls is None:
            return ""
        if not (self.directory / "tls.pem").exists():
            self.present(self._tls.server)
        return (
            f"listeners.ssl.local = 127.0.0.1:{self.tls_port}\n"
            f"ssl_options.cacertfile = {self._tls.ca}\n"
            f"ssl_options.certfile = {self.directory / 'tls.pem'}\n"
            f"ssl_options.keyfile = {self.directory / 'tls.key'}\n"
            "ssl_options.verify = verify_peer\n"
            "ssl_options.fail_if_no_peer_cert = true\n"
        )

    def _environment(self) -> dict[str, str]:
        base = self.directory
        (base / "enabled_plugins").write_text("[rabbitmq_management].\n" if self._management else "[].\n")
        # Counters every half second instead of every five, so that tests need not wait for them.
        (base / "rabbitmq.conf").write_text(
            f"listeners.tcp.local = 127.0.0.1:{self.port}\n"
            "collect_statistics_interval = 500\n"
            "disk_free_limit.absolute = 1MB\n"
            + self._extra
            + self._tls_settings()
            + (
                f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {self.management_port}\n"
                if self._management
                else ""
            )
        )
        (base / "env.conf").touch()
        keep = {key: value for key, value in os.environ.items() if not key.startswith(("RABBITMQ_", "ERL_"))}
        return keep | {
            "HOME": str(base),  # the cookie
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"deskq{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": str(base / "mnesia"),
            "RABBITMQ_LOG_BASE": str(base / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(base / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(base / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(base / "env.conf"),
            "RABBITMQ_PID_FILE": str(base / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none",  # no busy waiting
            "RUNNING_UNDER_SYSTEMD": "true",  # the start script then becomes the node instead of minding it
        }

    def _launch(self) -> None:
        environment = self._environment()
        epmd = shutil.which("epmd") or next(iter(map(str, Path("/usr/lib/erlang").glob("erts-*/bin/epmd"))), None)
        if epmd is None:
            raise ServerMissing("no epmd: install the package erlang-base")
        # The node would start an epmd that detaches itself and stays: so there is one before it does.
        self._spawn([epmd, "-port", str(self._epmd_port), "-address", "127.0.0.1"], "epmd", environment)
        self._spawn([self._binary], "rabbitmq", environment)

    def _answers(self) -> bool:
        try:
            if self._management:
                self.management("GET", "/api/overview")
            with socket.create_connection(("127.0.0.1", self.port), timeout=20) as greeting:
                greeting.sendall(b"AMQP\x00\x00\x09\x01")
                return greeting.recv(1) == b"\x01"  # the method frame connection.start
        except OSError:
            return False

    def evaluate(self, expression: str) -> str:
        """Evaluates an Erlang expression in the node, such as "node()."; what it printed."""
        ctl = self._binary.with_name("rabbitmqctl")
        ran = subprocess.run(
            [ctl, "eval", expression], env=self._environment(), capture_output=True, text=True, timeout=240, check=True
        )
        return ran.stdout

    @contextlib.contextmanager
    def vhost(self, name: str) -> Iterator[str]:
        """A vhost for one test; yields its URL."""
        self.management("PUT", f"/api/vhosts/{name}")
        try:
            yield self.url_of(name)
        finally:
            self.management("DELETE", f"/api/vhosts/{name}")
