"""Stores that an import found: they hold the rows and keys that the project's own beat looks at, and no others."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from deskq.cli import main
from deskq.profiles.importing.proposals import from_django
from deskq.results.opening import open_results
from deskq.schedules.opening import open_store
from deskq.schedules.stores.django.store import DjangoBeatStore
from tests.support.database_servers import PASSWORD, USER, PostgresServer
from tests.support.django_entries import add, entry
from tests.support.django_project import DjangoProject, server

SCHEMA = "tenant1"
RESULTS = (
    "CREATE TABLE {}.django_celery_results_taskresult (id SERIAL, task_id VARCHAR(255), status VARCHAR(50), "
    "result TEXT, content_encoding VARCHAR(64), meta TEXT)"
)
RESULT = "INSERT INTO {}.django_celery_results_taskresult (task_id, status, result) VALUES ('a', %s, '1')"


@pytest.fixture(scope="module")
def tenant(
    postgres: tuple[PostgresServer, DjangoProject], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DjangoProject]:
    """A project whose tables are in a schema of their own, beside those of another in ``public``."""
    running, _ = postgres
    with running.connect() as connection:
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
        settings = server("postgresql", running.port, USER, PASSWORD)
        folder = tmp_path_factory.mktemp("tenant")
        alone = {**settings, "OPTIONS": {"options": f"-c search_path={SCHEMA}"}}
        DjangoProject(folder, {"default": alone}).migrate({"default": ""})  # else it would see what is in public
        yield DjangoProject(
            folder, {"default": {**settings, "OPTIONS": {"options": f"-c search_path={SCHEMA},public"}}}
        )
        connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")


def names(running: PostgresServer, schema: str) -> set[object]:
    with running.connect() as connection:
        found = connection.execute(f"SELECT name FROM {schema}.django_celery_beat_periodictask").fetchall()
    return {row[0] for row in found}


def test_the_schema_of_the_project_is_read_and_written(
    postgres: tuple[PostgresServer, DjangoProject], tenant: DjangoProject
) -> None:
    running, _ = postgres
    with closing(DjangoBeatStore(running.url)) as others:
        for left in others.read().entries:
            others.replace(left, None)
        add(others, entry("of another"))
    profile = from_django("shop_settings", folder=tenant.folder, timeout=60).profile
    assert PASSWORD not in repr(profile)
    (url,) = profile.schedule_store_urls()
    with closing(DjangoBeatStore(url.removeprefix("db+"))) as store:
        assert [one.name for one in store.read().entries] == []
        before = add(store, entry("of this one"))
        store.replace(before, replace(before, name="renamed"))
    assert names(running, SCHEMA) == {"renamed"}
    assert names(running, "public") == {"of another"}
    told = tenant.run("import django; django.setup(); from django_celery_beat.models import PeriodicTask as P; "
                      "print([task.name for task in P.objects.all()])")  # fmt: skip
    assert told.strip() == "['renamed']"


def test_tables_are_found_along_the_whole_search_path(postgres: tuple[PostgresServer, DjangoProject]) -> None:
    """The first schema of the path exists, and has none of them."""
    running, _ = postgres
    with running.connect() as connection:
        connection.execute("CREATE SCHEMA empty")
        try:
            with closing(open_store(f"{running.url}?options=-c%20search_path%3Dempty,public")) as store:
                store.read()
            with (
                closing(open_store(f"{running.url}?options=-c%20search_path%3Dempty")) as store,
                pytest.raises(Exception, match="has no table django_celery_beat_periodictask"),
            ):
                store.read()
        finally:
            connection.execute("DROP SCHEMA empty")


def test_a_folder_of_sockets_and_a_service(
    postgres: tuple[PostgresServer, DjangoProject], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, _ = postgres
    services = tmp_path / "services.conf"
    services.write_text(f"[beat]\nhost=127.0.0.1\nport={running.port}\nuser={USER}\ndbname=shop\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    (tmp_path / ".pgpass").write_text(f"*:*:*:*:{PASSWORD}\n")
    (tmp_path / ".pgpass").chmod(0o600)
    by_service = {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {"service": "beat", "passfile": ".pgpass"}}
    by_socket = {**server("postgresql", running.port, USER, PASSWORD), "HOST": running.sockets}
    assert running.sockets
    with closing(DjangoBeatStore(running.url)) as known:
        expected = [one.name for one in known.read().entries]
    for number, settings in enumerate((by_service, by_socket)):
        name = f"settings_{number}"
        (tmp_path / f"{name}.py").write_text(
            f"SECRET_KEY = 'x'\nINSTALLED_APPS = ['django_celery_beat']\nDATABASES = {{'default': {settings!r}}}\n"
        )
        profile = from_django(name, folder=tmp_path, timeout=60).profile
        (url,) = profile.schedule_store_urls()
        with closing(open_store(url, profile)) as store:
            assert [one.name for one in store.read().entries] == expected


def test_results_of_the_projects_schema(postgres: tuple[PostgresServer, DjangoProject], tenant: DjangoProject) -> None:
    running, _ = postgres
    with running.connect() as connection:
        for schema, status in ((SCHEMA, "SUCCESS"), ("public", "FAILURE")):
            connection.execute(f"DROP TABLE IF EXISTS {schema}.django_celery_results_taskresult")
            connection.execute(RESULTS.format(schema))
            connection.execute(RESULT.format(schema), (status,))
        settings = tenant.folder / "with_results.py"
        settings.write_text("from shop_settings import *\nCELERY_RESULT_BACKEND = 'django-db'\n"
                            "INSTALLED_APPS = ['django_celery_results']\n")  # fmt: skip
        profile = from_django("with_results", folder=tenant.folder, timeout=60).profile
        with closing(open_results(profile)) as results:
            record = results.get("a")
        assert record is not None
        assert record.state == "SUCCESS"
        connection.execute("DROP TABLE public.django_celery_results_taskresult")


def test_a_schedule_is_added_where_redbeat_looks(
    redis_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The broker is another database of the same server; the zone is the app's."""
    parts = urlsplit(redis_url)
    elsewhere = parts._replace(path="/9").geturl()
    settings = {
        "broker_url": redis_url, "redbeat_redis_url": elsewhere, "redbeat_key_prefix": "mitx:redbeat:",
        "beat_scheduler": "redbeat.RedBeatScheduler", "timezone": "America/New_York",
    }  # fmt: skip
    (tmp_path / "shop.py").write_text(
        f"from celery import Celery\napp = Celery('shop')\napp.conf.update({settings!r})\n"
    )
    try:
        assert main(["profiles", "import", "--app", "shop", "--folder", str(tmp_path), "--yes"]) == 0
        add_it = ["schedules", "add", "shop", "--name", "sheets", "--task", "t", "--cron", "0 10 * * *", "--yes"]
        assert main(add_it) == 0
        capsys.readouterr()
        assert main(["schedules", "list", "shop", "--format", "json"]) == 0
        (shown,) = json.loads(capsys.readouterr().out)
        told = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", READS],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        due = json.loads(told.stdout.splitlines()[-1])
        assert due == {"sheets": "10:00 America/New_York"}
        assert shown["store"].startswith("redbeat:")
        assert "zone=America/New_York" in shown["store"]
        with redis.Redis.from_url(redis_url) as broker:
            assert not broker.exists("redbeat:sheets", "redbeat::schedule")
    finally:
        with redis.Redis.from_url(elsewhere) as client:
            client.flushdb()


READS = """
import json
from datetime import timedelta
from shop import app
from redbeat.schedulers import RedBeatScheduler, RedBeatSchedulerEntry, get_redis, ensure_conf
app.finalize()
conf = ensure_conf(app)
found = {}
for key in get_redis(app).zrange(conf.schedule_key, 0, -1):
    entry = RedBeatSchedulerEntry.from_key(key, app=app)
    due = entry.due_at.astimezone(app.timezone) + timedelta(seconds=30)  # a few seconds early, as redbeat reckons
    found[entry.name] = due.strftime("%H:%M ") + str(app.timezone)
print(json.dumps(found))
"""
