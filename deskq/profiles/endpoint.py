"""Where a broker's URL leads, parsed once: of a list each of its servers, of sentinels each of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, unquote, urlsplit

from deskq.errors import UserError
from deskq.profiles.urls import SENTINEL_SCHEMES, SOCKET_SCHEMES, TLS_SCHEMES, alternative_urls, shown


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server, as its URL names it, without a password; "" and None where it names nothing.

    Attributes:
        url: the URL itself.
        scheme: in small letters.
        place: host and port as they are written.
        host: in small letters, without the brackets of an IPv6 address.
        user: as the server gets it.
        path: as it is written, with the slash before it.
        query: as it is written.
    """

    url: str
    scheme: str
    place: str
    host: str
    port: int | None
    user: str
    path: str
    query: str

    @property
    def tls(self) -> bool:
        """Does the scheme mean TLS?"""
        return self.scheme in TLS_SCHEMES

    @property
    def socket(self) -> str | None:
        """The path of the socket of this machine, None for a host."""
        return unquote(self.path) if self.scheme in SOCKET_SCHEMES else None

    @property
    def name(self) -> str:
        """How people are told of it."""
        return self.place or self.url

    @property
    def database(self) -> str:
        """What it says of a database of Redis, which should be a number: of a socket, the query says it."""
        if self.socket is None:
            return self.path.strip("/")
        query = dict(parse_qsl(self.query))
        return (query.get("virtual_host") or query.get("db") or "").strip("/")

    @property
    def virtual_host(self) -> str:
        """The virtual host of RabbitMQ as kombu reads it: nothing and "/" mean "/"."""
        path = unquote(self.path)
        return path[1:] if len(path) > 1 else "/"


def endpoint_of(url: str) -> Endpoint:
    """Return the server of one URL; raises UserError where its host or its port can be none."""
    try:
        parts = urlsplit(url)
        return Endpoint(
            url,
            parts.scheme.lower(),
            parts.netloc.rpartition("@")[2],
            parts.hostname or "",
            parts.port,
            unquote(parts.username or ""),
            parts.path,
            parts.query,
        )
    except ValueError:  # its text quotes what may be a password
        scheme = url.partition("://")[0]
        raise UserError(
            f"“{shown(url)}” is not a broker URL. Check host and port. Write it like "
            f"{scheme}://user:password@host:port, with special characters percent-encoded, such as %40 for @."
        ) from None


@lru_cache(maxsize=512)
def endpoints_of(url: str) -> tuple[Endpoint, ...]:
    """Return the servers of a URL; the database of sentinels is that of the last. Raises UserError."""
    scheme = url.partition("://")[0].lower()
    parts = [url] if scheme in SENTINEL_SCHEMES else alternative_urls(url)
    return tuple(endpoint_of(one) for part in parts for one in _servers(part))


def _servers(url: str) -> list[str]:
    """The URL itself, or that of each of its sentinels, of which only the first needs a scheme."""
    scheme = url.partition("://")[0].lower()
    if scheme not in SENTINEL_SCHEMES:
        return [url]
    return [part if "://" in part else f"{scheme}://{part}" for part in url.split(";")]
