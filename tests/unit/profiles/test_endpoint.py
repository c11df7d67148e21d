"""Where URLs lead, parsed once, as Celery's clients read them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.profiles.endpoint import endpoint_of, endpoints_of
from deskq.results.opening import open_results


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://h:6390/3", {"scheme": "redis", "host": "h", "port": 6390, "place": "h:6390", "database": "3"}),
        ("REDISS://u%2Fx@H.Example/", {"scheme": "rediss", "user": "u/x", "host": "h.example", "tls": True}),
        ("redis://[::1]:6390", {"host": "::1", "place": "[::1]:6390", "database": ""}),
        ("redis://", {"host": "", "port": None, "name": "redis://"}),
        (
            "unix:///tmp/a%20b?db=4",
            {"socket": "/tmp/a b", "database": "4", "host": "", "name": "unix:///tmp/a%20b?db=4"},
        ),
        ("redis+socket:///s?virtual_host=/2", {"socket": "/s", "database": "2"}),
        ("redis://h", {"socket": None}),
        ("amqp://guest@h//", {"user": "guest", "virtual_host": "/", "tls": False}),
        ("amqp://h", {"virtual_host": "/"}),
        ("amqps://h/%2Fshop", {"virtual_host": "/shop", "tls": True}),
        ("amqp://h/shop", {"virtual_host": "shop"}),
    ],
)
def test_what_a_url_says(url: str, expected: dict[str, Any]) -> None:
    found = endpoint_of(url)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("url", "places", "database"),
    [
        ("redis://a/1;redis://b:7/2", ["a", "b:7"], "2"),
        ("sentinel://a:1;b:2/3", ["a:1", "b:2"], "3"),
        ("sentinel://u@a:1;sentinel://b:2/3", ["a:1", "b:2"], "3"),
        ("amqp://u@a//;amqps://b:1/x", ["a", "b:1"], "x"),
    ],
)
def test_lists(url: str, places: list[str], database: str) -> None:
    servers = endpoints_of(url)
    assert [server.place for server in servers] == places
    assert servers[-1].database == database
    assert Profile(name="a", url=url).endpoint == servers[0]


@given(
    st.sampled_from(["redis", "rediss", "amqp", "amqps"]),
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True),
    st.none() | st.integers(1, 65_535),
    st.integers(0, 99),
)
def test_what_is_written_is_read(scheme: str, host: str, port: int | None, database: int) -> None:
    place = host if port is None else f"{host}:{port}"
    found = Profile.from_url(f"{scheme}://user:p4ss@{place}/{database}").endpoint
    assert (found.scheme, found.host, found.port, found.place) == (scheme, host, port, place)
    assert (found.user, found.database, found.virtual_host) == ("user", str(database), str(database))
    assert "p4ss" not in repr(found)


@pytest.mark.parametrize("url", ["redis://h:port/0", "redis://h:70000/0", "redis://[::1/0", "sentinel://a:1;b:x/0"])
def test_a_place_that_can_be_none(url: str) -> None:
    for read in (endpoints_of, Profile.from_url):
        with pytest.raises(UserError, match=r"heck (its )?host and port"):
            read(url)


@pytest.mark.parametrize("backend", ["redis://h:port/0", "redis://h:70000/0"])
def test_a_result_backend_that_can_be_none(backend: str) -> None:
    """It is no broker's URL, so that nobody looks at it before it is needed."""
    with pytest.raises(UserError, match=r"heck (its )?host and port"):
        open_results(Profile(name="a", url="redis://h", result_backend=backend)).get("id")
