"""Fixtures that several files of tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

from deskq.schedules.model import ScheduleStore
from deskq.schedules.opening import open_store
from deskq.schedules.stores.django.store import DjangoBeatStore
from tests.support.database_servers import PASSWORD, USER, MariaServer, PostgresServer
from tests.support.django_entries import emptied
from tests.support.django_project import DjangoProject, server, sqlite

Needs = Callable[[Callable[[], Any]], Any]


@pytest.fixture(scope="session")
def django_files(tmp_path_factory: pytest.TempPathFactory) -> DjangoProject:
    """SQLite files: the newest tables, and those of earlier versions."""
    folder = tmp_path_factory.mktemp("project")
    names = {"default": "", "v0005": "0005", "v0009": "0009", "v0013": "0013"}
    made = DjangoProject(folder, {name: sqlite(folder / f"{name}.sqlite3") for name in names})
    made.migrate(names)
    return made


def migrated(folder: Path, engine: str, port: int) -> DjangoProject:
    """A project whose tables are in a server's database."""
    made = DjangoProject(folder, {"default": server(engine, port, USER, PASSWORD)})
    made.migrate({"default": ""})
    return made


@pytest.fixture(scope="session")
def postgres(needs: Needs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PostgresServer, DjangoProject]]:
    """A PostgreSQL for all tests, and the project that made its tables."""
    with needs(lambda: PostgresServer(shared=True)) as running:
        yield running, migrated(tmp_path_factory.mktemp("postgres"), "postgresql", running.port)


@pytest.fixture(scope="session")
def maria(needs: Needs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MariaServer, DjangoProject]]:
    """A MariaDB for all tests, and the project that made its tables."""
    with needs(lambda: MariaServer(shared=True)) as running:
        yield running, migrated(tmp_path_factory.mktemp("maria"), "mysql", running.port)


@pytest.fixture
def store(redis_url: str) -> Iterator[ScheduleStore]:
    """redbeat's, empty."""
    with closing(open_store(redis_url)) as opened:
        yield opened


@pytest.fixture(name="server")
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    """What looks into the place of that store."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def django_store(django_files: DjangoProject) -> Iterator[DjangoBeatStore]:
    """The newest tables in SQLite, empty."""
    with closing(DjangoBeatStore(f"sqlite:///{django_files.folder}/default.sqlite3")) as opened:
        yield emptied(opened)


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def any_django_store(request: pytest.FixtureRequest, django_files: DjangoProject) -> Iterator[DjangoBeatStore]:
    """The newest tables in each kind of database, empty."""
    if request.param == "sqlite":
        url = f"sqlite:///{django_files.folder}/default.sqlite3"
    else:
        url = request.getfixturevalue({"postgresql": "postgres", "mariadb": "maria"}[request.param])[0].url
    with closing(DjangoBeatStore(f"django-celery-beat:{url}")) as opened:
        yield emptied(opened)


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def any_django(request: pytest.FixtureRequest, django_files: DjangoProject) -> tuple[str, DjangoProject]:
    """The URL of each kind of database, and its project."""
    if request.param == "sqlite":
        return f"sqlite:///{django_files.folder}/default.sqlite3", django_files
    running, made = request.getfixturevalue({"postgresql": "postgres", "mariadb": "maria"}[request.param])
    return running.url, made
