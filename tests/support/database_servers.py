"""Real PostgreSQL and MariaDB servers on free ports and in temporary directories."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg
import pymysql

from tests.support.installed_servers import ServerMissing
from tests.support.processes import children, free_port
from tests.support.servers import Server

USER, PASSWORD = "shop", "se/cr@t"
_QUOTED = "se%2Fcr%40t"
_LONGEST_SOCKET_FOLDER = 80


def _binary(name: str, places: tuple[str, ...], package: str) -> Path:
    """The newest in one of the places, or what is on the PATH; PostgreSQL wants its siblings beside it."""
    for place in places:
        for path in sorted(Path("/").glob(place), reverse=True):
            return path
    found = shutil.which(name)
    if found is None:
        raise ServerMissing(f"no {name}: install the package {package}")
    return Path(found).resolve()


class _DatabaseServer(Server):
    """These servers refuse to run as root: they run as nobody then."""

    def __init__(self, *, shared: bool = False) -> None:
        super().__init__(shared=shared)
        self.port = free_port()
        self._as_nobody: list[str] = []
        if os.geteuid() == 0:
            # Both want to find the user in the password file.
            shutil.chown(self.directory, "nobody", "nogroup")
            self._as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]

    def _run(self, *arguments: str | Path) -> None:
        command = [*self._as_nobody, *map(str, arguments)]
        ran = subprocess.run(
            command,
            cwd=self.directory,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=360,
            check=False,
        )
        if ran.returncode != 0:
            raise RuntimeError(f"{arguments[0]} failed:\n{ran.stdout[-1500:]}{ran.stderr[-1500:]}")

    def _environment(self) -> dict[str, str]:
        keep = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "MYSQL", "MARIADB"))}
        return keep | {"HOME": str(self.directory), "TMPDIR": str(self.directory)}


class PostgresServer(_DatabaseServer):
    """A PostgreSQL with an empty database "shop" for the user "shop", who may do everything."""

    def __init__(self, *, shared: bool = False) -> None:
        places = ("usr/lib/postgresql/*/bin/postgres", "opt/homebrew/opt/postgresql*/bin/postgres")
        self._binary = _binary("postgres", places, "postgresql")
        super().__init__(shared=shared)

    @property
    def sockets(self) -> str:
        """The folder of its socket, "" where the path would be too long for one."""
        return str(self.directory) if len(str(self.directory)) < _LONGEST_SOCKET_FOLDER else ""

    @property
    def url(self) -> str:
        """As a person writes it."""
        return f"postgresql://{USER}:{_QUOTED}@127.0.0.1:{self.port}/shop"

    def connect(self, database: str = "shop") -> psycopg.Connection[tuple[object, ...]]:
        """A connection in autocommit that the caller closes."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname=database, autocommit=True
        )

    def _launch(self) -> None:
        data = self.directory / "data"
        if not data.exists():
            password = self.directory / "password"
            password.write_text(PASSWORD)
            password.chmod(0o644)
            initdb = self._binary.with_name("initdb")
            options = ["-N", "-E", "UTF8", "--locale=C", "-U", USER, "-A", "scram-sha-256", "--pwfile", str(password)]
            self._run(initdb, "-D", data, *options)
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.sockets,
            "fsync": "off",
            "shared_buffers": "16MB",
            "max_connections": "20",
        }
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command: list[str | Path] = [*self._as_nobody, self._binary, "-D", data, "-p", str(self.port), *arguments]
        self._spawn(command, "postgres", self._environment())

    def freeze(self) -> None:
        """Each of its processes leads a group of its own."""
        for pid in (self.pid, *children(self.pid)):
            with contextlib.suppress(ProcessLookupError):  # one that served a connection may end just now
                os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Ends `freeze`."""
        for pid in (self.pid, *children(self.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            with self.connect("postgres") as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'shop'").fetchone():
                    connection.execute("CREATE DATABASE shop")
        except psycopg.OperationalError:
            return False
        return True


class MariaServer(_DatabaseServer):
    """A MariaDB with an empty database "shop" for the user "shop", who may do everything."""

    def __init__(self, *, shared: bool = False) -> None:
        places = ("usr/sbin/mariadbd", "opt/homebrew/opt/mariadb/bin/mariadbd")
        self._binary = _binary("mariadbd", places, "mariadb-server")
        self._install = _binary("mariadb-install-db", ("usr/bin/mariadb-install-db",), "mariadb-server")
        super().__init__(shared=shared)

    @property
    def url(self) -> str:
        """As a person writes it."""
        return f"mysql://{USER}:{_QUOTED}@127.0.0.1:{self.port}/shop"

    def connect(self) -> pymysql.Connection[pymysql.cursors.Cursor]:
        """A connection in autocommit that the caller closes."""
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, database="shop", autocommit=True
        )

    def _launch(self) -> None:
        data = self.directory / "data"
        first = self.directory / "first.sql"
        if not data.exists():
            options = ["--auth-root-authentication-method=normal", "--skip-test-db", f"--tmpdir={self.directory}"]
            self._run(self._install, "--no-defaults", f"--datadir={data}", *options)
            first.write_text(
                "CREATE DATABASE shop CHARACTER SET utf8mb4;\n"
                f"CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';\n"
                f"GRANT ALL ON *.* TO '{USER}'@'%' WITH GRANT OPTION;\n"
            )
            first.chmod(0o644)
            starting = [f"--init-file={first}"]
        else:
            starting = []
        options = [
            *("--bind-address=127.0.0.1", f"--port={self.port}", f"--socket={self.directory / 'socket'}"),
            # From 11.4 on it has a certificate of its own, and middles would see nothing of what passes them.
            "--skip-ssl",
            # The default from 11.6 on: what changed since a transaction began may not be written (error 1020).
            "--loose-innodb-snapshot-isolation=ON",
            *("--skip-name-resolve", "--skip-log-bin", "--innodb-buffer-pool-size=16M", "--innodb-fast-shutdown=2"),
            *("--innodb-flush-log-at-trx-commit=0", "--performance-schema=OFF", f"--tmpdir={self.directory}"),
            f"--pid-file={self.directory / 'pid'}",
        ]
        command: list[str | Path] = [
            *self._as_nobody,
            self._binary,
            "--no-defaults",
            f"--datadir={data}",
            *options,
            *starting,
        ]
        self._spawn(command, "mariadbd", self._environment())

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except pymysql.err.OperationalError:
            return False
        return True
