"""Django's settings of a database as a URL: the same server and the same rows, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from deskq.profiles.importing.django_database import database_url
from deskq.profiles.importing.fates import Fates
from deskq.profiles.urls import join_password, server_of, shown, split_password

FOLDER = Path("/srv/shop")


def url_of(**given: Any) -> tuple[str | None, list[str]]:
    fates = Fates()
    url = database_url({"alias": "default", "vendor": "postgresql", "NAME": "shop", **given}, FOLDER, fates)
    return url, [str(one) for one in fates.of_project([])]


def arguments(url: str | None) -> dict[str, Any]:
    """What the driver is told."""
    assert url is not None
    parsed = sqlalchemy.make_url(url.removeprefix("db+").replace("sql:", "sql+psycopg:", 1))
    told = sqlalchemy.create_engine(parsed).dialect.create_connect_args(parsed)[1]
    return {key: value for key, value in told.items() if key != "context"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"USER": "u", "PASSWORD": "p@:/w", "HOST": "h", "PORT": 5433},
            {"dbname": "shop", "user": "u", "password": "p@:/w", "host": "h", "port": 5433},
        ),
        ({"HOST": "/var/run/postgresql"}, {"dbname": "shop", "host": "/var/run/postgresql"}),
        (
            {"USER": "u", "HOST": "/run/pg", "PORT": "5433"},
            {"dbname": "shop", "user": "u", "host": "/run/pg", "port": "5433"},
        ),
        ({"PORT": "5433"}, {"dbname": "shop", "port": "5433"}),
        ({}, {"dbname": "shop"}),
        ({"HOST": "::1"}, {"dbname": "shop", "host": "::1"}),
        ({"HOST": "a,b", "PORT": "1,2"}, {"dbname": "shop", "host": "a,b", "port": "1,2"}),
        (
            {"OPTIONS": {"options": "-c search_path=tenant1,public", "sslmode": "require", "connect_timeout": 3}},
            {"dbname": "shop", "options": "-c search_path=tenant1,public", "sslmode": "require"},
        ),
        (
            {"NAME": "", "OPTIONS": {"service": "my_service", "passfile": ".pgpass"}},
            {"service": "my_service", "passfile": "/srv/shop/.pgpass"},
        ),
        ({"OPTIONS": {"sslrootcert": "system"}}, {"dbname": "shop", "sslrootcert": "system"}),
        ({"OPTIONS": {"sslrootcert": "ca.pem"}}, {"dbname": "shop", "sslrootcert": "/srv/shop/ca.pem"}),
        (
            {"OPTIONS": {"assume_role": "beat writer", "options": "-c search_path=a"}},
            {"dbname": "shop", "options": "-c role=beat\\ writer -c search_path=a"},
        ),
        (
            {"NAME": "", "OPTIONS": {"user": "u", "dbname": "other", "host": "h", "password": "p"}},
            {"dbname": "other", "user": "u", "password": "p", "host": "h"},
        ),
        (
            {"ENGINE": "django_tenants.postgresql_backend", "schema": "shared"},
            {"dbname": "shop", "options": "-c search_path=shared"},
        ),
    ],
)
def test_postgresql(given: dict[str, Any], told: dict[str, Any]) -> None:
    url, _ = url_of(**given)
    assert arguments(url) == told
    assert url is not None
    bare, password = split_password(url)
    assert password == told.get("password", "")
    assert join_password(bare, password) == url
    assert shown(url) == bare


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"HOST": "", "USER": "u"}, "db+mysql://u@localhost/shop"),
        ({"HOST": "/run/my.sock"}, "db+mysql:///shop?unix_socket=/run/my.sock"),
        ({"OPTIONS": {"init_command": "SET sql_mode='STRICT_TRANS_TABLES'"}}, "db+mysql://localhost/shop"),
        ({"OPTIONS": {"init_command": "USE other"}}, None),
        ({"OPTIONS": {"ssl": {"ca": "ca.pem"}}}, "db+mysql://localhost/shop?ssl_ca=/srv/shop/ca.pem"),
        ({"OPTIONS": {"ssl_mode": "DISABLED"}}, "db+mysql://localhost/shop?ssl_disabled=true"),
        ({"OPTIONS": {"ssl_mode": "preferred"}}, "db+mysql://localhost/shop"),
        ({"OPTIONS": {"ssl_mode": "REQUIRED"}}, "db+mysql://localhost/shop?ssl_check_hostname=false"),
        (
            {"OPTIONS": {"ssl_mode": "VERIFY_IDENTITY", "ssl": {"ca": "/ca.pem"}}},
            "db+mysql://localhost/shop?ssl_check_hostname=true&ssl_ca=/ca.pem",
        ),
        ({"OPTIONS": {"ssl_mode": "VERIFY_CA"}}, None),
        ({"OPTIONS": {"ssl_mode": "SOMETIMES"}}, None),
        ({"NAME": "", "OPTIONS": {"read_default_file": "my.cnf"}}, "db+mysql://localhost/?read_default_file=/srv/shop/my.cnf"),
    ],
)  # fmt: skip
def test_mysql(given: dict[str, Any], url: str | None) -> None:
    assert url_of(vendor="mysql", **given)[0] == url


def test_sqlite_is_a_file_of_the_project() -> None:
    assert url_of(vendor="sqlite", NAME="data/db.sqlite3", OPTIONS={"timeout": 30})[0] == (
        "db+sqlite:////srv/shop/data/db.sqlite3"
    )
    assert url_of(vendor="sqlite", NAME=":memory:")[0] is None


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"vendor": "oracle"}, "DATABASES.default.ENGINE: cannot be kept, because deskq reads PostgreSQL"),
        ({"NAME": ""}, "DATABASES.default.NAME: cannot be kept, because it is empty"),
        ({"OPTIONS": {"schema": "x"}}, "OPTIONS.schema: cannot be kept, because deskq does not know what it decides"),
    ],
)
def test_no_store_rather_than_other_rows(given: dict[str, Any], says: str) -> None:
    url, told = url_of(**given)
    assert url is None
    assert says in " ".join(told)


def test_a_password_is_bound_to_the_host_in_the_query_too() -> None:
    assert server_of("db+postgresql://u@/shop?host=/run/a&sslmode=require") != server_of(
        "db+postgresql://u@/shop?host=/run/b"
    )
    assert server_of("postgresql://u@/shop?sslmode=require&host=/run/a") == server_of("postgresql://u@/x?host=/run/a")
