"""The profile of one broker, as a value; its passwords never show unless asked for by name."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from zlib import crc32

from deskq import paths
from deskq.errors import UserError
from deskq.profiles.endpoint import Endpoint, endpoints_of
from deskq.profiles.transport import Transport, transport_of
from deskq.profiles.urls import (
    AMQP_SCHEMES,
    PASSWORD_SEPARATOR,
    REDIS_SCHEMES,
    SENTINEL_SCHEMES,
    TLS_SCHEMES,
    alternative_urls,
    join_password,
    known_scheme,
    password_as_port,
    passwords_of,
    shown,
    split_password,
    take_tls_query,
    unclear_password,
)

_HISTORY_SCHEME: Final = "history"
SECRETS: Final = frozenset(
    {"password", "sentinel_password", "result_password", "management_password", "schedule_passwords"}
)
"""The fields that hold passwords."""
_SECRET_OF: Final = {
    "url": "password",
    "result_backend": "result_password",
    "management_url": "management_password",
    "sentinel": "sentinel_password",
}
_OF_ITS_OWN_URL: Final = ("result_backend", "management_url")
_SHORTEST_HIDDEN: Final = 3
_AMQP_PORTS: Final = {**dict.fromkeys(AMQP_SCHEMES, 5672), "amqps": 5671}
_LONGEST_SLUG: Final = 150
"""Bytes of a history's name: file systems allow 255, and names of files beside it are longer."""
_DEFAULT_HISTORY_DAYS: Final = 30.0
_DEFAULT_FAILURE_DAYS: Final = 90.0


class Environment(StrEnum):
    """What a broker is for; shown by colour and word wherever something can be changed."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"

    @property
    def short(self) -> str:
        """The word in its short form."""
        return {"development": "DEV", "staging": "STG", "production": "PROD"}[self.value]


class Safety(StrEnum):
    """What deskq may change, and how it asks."""

    READ_ONLY = "read-only"
    ASK = "ask"
    ASK_NAME = "ask-name"
    FREE = "free"


class Secret:
    """A password that prints as dots; ``reveal`` is the only way to it."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the password itself: for opening a connection, for nothing else."""
        return self._text

    def texts(self) -> list[str]:
        """Return what is to be hidden in a text: the password of each of several URLs."""
        return [text for text in self._text.split(PASSWORD_SEPARATOR) if text]

    def hidden_in(self, text: str) -> str:
        """Return the text with dots in place of a password; one that is too short would leave nothing readable."""
        for secret in self.texts():
            if len(secret) >= _SHORTEST_HIDDEN:
                text = text.replace(secret, "•••")
        return text

    def __repr__(self) -> str:
        return "Secret(•••)" if self._text else "Secret()"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisOptions:
    """Options that must equal the workers' (kombu/transport/redis.py). ``visibility_timeout``: theirs, in s."""

    global_keyprefix: str = ""
    fanout_prefix: str = "/{db}."
    fanout_patterns: bool = True
    priority_steps: tuple[int, ...] = (0, 3, 6, 9)
    sep: str = "\x06\x16"
    unacked_key: str = "unacked"
    sentinel_master: str | None = None
    sentinel_user: str | None = None
    visibility_timeout: float = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Paths of PEM files, and whether the server's certificate is checked."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    verify: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How to reach one broker and what deskq may do there. None of its URLs holds a password: it is moved out.

    ``retention_days`` and ``retention_failed_days`` (tasks that did not succeed): 0 keeps all; ``retention_megabytes``:
    the largest size of the history, 0 for no limit. ``schedule_stores``: URLs beside the broker that beats read;
    ``schedule_passwords``: such a URL and its password.
    """

    name: str
    url: str
    password: Secret = field(default_factory=Secret)
    result_backend: str | None = None
    environment: Environment = Environment.DEVELOPMENT
    safety: Safety = Safety.ASK
    tls: Tls = field(default_factory=Tls)
    redis: RedisOptions = field(default_factory=RedisOptions)
    management_url: str | None = None
    event_exchange: str = "celeryev"
    control_exchange: str = "celery"
    watch_queues: tuple[str, ...] = ("celery",)
    connect_at_start: bool = True
    silent: bool = False
    keep_messages: bool = True
    history: str | None = None
    retention_days: float = _DEFAULT_HISTORY_DAYS
    retention_failed_days: float = _DEFAULT_FAILURE_DAYS
    retention_megabytes: float = 0.0
    schedule_stores: tuple[str, ...] = ()
    sentinel_password: Secret = field(default_factory=Secret)
    result_password: Secret = field(default_factory=Secret)
    management_password: Secret = field(default_factory=Secret)
    schedule_passwords: tuple[tuple[str, Secret], ...] = ()

    def __post_init__(self) -> None:
        for url in (self.url, self.result_backend or "", self.management_url or "", *self.schedule_stores):
            if unclear := unclear_password(url):
                raise UserError(unclear)
        for url in (self.result_backend or "", *self.schedule_stores):
            if misplaced := password_as_port(url):
                raise UserError(misplaced)
        for place in ("url", *_OF_ITS_OWN_URL):
            bare, password = split_password(getattr(self, place) or "")
            if password:
                object.__setattr__(self, place, bare)
                object.__setattr__(self, _SECRET_OF[place], Secret(password))
        kept = dict(self.schedule_passwords)
        stores = []
        for url in self.schedule_stores:
            bare, password = split_password(url)
            stores.append(bare)
            if password:
                kept[bare] = Secret(password)
        object.__setattr__(self, "schedule_stores", tuple(stores))
        pairs = tuple((url, kept[url]) for url in dict.fromkeys(stores) if kept.get(url))
        object.__setattr__(self, "schedule_passwords", pairs)

    @property
    def scheme(self) -> str:
        """The URL's scheme."""
        return self.url.partition("://")[0].lower()

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The servers that the URL names: several of a list, and of sentinels. Raises UserError."""
        return endpoints_of(self.url)

    @property
    def endpoint(self) -> Endpoint:
        """The first of them."""
        return self.endpoints[0]

    @property
    def transport(self) -> Transport:
        """What kind of broker it is, and what can be done there."""
        return transport_of(self.scheme)

    @property
    def read_only(self) -> bool:
        """True if no verb exists that changes anything."""
        return self.safety is Safety.READ_ONLY

    @property
    def may_inspect_unasked(self) -> bool:
        """Only then does anything of deskq broadcast by itself."""
        return not self.read_only and not self.silent

    def private_texts(self) -> tuple[str, ...]:
        """Return what must not leave this machine in a report: passwords, users and hosts."""
        texts = [text for secret in self.secrets().values() for text in secret.texts()]
        for url in (self.url, self.result_backend or "", self.management_url or "", *self.schedule_stores):
            for place in re.findall(r"://([^/?;]+)", url):
                user, _, host = place.rpartition("@")
                texts += [unquote(user), re.sub(r":\d+$", "", host)]
        return tuple(text for text in texts if text and text != "localhost")

    @property
    def has_broker(self) -> bool:
        """False for a history file that was opened by itself: nothing can be asked or recorded."""
        return self.scheme != _HISTORY_SCHEME

    @property
    def tls_in_use(self) -> bool:
        """True if the URL's scheme means TLS, or that of one of several URLs."""
        return any(url.partition("://")[0].lower() in TLS_SCHEMES for url in alternative_urls(self.url))

    @property
    def by_sentinel(self) -> bool:
        """True if sentinels are asked where the master is."""
        return self.scheme in SENTINEL_SCHEMES

    def alternatives(self) -> list[Profile]:
        """Return the profile of each broker of a list (``amqp://a;amqp://b``), each with its own password.

        Sentinels are one broker: which of them is asked does not matter.
        """
        urls = alternative_urls(self.url)
        if len(urls) == 1 or self.by_sentinel:
            return [self]
        passwords = passwords_of(self.password.reveal(), len(urls))
        return [
            replace(self, url=url, password=Secret(password)) for url, password in zip(urls, passwords, strict=True)
        ]

    def connection_url(self) -> str:
        """Return the URL with the password: for opening connections, never for showing or logging."""
        return join_password(self.url, self.password.reveal())

    def result_backend_url(self) -> str:
        """Return the result backend's URL with its password, "" if none is known; for opening connections only."""
        return join_password(self.result_backend or "", self.result_password.reveal())

    def management_login(self) -> tuple[str, str]:
        """Return user and password of the management URL, ("", "") where the broker's login is meant."""
        user = unquote(urlsplit(self.management_url or "").username or "")
        return user, self.management_password.reveal()

    def schedule_store_urls(self) -> tuple[str, ...]:
        """Return the schedule stores with their passwords: for opening connections only."""
        passwords = dict(self.schedule_passwords)
        return tuple(join_password(url, passwords.get(url, Secret()).reveal()) for url in self.schedule_stores)

    def secrets(self) -> dict[str, Secret]:
        """Return every place that can have a password, and the password there, which may be empty.

        The places, as they follow the profile's name in a PasswordStore: "" is the broker's own, then "sentinel" for
        that of its sentinels, "result_backend", "management_url", and "schedule_stores/URL" for each store.
        """
        found = {"": self.password}
        if self.by_sentinel:
            found["sentinel"] = self.sentinel_password
        for place in _OF_ITS_OWN_URL:
            if "://" in (getattr(self, place) or ""):
                found[place] = getattr(self, _SECRET_OF[place])
        passwords = dict(self.schedule_passwords)
        stores = [url for url in self.schedule_stores if "://" in url]
        return found | {f"schedule_stores/{url}": passwords.get(url, Secret()) for url in stores}

    def url_of(self, place: str) -> str:
        """Return the URL that a password of :meth:`secrets` belongs to, "" if there is none."""
        kind, _, url = place.partition("/")
        if kind == "schedule_stores":
            return url if url in self.schedule_stores else ""
        return self.url if kind == "sentinel" else getattr(self, kind or "url") or ""

    def with_secrets(self, secrets: Mapping[str, Secret]) -> Profile:
        """Return the profile with these passwords, by the places of :meth:`secrets`; others stay."""
        changes: dict[str, Any] = {}
        stores = dict(self.schedule_passwords)
        for place, secret in secrets.items():
            kind, _, url = place.partition("/")
            if kind == "schedule_stores":
                stores[url] = secret
            else:
                changes[_SECRET_OF[kind or "url"]] = secret
        return replace(self, **changes, schedule_passwords=tuple(stores.items()))

    def history_path(self) -> Path:
        """Return where its history is kept."""
        if self.history:
            return paths.written(self.history)
        slug = re.sub(r"[^\w.-]+", "_", self.name).strip("._") or "history"
        if len(os.fsencode(slug)) > _LONGEST_SLUG:
            slug = os.fsencode(slug)[:_LONGEST_SLUG].decode(errors="ignore") + f"-{crc32(self.name.encode()):08x}"
        return paths.history_dir() / f"{slug}.sqlite"

    def shares_history(self, other: Profile) -> bool:
        """Would both write one history, though not both of them name its file?"""
        return not (self.history and other.history) and self.history_path() == other.history_path()

    @classmethod
    def of_history(cls, path: Path) -> Profile:
        """Make a profile that shows a history file and has no broker."""
        return cls(
            name=path.name,
            url=f"{_HISTORY_SCHEME}://{path}",
            history=str(path),
            safety=Safety.READ_ONLY,
            silent=True,
            watch_queues=(),
            retention_days=0,
            retention_failed_days=0,
        )

    @classmethod
    def from_url(cls, url: str, *, name: str | None = None, **given: Any) -> Profile:
        """Make a profile of a URL, whose password becomes the profile's; raises UserError if it is none."""
        text = url.strip()
        urls = alternative_urls(text)
        if len(urls) > 1 and text.partition("://")[0].lower() not in SENTINEL_SCHEMES:
            return cls._of_list(urls, name, given)
        scheme, rest = known_scheme(text)
        if unclear := unclear_password(text):
            raise UserError(unclear)
        bare, password = split_password(f"{scheme}://{rest}")
        bare, tls = take_tls_query(bare)
        if tls and "tls" not in given:
            given["tls"] = Tls(**tls)
        if scheme not in SENTINEL_SCHEMES and ";" in re.split(r"[/?#]", bare.partition("://")[2], maxsplit=1)[0]:
            raise UserError(
                f"“{shown(bare)}” is not a list of brokers. Begin each URL with its scheme, like "
                f"{scheme}://one;{scheme}://two."
            )
        server, *others = endpoints_of(bare)  # sentinel://one:26379;sentinel://two:26379
        if name is None:
            name = server.place or scheme if others else _name_of(server)
        if password and "password" not in given:
            given["password"] = Secret(password)
        return cls(name=name, url=bare, **given)

    @classmethod
    def _of_list(cls, urls: list[str], name: str | None, given: dict[str, Any]) -> Profile:
        """Make a profile of several URLs, each of which must be right by itself."""
        made = [cls.from_url(url) for url in urls]
        if len({one.transport for one in made}) > 1:
            raise UserError("The brokers of a list must use the same protocol. Create a profile for each of them.")
        tls = next((one.tls for one in made if one.tls != Tls()), None)
        if tls is not None and "tls" not in given:
            given["tls"] = tls
        joined = ";".join(one.connection_url() for one in made)  # its passwords are taken out again
        return cls(name=made[0].name if name is None else name, url=joined, **given)


def _name_of(server: Endpoint) -> str:
    """The name of a profile whose URL names this server."""
    name = server.host or server.scheme
    port = server.port or _AMQP_PORTS.get(server.scheme)  # of a Redis at the same host another broker is recorded
    if port:
        name += f":{port}"
    path = unquote(server.path).strip("/")
    default = server.scheme in REDIS_SCHEMES and server.socket is None and path == "0"
    return name if default or not path else f"{name}/{path}"
