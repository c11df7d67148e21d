"""The one table of a profile's fields: form, tooltips and options of the command line are made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from deskq.profiles.profile import Environment, Profile, Safety
from deskq.profiles.urls import is_store_url

Kind = Literal["url", "text", "optional", "file", "secret", "list", "urls", "steps", "escaped", "number", "switch"]
Tab = Literal["General", "Broker", "TLS", "History", "Stores"]
Fit = Literal["any", "redis", "sentinel", "amqp", "tls"]

TABS: Final[tuple[Tab, ...]] = ("General", "Broker", "TLS", "History", "Stores")
SAFETY_WORDS: Final = {
    Safety.READ_ONLY: "Read-only: deskq changes nothing",
    Safety.ASK: "Ask before every change",
    Safety.ASK_NAME: "Ask, and require typing the profile's name",
    Safety.FREE: "Do not ask",
}
SAFETY_ORDER: Final = (Safety.READ_ONLY, Safety.ASK_NAME, Safety.ASK, Safety.FREE)
"""From the safest to the least safe."""
ENVIRONMENT_WORDS: Final = {each: f"{each.value.capitalize()} ({each.short})" for each in Environment}
TLS_OFF: Final = (
    "The server's certificate is not verified: anyone between this machine and the broker can read and change "
    "everything, including the password."
)
_NOT_FITTING: Final[dict[Fit, str]] = {
    "any": "",
    "redis": "Only for Redis and Valkey: the URL names another kind of broker.",
    "sentinel": "Only for a URL of sentinels, like sentinel://host:26379.",
    "amqp": "Only for RabbitMQ: the URL names another kind of broker.",
    "tls": "Only for a URL with TLS: rediss://, valkeys:// or amqps://.",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``place``: its name in a Profile, or ``redis.x`` or ``tls.x`` for one of its parts.

    ``title`` marks its key with &; ``flag``: the option of the command line, "" for none; a switch has --no-… too.
    ``words``: value -> text, for a field that is a choice of these. ``fits``: the brokers that it is for.
    """

    place: str
    title: str
    tip: str
    tab: Tab
    kind: Kind = "text"
    flag: str = ""
    metavar: str = "TEXT"
    placeholder: str = ""
    fits: Fit = "any"
    words: dict[Environment, str] | dict[Safety, str] | None = None
    repeated: bool = False

    @property
    def name(self) -> str:
        """The title as a word: without & and …"""
        return self.title.replace("&", "")


FIELDS: Final = (
    Field("url", "&URL", "Broker URL; a password in it moves to its own field", "General", "url",
          placeholder="redis://user:password@host:6379/0 or amqp://…"),
    Field("name", "&Name", "Name of the profile, also for the command line", "General"),
    Field("password", "&Password", "Stored separately from the profile, never in its file", "General", "secret"),
    Field("environment", "&Environment", "Purpose of the broker, shown by colour and word wherever something can be "
        "changed",
          "General", flag="--environment", words=ENVIRONMENT_WORDS),
    Field("safety", "Sa&fety", "What deskq may change, and how it asks for confirmation", "General", flag="--safety",
          words=SAFETY_WORDS),
    Field("connect_at_start", "&Connect at start", "Connect and record as soon as the window "
        "opens", "General", "switch",
          "--connect-at-start"),
    Field("silent", "S&ilent: never inspect workers", "deskq broadcasts nothing, so it inspects no workers", "General",
          "switch", "--silent"),
    Field("keep_messages", "&Keep waiting messages", "Lets a retry send the original message; up to 32 MB next to "
        "the history (Redis, Valkey)", "History", "switch", "--keep-messages"),
    Field("watch_queues", "&Watch queues", "Queues to watch in addition to those found", "Broker", "list",
          "--watch-queue", "Q", "celery, emails", repeated=True),
    Field("event_exchange", "&Event exchange", "Celery's event_exchange", "Broker", "text", "--event-exchange", "NAME",
          "celeryev"),
    Field("control_exchange", "&Control exchange", "Celery's control_exchange", "Broker", "text",
          "--control-exchange", "NAME", "celery"),
    Field("redis.global_keyprefix", "Key prefi&x", "global_keyprefix of the workers", "Broker", "text",
          "--global-keyprefix", "PREFIX", "none", "redis"),
    Field("redis.fanout_prefix", "&Fanout prefix", "fanout_prefix of the workers; empty means False", "Broker",
          "text", "--fanout-prefix", "PREFIX", "none", "redis"),
    Field("redis.fanout_patterns", "Fanout &patterns", "fanout_patterns of the workers", "Broker", "switch",
          "--fanout-patterns", fits="redis"),
    Field("redis.priority_steps", "P&riority steps", "priority_steps of the workers", "Broker", "steps",
          "--priority-steps", "N,N", "0, 3, 6, 9", "redis"),
    Field("redis.sep", "Sep&arator", r"sep of the workers, between queue and priority; \x06 stands for a control "
          "character", "Broker", "escaped", "--sep", "TEXT", r"\x06\x16", "redis"),
    Field("redis.unacked_key", "Unac&ked key", "unacked_key of the workers", "Broker", "text", "--unacked-key", "KEY",
          "unacked", "redis"),
    Field("redis.visibility_timeout", "&Visibility timeout", "visibility_timeout of the workers, in seconds", "Broker",
          "number", "--visibility-timeout", "S", "3600", "redis"),
    Field("redis.sentinel_master", "Sentinel &master", "Name of the master at the sentinels (master_name)", "Broker",
          "optional", "--sentinel-master", "NAME", "mymaster", "sentinel"),
    Field("redis.sentinel_user", "Sentinel user", "If the sentinels require their own login (sentinel_kwargs)",
          "Broker", "optional", "--sentinel-user", "NAME", "none", "sentinel"),
    Field("sentinel_password", "Sentinel password", "If the sentinels require their own login (sentinel_kwargs)",
          "Broker", "secret", fits="sentinel"),
    Field("management_url", "Mana&gement API", "URL of RabbitMQ's management API, for queue depths and rates",
          "Broker", "optional", "--management-url", "URL", "http://host:15672 or https://host:15671", "amqp"),
    Field("management_password", "API pass&word", "Password of the user in the API URL; default: the broker's login",
          "Broker", "secret", fits="amqp"),
    Field("tls.ca", "&Authority", "CA certificate file, if the system does not trust the CA", "TLS",
          "file", "--tls-ca", "PATH", "the system's", "tls"),
    Field("tls.certificate", "&Certificate", "Client certificate file, if the server requires one", "TLS",
          "file", "--tls-certificate", "PATH", "none", "tls"),
    Field("tls.key", "&Key", "Key file of the client certificate, unless the key is in the same file", "TLS", "file",
          "--tls-key", "PATH", "in the certificate's file", "tls"),
    Field("tls.verify", "Verify the ser&ver's certificate", "If off, the server's identity is not "
        "verified", "TLS", "switch",
          "--tls-verify", fits="tls"),
    Field("retention_days", "Keep tasks, &days", "Days to keep tasks; 0 keeps all", "History", "number",
          "--retention-days", "N", "30"),
    Field("retention_failed_days", "Keep &failures, days", "Days to keep tasks that did not succeed; 0 keeps "
        "all", "History",
          "number", "--retention-failed-days", "N", "90"),
    Field("retention_megabytes", "Largest size, &MB", "Largest size of the history; 0 for no limit", "History",
          "number", "--retention-megabytes", "N", "0"),
    Field("history", "&History file", "History file", "History", "file", "--history", "PATH",
          "deskq's own folder"),
    Field("result_backend", "&Result backend", "Celery's result_backend, as a URL; a password in it is stored "
        "separately",
          "Stores", "optional", "--result-backend", "URL", "redis://host:6379/1, db+postgresql://user@host/name"),
    Field("result_password", "&Password", "Stored separately from the profile, never in its file", "Stores", "secret"),
    Field("schedule_stores", "&Schedule stores", "Schedule stores, separated by spaces; one of redbeat replaces the "
        "redbeat store on the broker", "Stores", "urls", "--schedule-store", "URL",
          "db+postgresql://user:password@host/name", repeated=True),
)  # fmt: skip
BY_PLACE: Final = {field.place: field for field in FIELDS}


def unfit(field: Field, profile: Profile) -> str:
    """Return why a field means nothing to this profile's broker, "" if it does."""
    fits = {
        "any": True,
        "redis": profile.transport.has_redis_options,
        "sentinel": profile.by_sentinel,
        "amqp": profile.transport.has_management,
        "tls": profile.tls_in_use,
    }
    return "" if fits[field.fits] else _NOT_FITTING[field.fits]


def problems(profile: Profile) -> dict[str, str]:
    """Return what does not go together in a profile: place -> sentence."""
    found: dict[str, str] = {}
    if problem := name_problem(profile.name):
        found["name"] = problem
    if profile.by_sentinel and not profile.redis.sentinel_master:
        found["redis.sentinel_master"] = "A sentinel URL needs the master's name."
    if profile.transport.has_redis_options and not profile.redis.sep:
        found["redis.sep"] = r"The workers' separator cannot be empty; Celery's own is \x06\x16."
    if profile.transport.has_redis_options and profile.redis.visibility_timeout <= 0:
        found["redis.visibility_timeout"] = "The visibility timeout must be more than 0 seconds."
    if profile.tls.key and not profile.tls.certificate:
        found["tls.certificate"] = "Set the certificate that belongs to the key."
    if profile.management_url is not None and not _is_web(profile.management_url):
        found["management_url"] = "The management API's URL must begin with http:// or https:// and name a host."
    elif profile.management_url is not None and profile.tls_in_use and not _is_web(profile.management_url, "https"):
        found["management_url"] = "The broker's URL has TLS, so the management URL must begin with https:// too."
    if profile.result_backend is not None and (problem := result_backend_problem(profile.result_backend)):
        found["result_backend"] = problem
    if not all(is_store_url(url) for url in profile.schedule_stores):
        found["schedule_stores"] = "Enter each schedule store as a URL, code:proj.app or celerybeat-schedule:/path."
    for place in ("event_exchange", "control_exchange"):
        if not getattr(profile, place):
            found[place] = "Enter an exchange name."
    return found


def result_backend_problem(url: str) -> str:
    """Return why this does not say where results are, "" if it does."""
    if "://" in url:
        return ""
    if url.startswith(("django-", "django_celery_results")):
        return (
            f"“{url}” does not name the database: results are in that of the Django project. Enter its URL, like "
            "db+postgresql://user@host/name, or import the project."
        )
    return "Enter the result backend as a URL, like redis://host:6379/1."


def name_problem(name: str) -> str:
    """Return what is wrong with a profile's name, "" if nothing is."""
    if not name.strip() or name != name.strip():
        return "A profile needs a name without spaces around it."
    if not name.isprintable() or "://" in name:
        return "A profile name must be plain text, not a URL."
    return ""


def is_less_safe(before: Profile, after: Profile) -> bool:
    """Is the new level less safe than the old one?"""
    return SAFETY_ORDER.index(after.safety) > SAFETY_ORDER.index(before.safety)


def _is_web(url: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in (schemes or ("http", "https")) and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
