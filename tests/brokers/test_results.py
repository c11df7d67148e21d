"""Result records as real workers store them: Redis, Celery's tables, django-celery-results' tables, files."""

from __future__ import annotations

import os
import pickle
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import celery
import pytest
import redis
import sqlalchemy

from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.results import database as database_store
from deskq.results.database import DatabaseResults
from deskq.results.opening import open_results
from deskq.results.record import ResultRecord
from deskq.results.store import ResultStore
from tests.support.celery_worker import CeleryWorker
from tests.support.database_servers import PASSWORD, USER, MariaServer, PostgresServer
from tests.support.django_project import DjangoProject
from tests.support.recording import deskq
from tests.support.sample_app import sample_client
from tests.support.servers import RedisServer
from tests.support.waiting import wait_until

_ROOT = Path(__file__).resolve().parents[2]
UNICODE = "grüße 东京 🚀"


def profile_of(url: str) -> Profile:
    return Profile.from_url("redis://h/0", result_backend=url or None)


def read(url: str, task_id: str) -> ResultRecord | None:
    with closing(open_results(profile_of(url))) as store:
        return store.get(task_id)


@pytest.mark.parametrize("kind", ["redis", "database", "files"])
@pytest.mark.parametrize("extended", [True, False])
def test_what_a_worker_stores(redis_url: str, tmp_path: Path, kind: str, extended: bool) -> None:
    backend = {
        "redis": redis_url,
        "database": f"db+sqlite:///{tmp_path}/results.sqlite",
        "files": f"file://{tmp_path}/results",
    }[kind]
    (tmp_path / "results").mkdir()
    config = {"result_backend": backend, "result_extended": extended}
    with CeleryWorker(redis_url, config=config), sample_client(redis_url, **config) as client:
        good = client.send_task("sample.add", (2, 3)).id
        text = client.send_task("sample.unicode", (UNICODE,)).id
        bad = client.send_task("sample.fail", ("no <b>luck</b>",), {}).id

        def stored(task_id: str) -> ResultRecord | None:
            try:
                record = read(backend, task_id)
            except UserError:
                return None  # the table is made with the first result
            return record if record is not None and record.state in ("SUCCESS", "FAILURE") else None

        record = wait_until(lambda: stored(good), 20, "the result")
        assert record is not None
        if kind == "database" and celery.VERSION < (5, 7):  # those keep pickles there, whatever the serializer
            assert (record.kind, record.state) == ("pickle", "SUCCESS")
            assert "deskq never loads pickles" in record.result
            return
        assert (record.result, record.kind, record.state) == ("5", "json", "SUCCESS")
        assert record.extended is extended
        if extended:
            assert (record.name, record.args, record.kwargs, record.queue) == ("sample.add", [2, 3], {}, "celery")
        if kind == "redis":
            assert record.expires_in is not None
            assert 0 < record.expires_in <= 600
        record = wait_until(lambda: stored(text), 20, "the text")
        assert record is not None
        assert UNICODE in record.result
        record = wait_until(lambda: stored(bad), 20, "the failure")
        assert record is not None
        assert record.exception == "ValueError: no <b>luck</b>"
        assert record.traceback is not None
        assert "raise ValueError(text)" in record.traceback
        assert read(backend, "nobody's id") is None
        assert read(backend, "../results.sqlite") is None


def test_results_of_pickle_and_of_20_mb_and_a_prefix(redis_url: str) -> None:
    config = {
        "result_serializer": "pickle",
        "result_accept_content": ["json", "pickle"],
        "result_backend_transport_options": {"global_keyprefix": "res:"},
    }
    with CeleryWorker(redis_url, config=config), sample_client(redis_url, **config) as client:
        url = f"{redis_url}?global_keyprefix=res:"
        small = client.send_task("sample.add", (2, 3)).id
        record = wait_until(lambda: read(url, small), 20, "the pickle")
        assert record is not None
        assert record.kind == "pickle"
        large = client.send_task("sample.big_result", (20_000_000,)).id
        record = wait_until(lambda: read(url, large), 30, "the large one")
        assert record is not None
        assert record.size > 20_000_000
        assert len(record.raw) < 300_000


def test_celery_s_older_tables_hold_pickles_that_do_not_run(tmp_path: Path) -> None:
    """Before Celery 5.7 the column was a pickle whatever the serializer was, and had no extended columns."""
    owned = tmp_path / "owned"

    class Canary:
        def __reduce__(self) -> Any:
            return (Path.touch, (owned,))

    file = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(file)) as old:
        old.execute("CREATE TABLE celery_taskmeta (id INTEGER, task_id TEXT, status TEXT, result BLOB, traceback TEXT)")
        old.execute("INSERT INTO celery_taskmeta VALUES (1, 'a', 'SUCCESS', ?, NULL)", (pickle.dumps(Canary()),))
        old.commit()
    record = read(f"db+sqlite:///{file}", "a")
    assert record is not None
    assert (record.state, record.kind, record.extended) == ("SUCCESS", "pickle", False)
    assert "REDUCE" in record.result
    assert not owned.exists()


def test_django_celery_results(redis_url: str, tmp_path: Path) -> None:
    """A real project: its own migrations make the table, a real worker writes to it."""
    (tmp_path / "shop_settings.py").write_text(
        "SECRET_KEY = 'x'\nUSE_TZ = True\nINSTALLED_APPS = ['django_celery_results']\n"
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', "
        f"'NAME': {str(tmp_path / 'd.sqlite')!r}}}}}\n"
        "DEFAULT_AUTO_FIELD = 'django.db.models.AutoField'\n"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "shop_settings", "PYTHONPATH": str(tmp_path)}
    migrate = [sys.executable, "-m", "django", "migrate", "--verbosity=0"]
    subprocess.run(migrate, env=environment, check=True, timeout=240, cwd=tmp_path)
    config = {"result_backend": "django-db", "result_extended": True, "result_accept_content": ["json"]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_SETTINGS_MODULE", "shop_settings")
        patch.setenv("PYTHONPATH", str(tmp_path))
        worker = CeleryWorker(redis_url, pool="solo", config=config).start()
    try:
        with sample_client(redis_url, result_backend=None) as client:
            good = client.send_task("sample.add", (2, 3)).id
            bad = client.send_task("sample.fail", ("no luck",)).id

            def stored(task_id: str) -> ResultRecord | None:
                record = read(f"django-db+sqlite:///{tmp_path}/d.sqlite", task_id)
                return record if record is not None and record.state in ("SUCCESS", "FAILURE") else None

            record = wait_until(lambda: stored(good), 20, "the result")
            assert record is not None
            assert (record.result, record.name) == ("5", "sample.add")
            assert record.arguments_are_reprs
            assert record.args == "(2, 3)"
            record = wait_until(lambda: stored(bad), 20, "the failure")
            assert record is not None
            assert record.exception == "ValueError: no luck"
    finally:
        worker.stop()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "has no result backend"),
        ("rpc://", "delivers each result once"),
        ("gopher://x", "of type “gopher”"),
        ("redis://127.0.0.1:1/0", "Nothing is listening"),
        ("file:///nowhere/at/all", "is not on this machine"),
        ("db+sqlite:////nowhere/x.sqlite", "cannot be read"),
        ("db+oracle://h/x", "pip install oracledb"),
        ("db+nonsense://h/x", "Unknown database type"),
    ],
)
def test_what_cannot_be_read_says_why(url: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        read(url, "id")


GONE = "DROP TABLE IF EXISTS celery_taskmeta"
TABLE = "CREATE TABLE celery_taskmeta (id INTEGER, task_id VARCHAR(155), status VARCHAR(50), result {}, traceback TEXT)"
ROW = "INSERT INTO celery_taskmeta VALUES (1, 'a', 'SUCCESS', %s, NULL)"


def test_postgresql_that_stands_still_is_not_waited_for(
    postgres: tuple[PostgresServer, DjangoProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The URL names a driver that the project has and deskq has not."""
    server, _ = postgres
    with server.connect() as connection:
        connection.execute(GONE)  # others use this server, too
        connection.execute(TABLE.format("BYTEA"))
        connection.execute(ROW, (b'{"b": 1}',))
    try:
        url = f"db+postgresql+psycopg2://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}/shop"
        record = read(url, "a")
        assert record is not None
        assert (record.state, record.kind) == ("SUCCESS", "json")
        with pytest.raises(UserError, match="password authentication failed") as refused:
            read(url.replace(quote(PASSWORD, safe=""), "c4n4ry"), "a")
        assert "c4n4ry" not in str(refused.value)
        # On a machine that does other things too, even an answer that comes may take so long: then it is asked again.
        monkeypatch.setattr(database_store, "ANSWER_SECONDS", 1)
        with closing(open_results(profile_of(url))) as store:
            assert wait_until(lambda: _again(store), 20, "an answer") is not None
            server.freeze()
            try:
                with pytest.raises(UserError, match="cannot be read"):
                    store.get("a")
            finally:
                server.thaw()
            assert wait_until(lambda: _again(store), 20, "an answer") is not None
        frozen_while_asked(server, url)
    finally:
        with server.connect() as connection:
            connection.execute(GONE)


def _again(store: ResultStore) -> ResultRecord | None:
    try:
        return store.get("a")
    except UserError:
        return None


def frozen_while_asked(server: PostgresServer, url: str) -> None:
    """It stands still when the connection is there already."""
    connected = DatabaseResults._found_table
    frozen: list[bool] = []

    def freeze(store: DatabaseResults, connection: sqlalchemy.Connection) -> sqlalchemy.Table:
        server.freeze()
        frozen.append(True)
        return connected(store, connection)

    def given_up() -> bool:
        with pytest.raises(UserError, match="cannot be read"):
            read(url, "a")
        return bool(frozen)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseResults, "_found_table", freeze)
        try:
            wait_until(given_up, 20, "a connection within a second")
        finally:
            server.thaw()


def test_mariadb(maria: tuple[MariaServer, DjangoProject]) -> None:
    server, _ = maria
    with closing(server.connect()) as connection:
        connection.cursor().execute(GONE)
        connection.cursor().execute(TABLE.format("BLOB"))
        connection.cursor().execute(ROW, (b'{"b": 1}',))
        connection.commit()
    for scheme in ("db+mysql", "db+mariadb", "db+mysql+mysqldb"):
        record = read(f"{scheme}://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}/shop", "a")
        assert record is not None
        assert (record.state, record.kind) == ("SUCCESS", "json")
    with closing(server.connect()) as connection:
        connection.cursor().execute(GONE)


def test_a_file_with_an_odd_name(tmp_path: Path) -> None:
    file = tmp_path / "a #1 ü.sqlite"
    with closing(sqlite3.connect(file)) as made:
        made.execute(TABLE.format("BLOB"))
        made.execute(ROW.replace("%s", "?"), (b"7",))
        made.commit()
    record = read(f"db+sqlite:///{file}", "a")
    assert record is not None
    assert record.result == "7"


def test_a_database_without_tables(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "x.sqlite")) as empty:
        empty.execute("CREATE TABLE mine (a)")
    with pytest.raises(UserError, match="no table celery_taskmeta or"):
        read(f"db+sqlite:///{tmp_path}/x.sqlite", "id")


def test_a_store_that_comes_back_is_read_again(needs: Callable[[Callable[[], RedisServer]], RedisServer]) -> None:
    with needs(RedisServer) as server, closing(open_results(profile_of(server.url))) as store:
        with redis.Redis.from_url(server.url) as client:
            client.set("celery-task-meta-a", b'{"status": "SUCCESS", "result": 1}')
        assert store.get("a") is not None
        server.kill()
        with pytest.raises(UserError, match=r"Nothing is listening|lost"):
            store.get("a")
        server.start()
        assert store.get("a") is None


def test_the_command_line(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set("celery-task-meta-a", b'{"status": "SUCCESS", "result": {"a": 1}}')
    shown = deskq("result", redis_url, "a", "--result-backend", redis_url)
    assert (shown.returncode, '"a": 1' in shown.stdout) == (0, True), shown.stderr
    assert deskq("result", redis_url, "b", "--result-backend", redis_url).returncode == 1
    assert deskq("result", redis_url, "a").returncode == 2
