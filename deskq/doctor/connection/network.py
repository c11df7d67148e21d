"""The way to a broker below its protocol: names, sockets, TLS. Every wait has a deadline."""

from __future__ import annotations

import hashlib
import queue
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

from deskq.brokers.ports import BrokerError, ConnectionLost, Refused, TlsFailed
from deskq.brokers.rabbitmq.connection import mapped_error as rabbitmq_sentence
from deskq.brokers.redis.connection import mapped_error as redis_sentence
from deskq.profiles import Profile, Tls
from deskq.profiles.transport import OTHER, REDIS

RESOLVE_SECONDS: Final = 5.0
CONNECT_SECONDS: Final = 5.0
PORTS: Final = {"amqps": 5671, "amqp": 5672, "pyamqp": 5672, "librabbitmq": 5672, "sentinel": 26379}


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a broker listens: a host and a port, or the path of a socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        return self.path or (f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}")


@dataclass(frozen=True, slots=True)
class Handshake:
    """What TLS agreed on, and the certificate as ``getpeercert`` tells it: empty where nobody checks it."""

    protocol: str
    certificate: dict[str, Any]
    fingerprint: str


def places(profile: Profile) -> list[ServerAddress]:
    """Return where the profile's broker, or each of its sentinels, listens; none if its URL names no place."""
    if (path := profile.endpoint.socket) is not None:
        return [ServerAddress(path=path)]
    default = PORTS.get(profile.scheme.rpartition("+")[2], 6379 if profile.transport is REDIS else 0)
    here = "" if profile.transport is OTHER else "127.0.0.1"
    return [
        ServerAddress(host, server.port or default) for server in profile.endpoints if (host := server.host or here)
    ]


def resolve(place: ServerAddress) -> list[str]:
    """Return the addresses of a host; the system's resolver has no deadline, so it is left behind in its thread."""
    answers: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(place.host, place.port or None, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except (OSError, UnicodeError) as error:
            answers.put(error if isinstance(error, OSError) else OSError(str(error)))

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=RESOLVE_SECONDS)
    except queue.Empty:
        raise Refused(
            f"Resolving “{place.host}” took more than {RESOLVE_SECONDS:.0f} s. Check your network and DNS."
        ) from None
    if isinstance(answer, OSError):
        raise Refused(
            f"Unknown host “{place.host}”. Check the spelling and your network.", details=str(answer)
        ) from None
    return answer


def connect(place: ServerAddress, profile: Profile, seconds: float = CONNECT_SECONDS) -> socket.socket:
    """Return a connected socket, which the caller closes; raises BrokerError."""
    try:
        if place.path:
            opened = socket.socket(socket.AF_UNIX)
            opened.settimeout(seconds)
            try:
                opened.connect(place.path)
            except OSError:
                opened.close()
                raise
            return opened
        return _connect_tcp(place, time.monotonic() + seconds)
    except TimeoutError:
        raise ConnectionLost(
            f"{place} did not accept a connection within {seconds:.0f} s. Check the port and the firewalls in between."
        ) from None
    except OSError as error:
        raise sentence(error, profile) from None


def _connect_tcp(place: ServerAddress, deadline: float) -> socket.socket:
    """Try every address of the host, all of them together until the deadline."""
    problem: OSError = OSError("no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM):
        opened = socket.socket(family, kind, protocol)
        opened.settimeout(max(0.1, deadline - time.monotonic()))
        try:
            opened.connect(address)
        except OSError as error:
            opened.close()
            problem = error
        else:
            return opened
    raise problem


def handshake(place: ServerAddress, tls: Tls, profile: Profile, *, verify: bool) -> Handshake:
    """Agree on TLS as deskq's own connections do; raises BrokerError."""
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        if tls.certificate:
            context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(path for path in (tls.ca, tls.certificate, tls.key) if path)
        raise TlsFailed(f"Cannot read the TLS files: {error}. Check {files} in the profile.") from None
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    plain = connect(place, profile)
    try:
        with context.wrap_socket(plain, server_hostname=place.host) as secured:
            raw = secured.getpeercert(binary_form=True) or b""
            digest = hashlib.sha256(raw).hexdigest()
            return Handshake(secured.version() or "TLS", dict(secured.getpeercert() or {}), digest)
    except TimeoutError:
        raise TlsFailed(
            f"{place} does not respond to TLS; this port may not use it. Check the port and the URL scheme."
        ) from None
    except (ssl.SSLError, OSError) as error:
        if isinstance(error, ssl.SSLError):
            raise sentence(error, profile) from None
        raise TlsFailed(
            f"{place} closed the connection during the TLS handshake. Check the port and the URL scheme.",
            details=str(error),
        ) from None
    finally:
        plain.close()


def sentence(error: Exception, profile: Profile) -> BrokerError:
    """Return the sentence that deskq's own connections make of a failure."""
    if profile.transport is REDIS:
        return redis_sentence(error, profile)
    return rabbitmq_sentence(error, profile)


def certificate_name(name: object) -> str:
    """Return the most telling part of a subject or issuer, which ssl tells as tuples of tuples of pairs."""
    pairs: dict[str, str] = {}
    if isinstance(name, tuple):
        for group in name:
            pairs.update({str(key): str(value) for key, value in group})
    for key in ("commonName", "organizationName", "organizationalUnitName"):
        if key in pairs:
            return pairs[key]
    return "nobody"


def days_left(certificate: dict[str, Any], now: float) -> int | None:
    """Return the whole days until the certificate expires, None if it does not say."""
    end = certificate.get("notAfter")
    return int((ssl.cert_time_to_seconds(end) - now) // 86_400) if isinstance(end, str) else None
