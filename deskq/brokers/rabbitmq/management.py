"""RabbitMQ's management API, read only: depths, rates and bindings in one request each."""

from __future__ import annotations

import base64
import http.client
import io
import socket
import ssl
import time
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

import msgspec

from deskq.brokers.ports import BrokerError, ConnectionLost, LoginRefused, Refused, TlsFailed
from deskq.brokers.rabbitmq.connection import login, virtual_host
from deskq.brokers.tls import tls_context, tls_sentence
from deskq.profiles import Profile

ANSWER_SECONDS: Final = 5.0
PORT: Final = 15672
TLS_PORT: Final = 15671
_KNOWN_TO_ALL: Final = ("guest", "guest")
"""The login that every RabbitMQ begins with: no secret, and accepted only from its own machine."""
_UNHEALTHY: Final = 503
_MOST_BYTES: Final = 16 * 1024 * 1024
_MOST_VALUES, _MOST_OBJECTS = 1_000_000, 400_000
"""Of one answer: they may take many times the room of the bytes that they came as."""
_QUEUE_COLUMNS: Final = (
    "name,type,messages_ready,messages_unacknowledged,consumers,"
    "message_stats.publish_details.rate,message_stats.deliver_get_details.rate"
)


NO_FIGURES: Final = (
    "The server's settings turn its metrics off (management_agent.disable_metrics_collector, or "
    "deprecated_features.permit.management_metrics_collection)."
)
NO_RATES: Final = "The server's settings turn rates off (management.rates_mode = none)."


class _NoRedirect(HTTPRedirectHandler):
    """A redirect would carry the login to another host: it is an error instead."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


class _DueAnswer(io.RawIOBase):
    """Bytes of one answer, all of which must have come by a deadline: drop by drop does not make it later."""

    def __init__(self, raw: io.RawIOBase, connection: socket.socket) -> None:
        self._raw = raw
        self._connection = connection
        self._deadline = time.monotonic() + ANSWER_SECONDS

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer is not complete")
        self._connection.settimeout(left)
        read: int | None = self._raw.readinto(buffer)
        return read

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_DueAnswer(raw, sock))


class _Connection(http.client.HTTPConnection):
    response_class = _Response


class _TlsConnection(http.client.HTTPSConnection):
    response_class = _Response


class _Http(HTTPHandler):
    def http_open(self, request: Request) -> Any:
        return self.do_open(_Connection, request)


class _Https(HTTPSHandler):
    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._given = context

    def https_open(self, request: Request) -> Any:
        return self.do_open(_TlsConnection, request, context=self._given)


class Management:
    """The API of one profile's server. Blocking, with a deadline; raises BrokerError, also where it would have to
    send a login to where that does not belong.

    ``clock_difference``: by how many seconds its clock was ahead of ours at its last answer, None if it did not tell.
    """

    def __init__(self, profile: Profile) -> None:
        own = profile.management_login()
        used = own if own[0] else login(profile)
        self.url = _url_for(profile, used)
        self._host = quote(virtual_host(profile), safe="")
        token = base64.b64encode(":".join(used).encode()).decode()
        self._headers = {"Authorization": f"Basic {token}", "Accept": "application/json", "User-Agent": "deskq"}
        tls = [_Https(tls_context(profile))] if self.url.startswith("https:") else []
        self.clock_difference: float | None = None
        self._opener = build_opener(ProxyHandler({}), _Http(), *tls, _NoRedirect())

    def queues(self) -> list[dict[str, Any]]:
        """Return every queue of the virtual host."""
        rows = self._rows(f"/api/queues/{self._host}?disable_stats=false&columns={_QUEUE_COLUMNS}")
        if not all(isinstance(row.get("name"), str) for row in rows):
            raise self._unlike()
        return rows

    def bindings(self) -> list[dict[str, Any]]:
        """Return every binding of the virtual host."""
        return self._rows(f"/api/bindings/{self._host}")

    def exchange_kinds(self) -> dict[str, str]:
        """Return the types of the exchanges of the virtual host, by name."""
        found = self._get(f"/api/exchanges/{self._host}?columns=name,type")
        exchanges = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
        return {str(one.get("name", "")): str(one.get("type", "")) for one in exchanges}

    def unmeasured(self) -> str:
        """Return why queues have no figures here, or no rates; "" if they have both."""
        told = self._get("/api/overview?columns=disable_stats,rates_mode")
        facts = told if isinstance(told, dict) else {}
        if facts.get("disable_stats"):
            return NO_FIGURES
        return NO_RATES if facts.get("rates_mode") == "none" else ""

    def cluster_id(self) -> str:
        """Return the number that the cluster drew as it began, "" where it has none (before RabbitMQ 3.7)."""
        found = self._rows("/api/global-parameters")
        return next((str(row.get("value", "")) for row in found if row.get("name") == "internal_cluster_id"), "")

    def deprecated_features(self) -> list[dict[str, Any]]:
        """Return what RabbitMQ from 3.13 on will no longer allow: ``name`` and ``deprecation_phase`` of each."""
        return self._rows("/api/deprecated-features")

    def alarms(self) -> list[tuple[str, str]]:
        """Return (resource, node) of each alarm that is set in the cluster (RabbitMQ 3.8.10 and later).

        ``/api/nodes`` tells of them, too, but seconds later, and only to users with the tag “monitoring”.
        """
        found = self._get("/api/health/checks/alarms", also=_UNHEALTHY)
        alarms = found.get("alarms") if isinstance(found, dict) else None
        told = [alarm for alarm in alarms if isinstance(alarm, dict)] if isinstance(alarms, list) else []
        return [(str(alarm.get("resource", "")), str(alarm.get("node", ""))) for alarm in told]

    def _rows(self, path: str) -> list[dict[str, Any]]:
        found = self._get(path)
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise self._unlike()
        return found

    def _unlike(self) -> BrokerError:
        return BrokerError(f"{self.url} is not a management API. Check its URL in the profile.")

    def _get(self, path: str, *, also: int = 200) -> Any:
        """``also``: another status that comes with an answer."""
        request = Request(self.url.rstrip("/") + path, headers=self._headers)
        try:
            with self._open(request, also) as answer:
                self.clock_difference = _ahead(answer.headers.get("Date"))
                return self._decoded(answer.read(_MOST_BYTES + 1))
        except HTTPError as error:
            error.close()
            if error.code in (401, 403):
                raise LoginRefused(
                    "RabbitMQ's management API refused the login. Give the user the tag “management”."
                ) from None
            raise BrokerError(
                f"RabbitMQ's management API answered {error.code}. Check its URL in the profile."
            ) from None
        except (URLError, OSError, ValueError, RecursionError, http.client.HTTPException) as error:
            raise self._sentence(error) from None

    def _decoded(self, raw: bytes) -> Any:
        if (
            len(raw) > _MOST_BYTES
            or raw.count(b",") > _MOST_VALUES
            or raw.count(b"{") + raw.count(b"[") > _MOST_OBJECTS
        ):
            raise BrokerError(
                f"The reply of the management API at {self.url} exceeds the {_MOST_BYTES >> 20} MB that deskq reads."
            )
        return msgspec.json.decode(raw)

    def _open(self, request: Request, also: int) -> Any:
        try:
            return self._opener.open(request, timeout=ANSWER_SECONDS)
        except HTTPError as error:
            if error.code != also:
                raise
            return error

    def _sentence(self, error: Exception) -> BrokerError:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, ssl.SSLError):
            return TlsFailed(tls_sentence(str(reason), self.url, plain="http"))
        if isinstance(reason, TimeoutError):
            seconds = f"{ANSWER_SECONDS:.0f} s"
            return ConnectionLost(
                f"RabbitMQ's management API at {self.url} did not respond within {seconds}. Check the broker's load."
            )
        if isinstance(error, ValueError | RecursionError | http.client.HTTPException):
            return self._unlike()
        return Refused(f"No management API at {self.url}. Enable the plugin rabbitmq_management or set its URL.")


def _url_for(profile: Profile, used: tuple[str, str]) -> str:
    """Return where the API is, without a login; raises BrokerError where ``used`` (user, password) must not go there.

    A port that the profile does not name may be anybody's, as at the near end of a tunnel: only one whose certificate
    proves that it is the broker's host is given a login there, or one that everybody knows.
    """
    named = urlsplit(profile.management_url or "")
    if named.geturl():
        if profile.tls_in_use and named.scheme.lower() != "https":
            raise BrokerError(
                f"The management API of “{profile.name}” is not read: the broker's URL has TLS, but the API's URL "
                "would send the login in plain text. Set a management URL that begins with https://."
            )
        path = named.path.rstrip("/").removesuffix("/api")  # Flower and Celery's documentation write it with that
        return named._replace(scheme=named.scheme.lower(), netloc=named.netloc.rpartition("@")[2], path=path).geturl()
    host = profile.endpoint.host or "127.0.0.1"
    place = f"[{host}]" if ":" in host else host
    if profile.tls_in_use and profile.tls.verify:
        return f"https://{place}:{TLS_PORT}"
    scheme, port = ("https", TLS_PORT) if profile.tls_in_use else ("http", PORT)
    if profile.tls_in_use or used != _KNOWN_TO_ALL:
        raise BrokerError(
            f"The management API of “{profile.name}” is not read: the profile does not name its URL, and deskq does "
            f"not send the login to a guessed port. Set the management URL, like {scheme}://{place}:{port}."
        )
    return f"{scheme}://{place}:{port}"


def _ahead(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date or "").timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
