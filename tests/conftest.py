"""What every test may rely on: no screen, no file of the person's own, no keyring, and nothing left behind."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from tests.support import temporary

# Before Qt is imported, and for the programs that tests start. Qt and others look for XDG directories by themselves.
_HOME = temporary.begin() / "xdg"
temporary.shared_folders.add(_HOME)
_HOME.mkdir(mode=0o700)
os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
for _name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
    (_HOME / _name).mkdir(mode=0o700)
    os.environ[_name] = str(_HOME / _name)

import hypothesis  # noqa: E402
import keyring  # noqa: E402
import keyring.backend  # noqa: E402
import keyring.errors  # noqa: E402
import pytest  # noqa: E402

from tests.support import spreading  # noqa: E402
from tests.support.installed_servers import ServerMissing  # noqa: E402
from tests.support.processes import children, shared_pids  # noqa: E402
from tests.support.rabbit_of_run import rabbit_of_run  # noqa: E402
from tests.support.servers import RabbitServer, RedisServer  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402

# On a machine that does other things too, a slow example says nothing.
hypothesis.settings.register_profile("deskq", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("deskq")

# A shell ignores it for what it starts in the background, and so would every program that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)

S = TypeVar("S")
_numbers = itertools.count(1)


class MemoryKeyring(keyring.backend.KeyringBackend):
    """Keeps passwords for one test."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.passwords: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.passwords.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError(username)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = spreading.in_order(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    return spreading.processes()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> spreading.Spreading:
    return spreading.Spreading(config, log)


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if not thread.daemon}


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """Fails a test that leaves a thread, a child process or a temporary file behind."""
    threads, processes, files = _threads(), set(children()), temporary.temporary_files()

    def leaks() -> list[str]:
        left = [f"thread {thread.name}" for thread in _threads() - threads]
        left += [
            f"process {pid}: {command}" for pid, command in children().items() if pid not in processes | shared_pids
        ]
        left += [f"file {path}" for path in sorted(temporary.temporary_files() - files)]
        return left

    with temporary.removed_after_test():
        yield
    try:
        wait_until(lambda: not leaks(), timeout=3)
    except AssertionError:
        pytest.fail("left behind: " + "; ".join(leaks()), pytrace=False)


@pytest.fixture(autouse=True)
def deskq_home(_nothing_left_behind: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty $DESKQ_HOME, with a path short enough for sockets."""
    home = Path(tempfile.mkdtemp(prefix="dq"))
    monkeypatch.setenv("DESKQ_HOME", str(home))
    yield home
    shutil.rmtree(home)


@pytest.fixture(autouse=True)
def memory_keyring(deskq_home: Path) -> Iterator[MemoryKeyring]:
    """An empty keyring; programs that tests start have none."""
    backend = MemoryKeyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(MemoryKeyring())


def _need(make: Callable[[], S]) -> S:
    """A server, or the test is skipped for want of it; where CI=true that is a failure."""
    try:
        return make()
    except ServerMissing as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def needs() -> Callable[[Callable[[], S]], S]:
    """For tests that start servers of their own: `with needs(RedisServer) as server`."""
    return _need


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One Redis for all tests. Do not kill or freeze it."""
    with _need(lambda: RedisServer("redis", shared=True)) as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[RedisServer]:
    """One Valkey for all tests. Do not kill or freeze it."""
    with _need(lambda: RedisServer("valkey", shared=True)) as server:
        yield server


@pytest.fixture(scope="session")
def rabbit_server() -> RabbitServer:
    """One RabbitMQ for all tests, of other processes, too. Do not kill or freeze it."""
    return _need(rabbit_of_run)


@pytest.fixture
def redis_url(redis_server: RedisServer) -> Iterator[str]:
    """A database of Redis that is empty and nobody else's."""
    with redis_server.database() as url:
        yield url


@pytest.fixture
def valkey_url(valkey_server: RedisServer) -> Iterator[str]:
    """A database of Valkey that is empty and nobody else's."""
    with valkey_server.database() as url:
        yield url


@pytest.fixture
def rabbit_vhost_url(rabbit_server: RabbitServer) -> Iterator[str]:
    """A vhost that is empty and nobody else's."""
    with rabbit_server.vhost(f"test{os.getpid()}-{next(_numbers)}") as url:
        yield url
