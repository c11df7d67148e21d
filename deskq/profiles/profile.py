"""The profile of one broker, as a value; its password never shows unless asked for by name."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from deskq import paths
from deskq.errors import UserError

REDIS_SCHEMES: Final = frozenset(
    {"redis", "rediss", "valkey", "valkeys", "sentinel", "redis+socket", "unix", "redis+sentinel"}
)
AMQP_SCHEMES: Final = frozenset({"amqp", "amqps", "pyamqp", "librabbitmq"})
OTHER_SCHEMES: Final = frozenset(
    {
        *(
            "memory",
            "filesystem",
            "sqla",
            "sqlalchemy",
            "sqs",
            "mongodb",
            "zookeeper",
            "consul",
            "etcd",
            "azureservicebus",
        ),
        *("azurestoragequeues", "pyro", "slmq", "qpid", "confluentkafka", "kafka", "gcpubsub", "sqlite", "db+sqlite"),
    }
)
_HISTORY_SCHEME: Final = "history"
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
    """How to reach one broker and what deskq may do there. ``url`` never holds a password.

    ``retention_days`` and ``retention_failed_days`` (tasks that did not succeed): 0 keeps all; ``retention_megabytes``:
    the largest size of the history, 0 for no limit. ``schedule_stores``: URLs beside the broker that beats read.
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
    history: str | None = None
    retention_days: float = _DEFAULT_HISTORY_DAYS
    retention_failed_days: float = _DEFAULT_FAILURE_DAYS
    retention_megabytes: float = 0.0
    schedule_stores: tuple[str, ...] = ()

    @property
    def scheme(self) -> str:
        """The URL's scheme."""
        return self.url.partition("://")[0].lower()

    @property
    def transport(self) -> Literal["redis", "amqp", "other"]:
        """Which module of brokers/ speaks to it."""
        if self.scheme in REDIS_SCHEMES:
            return "redis"
        return "amqp" if self.scheme in AMQP_SCHEMES else "other"

    @property
    def read_only(self) -> bool:
        """True if no verb exists that changes anything."""
        return self.safety is Safety.READ_ONLY

    @property
    def may_inspect_unasked(self) -> bool:
        """Only then does anything of deskq broadcast by itself."""
        return not self.read_only and not self.silent

    def private_texts(self) -> tuple[str, ...]:
        """Return what must not leave this machine in a report: password, user, hosts."""
        parts = urlsplit(self.url.partition(";")[0])
        hosts = [place.rpartition("@")[2] for place in re.findall(r"://([^/?;]+)", f"{self.url};{self.management_url}")]
        names = [host.rpartition(":")[0] if re.search(r":\d+$", host) else host for host in hosts]
        texts = (self.password.reveal(), unquote(parts.username or ""), *names)
        return tuple(text for text in texts if text and text != "localhost")

    @property
    def has_broker(self) -> bool:
        """False for a history file that was opened by itself: nothing can be asked or recorded."""
        return self.scheme != _HISTORY_SCHEME

    def connection_url(self) -> str:
        """Return the URL with the password: for opening connections, never for showing or logging."""
        if not self.password:
            return self.url
        parts = urlsplit(self.url)
        user, _, place = parts.netloc.rpartition("@")
        login = f"{user}:{quote(self.password.reveal(), safe='')}"
        return urlunsplit(parts._replace(netloc=f"{login}@{place}"))

    def history_path(self) -> Path:
        """Return where its history is kept."""
        if self.history:
            return Path(self.history).expanduser()
        slug = re.sub(r"[^\w.-]+", "_", self.name).strip("._") or "history"
        return paths.history_dir() / f"{slug}.sqlite"

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
        scheme, found, rest = text.partition("://")
        scheme = scheme.lower()
        if not found or not scheme:
            raise UserError(f"“{without_password(text)}” is no broker URL. Write one like redis://host:6379/0.")
        known = REDIS_SCHEMES | AMQP_SCHEMES | OTHER_SCHEMES
        if scheme.partition("+")[0] not in known and scheme not in known:
            names = "redis, rediss, valkey, sentinel, amqp or amqps"
            raise UserError(
                f"deskq does not know the scheme “{scheme}”. Use {names}, or another of Celery's transports."
            )
        bare, password = split_password(f"{scheme}://{rest}")
        try:
            parts = urlsplit(bare)
            several = ";" in bare  # sentinel://one:26379;sentinel://two:26379
            place = parts.netloc.partition(";")[0].rpartition("@")[2] if several else parts.hostname or ""
            port = None if several else parts.port
        except ValueError as error:
            raise UserError(f"“{bare}” is no broker URL: {error}.") from None
        if name is None:
            name = place or scheme
            if port:
                name += f":{port}"
            path = "" if several else unquote(parts.path).strip("/")
            if path and (scheme not in REDIS_SCHEMES or path != "0" or "socket" in scheme or scheme == "unix"):
                name += f"/{path}"
        if password and "password" not in given:
            given["password"] = Secret(password)
        return cls(name=name, url=bare, **given)


def split_password(url: str) -> tuple[str, str]:
    """Return the URL without its password, and the password, unquoted."""
    scheme, _, rest = url.partition("://")
    at = rest.rfind("@")
    if at < 0:
        return url, ""
    login, place = rest[:at], rest[at + 1 :]
    user, colon, password = login.partition(":")
    if not colon:
        return url, ""
    return f"{scheme}://{user}@{place}" if user else f"{scheme}://{place}", unquote(password)


def without_password(url: str) -> str:
    """Return the URL as it may be shown."""
    return split_password(url)[0]
