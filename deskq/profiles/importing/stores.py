"""Which schedule stores a project's settings mean: django-celery-beat's tables, redbeat's keys, or the code itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any, Final
from urllib.parse import quote, urlencode

from deskq.profiles.importing.django_database import database_url
from deskq.profiles.importing.fates import Fates
from deskq.profiles.importing.reader_process import scrubbed
from deskq.profiles.urls import REDIS_SCHEMES, SENTINEL_SCHEMES, alternative_urls, server_of

_SAFE: Final = "/,:{}"
_DJANGO: Final = "django_celery_beat"
_REDBEAT: Final = "redbeat"
_DEFAULT_PREFIX: Final = "redbeat:"
_OPTIONS: Final = "redbeat_redis_options"
_TAKEN_OPTIONS: Final = frozenset(
    {"sentinels", "service_name", "password", "username", "db", "cluster", "startup_nodes"}
)
_IDLE_OPTIONS: Final = frozenset(
    {
        *("retry_period", "socket_timeout", "socket_connect_timeout", "socket_keepalive", "retry_on_timeout"),
        *("health_check_interval", "max_connections", "decode_responses", "socket_keepalive_options", "client_name"),
    }
)


@dataclass(frozen=True, slots=True)
class Source:
    """From where settings were read. ``app``: as ``celery -A`` takes it, "" for a Django settings module alone."""

    folder: Path
    app: str = ""
    python: str = ""


def schedule_stores(settings: Mapping[str, Any], source: Source, broker: str, fates: Fates) -> tuple[str, ...]:
    """Return the stores' URLs. ``broker``: its URL with the password, as the profile has it."""
    django = settings.get("django") or {}
    given = settings.get("given") or []
    scheduler = (settings.get("scheduler") or {}) if "beat_scheduler" in given else {}  # else Celery's default
    packages = str(scheduler.get("packages", "")).split()
    redbeat = any(str(key).startswith(_REDBEAT) for key in given)
    unsure = not packages
    if _DJANGO in packages or (unsure and django.get("beat") and not redbeat):
        found = _of_django(settings, source, fates)
    elif _REDBEAT in packages or (unsure and redbeat):
        found = _of_redbeat(settings, source, broker, fates)
    elif packages and "celery" not in packages:
        why = "" if scheduler.get("imported") else ": it cannot be imported here"
        fates.lost("beat_scheduler", f"deskq does not know where {scheduler.get('name')} keeps its schedule{why}")
        found = ""
    else:
        if packages and packages[0] != "celery":
            fates.lost("beat_scheduler", f"{scheduler.get('name')} may add schedules to those of the app's code")
        return _of_code(settings, source, fates)
    fates.not_needed("beat_schedule", "beat writes it into the store when it starts")
    return (found,) if found else ()


def _of_django(settings: Mapping[str, Any], source: Source, fates: Fates) -> str:
    django = settings.get("django")
    if not django:
        fates.lost(
            "beat_scheduler",
            "django-celery-beat keeps the schedule in Django's database, which this app does not name: import the "
            "project's Django settings",
        )
        return ""
    url = database_of(settings, "schedules", source, fates)
    if url is None:
        fates.lost("beat_scheduler", "deskq cannot reach the database of django-celery-beat: add the store yourself")
        return ""
    for name in ("beat_scheduler", "INSTALLED_APPS"):
        fates.taken(name, "the schedule store of django-celery-beat")
    zone = str(settings.get("zone") or "")
    if django.get("USE_TZ") is False and not url.startswith("db+postgresql") and zone != "UTC":
        fates.lost("USE_TZ", f"deskq reads the times in this database as UTC, and the project writes them in {zone}")
    if not zone:
        fates.lost("enable_utc", "the zone of the machine where beat runs is unknown")
        return url
    fates.taken(_zone_name(settings), f"{zone}, in the schedule store")
    return f"{url}{'&' if '?' in url else '?'}deskq_zone={quote(zone, safe=_SAFE)}"


def _zone_name(settings: Mapping[str, Any]) -> str:
    """Celery's setting, or Django's, which Celery takes where its own is missing."""
    return "TIME_ZONE" if settings.get("django") and "timezone" not in settings.get("given", []) else "timezone"


def database_of(settings: Mapping[str, Any], purpose: str, source: Source, fates: Fates) -> str | None:
    """Return the URL of Django's database for ``schedules`` or ``results``."""
    django = settings.get("django") or {}
    given = django.get(purpose)
    if not isinstance(given, dict):
        return None
    if why := django.get("unrouted"):
        reason = shorten(scrubbed(str(why)), 160, placeholder=" …")
        fates.lost("DATABASE_ROUTERS", f"they could not be asked ({reason}), so no database is used")
        return None
    if django.get("DATABASE_ROUTERS"):
        fates.taken("DATABASE_ROUTERS", f"they name the database “{given.get('alias')}”")
    for name in settings.get("environment") or {}:
        if given.get("vendor") == "postgresql":
            fates.lost(name, "the project sets it for its own processes, so its database is left out")
            return None
    return database_url({**given, "schema": django.get("PUBLIC_SCHEMA_NAME")}, source.folder, fates)


def _of_redbeat(settings: Mapping[str, Any], source: Source, broker: str, fates: Fates) -> str:
    redbeat = settings.get("redbeat") or {}
    options = redbeat.get(_OPTIONS) or {}
    own = str(redbeat.get("redbeat_redis_url") or "")
    url = own or broker
    query: dict[str, str] = {}
    scheme = url.partition("://")[0].lower()
    if scheme == "redis-sentinel":
        places = _sentinels(options or settings.get("options") or {}, url, query)
        if not places:
            fates.lost("redbeat_redis_url", "redbeat_redis_options names no sentinels")
            return ""
        url = places
    elif scheme == "redis-cluster" or options.get("cluster"):
        nodes = options.get("startup_nodes") if scheme == "redis-cluster" else None
        url = _cluster(nodes, options) if nodes else url
        query["cluster"] = "true"
    elif scheme not in REDIS_SCHEMES:
        fates.lost("beat_scheduler", "redbeat keeps its schedule in Redis or Valkey, and no URL of one is set for it")
        return ""
    elif options.get("password") or options.get("username"):
        url = _with_login(url, options)
    if scheme in SENTINEL_SCHEMES and (settings.get("options") or {}).get("master_name"):
        query["master"] = str(settings["options"]["master_name"])
    if own and scheme == "rediss" and server_of(own) != server_of(broker):
        query |= _tls_query(redbeat.get("tls") or settings.get("tls") or {}, source)
    _say_redbeat(redbeat, options, fates)
    prefix = str(redbeat.get("redbeat_key_prefix") or _DEFAULT_PREFIX)
    if prefix != _DEFAULT_PREFIX:
        query["prefix"] = prefix
    fates.taken("beat_scheduler", "the schedule store of redbeat")
    if zone := settings.get("zone"):
        query["zone"] = str(zone)
        fates.taken(_zone_name(settings), f"{zone}, in the schedule store")
    else:
        fates.lost("enable_utc", "the zone of the machine where beat runs is unknown")
    asked = urlencode(query, safe=_SAFE)
    *others, last = alternative_urls(url)
    last += f"{'&' if '?' in last else '?'}{asked}" if asked else ""
    return "redbeat:" + ";".join([*others, last])


def _say_redbeat(redbeat: Mapping[str, Any], options: Mapping[str, Any], fates: Fates) -> None:
    for name in ("redbeat_redis_url", "redbeat_key_prefix", "redbeat_redis_use_ssl"):
        fates.taken(name, "the schedule store")
    if redbeat.get("redbeat_lock_key"):
        fates.lost("redbeat_lock_key", "deskq looks for redbeat's own lock: it cannot tell whether a beat runs")
    fates.not_needed("redbeat_lock_key")
    for key in options:
        place = f"{_OPTIONS}.{key}"
        if key in _TAKEN_OPTIONS:
            fates.taken(place, "the schedule store")
        elif key in _IDLE_OPTIONS:
            fates.not_needed(place)
        else:
            fates.lost(place, "a schedule store has no such option")


def _sentinels(options: Mapping[str, Any], url: str, query: dict[str, str]) -> str:
    query["master"] = str(options.get("service_name") or "master")
    places = [place for place in options.get("sentinels") or [] if isinstance(place, list) and len(place) == 2]
    login = _login(options)
    urls = [f"sentinel://{login}{host}:{port}" for host, port in places]
    return ";".join(urls) + f"/{options.get('db') or 0}" if urls else ""


def _cluster(nodes: Any, options: Mapping[str, Any]) -> str:
    places = [f"{node.get('host')}:{node.get('port')}" for node in nodes if isinstance(node, dict)]
    return f"redis-cluster://{_login(options)}" + ";".join(places)


def _with_login(url: str, options: Mapping[str, Any]) -> str:
    head, _, rest = url.partition("://")
    return f"{head}://{_login(options)}{rest.rpartition('@')[2]}"


def _login(options: Mapping[str, Any]) -> str:
    user, password = (quote(str(options.get(key) or ""), safe="") for key in ("username", "password"))
    return f"{user}{f':{password}' if password else ''}@" if user or password else ""


def _tls_query(tls: Mapping[str, Any], source: Source) -> dict[str, str]:
    found = {
        f"ssl_{key}": str(source.folder / str(tls[key])) for key in ("ca_certs", "certfile", "keyfile") if tls.get(key)
    }
    if "cert_reqs" in tls and tls["cert_reqs"] in (None, "none"):
        found["ssl_cert_reqs"] = "none"
    return found


def _of_code(settings: Mapping[str, Any], source: Source, fates: Fates) -> tuple[str, ...]:
    fates.not_needed("beat_schedule_filename", "the schedule is read from the code")
    if not settings.get("beat_entries"):
        return ()
    if not source.app:
        fates.lost("beat_schedule", "an app reads it: import the Celery app, as celery -A takes it")
        return ()
    fates.taken("beat_schedule", "a schedule store that imports the app")
    fates.taken(_zone_name(settings), "the schedule store asks the app")
    given = {"path": str(source.folder), "python": source.python}
    return (f"code:{source.app}?" + urlencode({k: v for k, v in given.items() if v}, safe="/:", quote_via=quote),)
