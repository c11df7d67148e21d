"""Where an URL leads, however it is spelled: kind of server, host, port, and the database or virtual host there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from deskq.errors import UserError
from deskq.profiles.database_places import servers_of
from deskq.profiles.endpoint import endpoint_of
from deskq.profiles.urls import (
    AMQP_SCHEMES,
    REDBEAT_CLUSTER,
    REDBEAT_SENTINELS,
    REDIS_SCHEMES,
    SENTINEL_SCHEMES,
    SOCKET_SCHEMES,
    alternative_urls,
)

_PORTS: Final = {"redis": 6379, "sentinel": 26379, "amqp": 5672, "postgresql": 5432, "mysql": 3306}
_TLS_PORTS: Final = {"amqps": 5671}
_DIALECTS: Final = {"postgres": "postgresql", "mariadb": "mysql"}
_PREFIXES: Final = re.compile(r"(?:redbeat:|django-celery-beat:|(?:sqla|sqlalchemy|db)\+)")
_BEAT_FILE: Final = "celerybeat-schedule:"
_HERE: Final = "localhost"


@dataclass(frozen=True, slots=True)
class Place:
    """A server and what of it is meant. ``host``: lower case, a path for what is a file, or a socket.

    ``spaces``: the databases or virtual hosts that an URL may mean, None where any may be.
    """

    kind: str
    host: str
    port: int | None = None
    spaces: frozenset[str] | None = None

    def may_be(self, other: Place) -> bool:
        """Could both be the same server and database, if their hosts were the same?"""
        if (self.kind, self.port) != (other.kind, other.port):
            return False
        return self.spaces is None or other.spaces is None or bool(self.spaces & other.spaces)


def places_of(url: str) -> set[Place]:
    """Return where an URL of a broker, a result backend or a schedule store leads, each of a list's; none for code."""
    if url.startswith(_BEAT_FILE):
        return {Place("file", _path(unquote(url.removeprefix(_BEAT_FILE).removeprefix("//"))))}
    bare = url
    while (prefix := _PREFIXES.match(bare)) is not None:
        bare = bare[prefix.end() :]
    scheme, found, _ = bare.partition("://")
    if not found:
        return set()
    if scheme.lower() in SENTINEL_SCHEMES | {REDBEAT_SENTINELS}:
        return set(_sentinels(bare))
    if scheme.lower() == REDBEAT_CLUSTER:  # its nodes, of which any is a way into it
        nodes = bare.partition("?")[0].split(";")
        return {place for node in nodes for place in _places(f"redis://{node.rpartition('://')[2].rstrip('/')}")}
    return {place for part in alternative_urls(bare) for place in _places(part)}


def _sentinels(url: str) -> Iterable[Place]:
    """Sentinels are separated by ``;``, with or without a scheme before each; the last part names the database."""
    parts = [part if "://" in part else f"sentinel://{part}" for part in url.split(";")]
    spaces = _databases(urlsplit(parts[-1]).path, urlsplit(parts[-1]).query)
    for part in parts:
        host, port = _server(part)
        yield Place("sentinel", host, port or _PORTS["sentinel"], spaces)


def _places(url: str) -> list[Place]:
    scheme = url.partition("://")[0].lower()
    try:
        parts = urlsplit(url)
    except ValueError:  # nothing can be reached by it
        return []
    if scheme in SOCKET_SCHEMES:
        return [Place("redis socket", _path(unquote(parts.path)), spaces=_databases(None, parts.query))]
    if scheme in REDIS_SCHEMES:
        host, port = _server(url)
        return [Place("redis", host, port or _PORTS["redis"], _databases(parts.path, parts.query))]
    host, port = _server(url)
    if scheme in AMQP_SCHEMES:
        return [Place("amqp", host, port or _TLS_PORTS.get(scheme) or _PORTS["amqp"], _virtual_hosts(parts.path))]
    dialect = _DIALECTS.get(scheme.partition("+")[0], scheme.partition("+")[0])
    if dialect in ("sqlite", "file", "filesystem"):
        return [Place("file", _path(unquote(parts.path)[1:] if dialect == "sqlite" else unquote(parts.path)))]
    return [
        Place(dialect, _plain_host(host), int(port) if port.isdecimal() else _PORTS.get(dialect), frozenset({database}))
        for host, port, database in servers_of(parts, postgresql=dialect == "postgresql")
    ]


def _server(url: str) -> tuple[str, int | None]:
    """Host and port of a URL; a port that is none is None, as where there is none: nothing answers there."""
    try:
        server = endpoint_of(url)
        return _plain_host(unquote(server.host)), server.port
    except UserError:
        return _HERE, None


def _plain_host(host: str) -> str:
    """A host as everybody would write it: without the dots of DNS's root, and the zone of an IPv6 address."""
    plain = host.lower().rstrip(".").partition("%")[0]
    return _HERE if not plain or plain.endswith(".localhost") else plain


def _databases(path: str | None, query: str) -> frozenset[str] | None:
    """Databases of Redis that may be meant: clients differ in whether the path or the query rules."""
    options = dict(parse_qsl(query))
    texts = [options[key].strip("/") for key in ("db", "virtual_host") if key in options]
    if path is not None:
        texts.append(unquote(path).strip("/"))
    found = set()
    for text in texts or [""]:
        try:
            found.add(str(int(text or "0")))
        except ValueError:
            return None
    return frozenset(found)


def _virtual_hosts(path: str) -> frozenset[str]:
    """As kombu and deskq read it: nothing and ``/`` mean ``/``; also without the slash that others cut off."""
    text = unquote(path)
    meant = text[1:] if len(text) > 1 else "/"
    return frozenset({meant, meant.strip("/") or "/"})


def _path(path: str) -> str:
    return os.path.realpath(path or ".")
