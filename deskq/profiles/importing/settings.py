"""What a profile takes of a project's settings, and a word about each setting that the project makes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from deskq.profiles.importing.fates import Fates
from deskq.profiles.importing.stores import Source, database_of, schedule_stores
from deskq.profiles.profile import Profile, RedisOptions, Secret, Tls
from deskq.profiles.transport import REDIS
from deskq.profiles.urls import REDIS_SCHEMES, alternative_urls, server_of
from deskq.protocol.numbers import is_number

_TLS_OF: Final = {"redis": "rediss", "valkey": "valkeys", "amqp": "amqps", "pyamqp": "amqps"}
_URL_KEYS: Final = ("broker_url", "broker_read_url", "broker_write_url")
_PARTS: Final = ("broker_host", "broker_port", "broker_user", "broker_password", "broker_vhost", "broker_transport")
_READABLE: Final = REDIS_SCHEMES | {"db", "database", "file", "filesystem"}
_TEXTS: Final = ("global_keyprefix", "fanout_prefix", "sep", "unacked_key")
_TAKEN_TLS: Final = {"ca_certs": "ca", "certfile": "certificate", "keyfile": "key"}
_IDLE_TLS: Final = frozenset({"cert_reqs", "dict", "version", "ssl_version", "ciphers", "server_hostname"})
# What a worker's own connection needs, and nobody who looks on.
_IDLE_OPTIONS: Final = frozenset(
    {
        *("queue_order_strategy", "socket_timeout", "socket_connect_timeout", "socket_keepalive", "max_retries"),
        *("socket_keepalive_options", "retry_on_timeout", "health_check_interval", "max_connections", "client_name"),
        *("interval_start", "interval_step", "interval_max", "retry_policy", "polling_interval", "confirm_publish"),
        *("read_timeout", "write_timeout", "connect_timeout", "heartbeat", "client_properties", "errback", "timeout"),
        *("min_priority", "retry_errors", "service_name", "connect_retries_timeout"),
    }
)

_LOGIN = ("username", "password")


def profile_of(settings: Mapping[str, Any], source: Source, name: str, fates: Fates, notes: list[str]) -> Profile:
    """Return the profile; raises UserError where the broker's URL is not one."""
    url = _from(source.folder, _broker_url(settings, fates, notes))
    profile = Profile.from_url(url, name=name)
    changes: dict[str, Any] = {}
    for key in ("event_exchange", "control_exchange"):
        if isinstance(settings.get(key), str) and settings[key]:
            changes[key] = settings[key]
            fates.taken(key)
    _say_queues(settings, fates)
    queues = [settings.get("task_default_queue") or "celery", *settings.get("queues", [])]
    changes["watch_queues"] = tuple(dict.fromkeys(queue for queue in queues if isinstance(queue, str)))
    changes["redis"] = _transport_options(settings, profile, fates, notes)
    if password := _sentinel_login(settings).get("password"):
        changes["sentinel_password"] = Secret(password)
    if isinstance(settings.get("tls"), dict) and profile.tls_in_use:
        changes["tls"] = _tls(settings["tls"], profile, source, fates)
    profile = replace(profile, **changes)
    backend = _result_backend(settings, profile, source, fates, notes)
    profile = replace(profile, result_backend=backend) if backend else profile
    stores = schedule_stores(settings, source, profile.connection_url(), fates)
    _say_what_is_off(settings, notes)
    for key in settings.get("given") or []:
        fates.not_needed(str(key))
    return replace(profile, schedule_stores=stores)


def broker_is_set(settings: Mapping[str, Any]) -> bool:
    """Does the project name a broker at all?"""
    return any(settings.get(key) for key in (*_URL_KEYS, "broker_host"))


def _broker_url(settings: Mapping[str, Any], fates: Fates, notes: list[str]) -> str:
    found = next((settings[key] for key in (*_URL_KEYS, "broker_host") if settings.get(key)), None)
    for key in ("broker_read_url", "broker_write_url"):
        if settings.get(key) and settings[key] != found:
            fates.lost(key, "a profile has one broker: add another profile for it")
    for key in _URL_KEYS:
        fates.taken(key) if settings.get(key) else None
    if found is None:
        notes.append("No broker is set: this is Celery's default.")
        return "amqp://guest:guest@localhost:5672//"
    urls = found if isinstance(found, list) else [found]
    text = ";".join(str(url) for url in urls)
    if "://" not in text:
        text = _of_parts(text, settings, fates)
    tls = settings.get("tls")
    if not isinstance(tls, dict):
        return text
    each = alternative_urls(text)
    if not tls.get("dict") and all(url.partition("://")[0] in REDIS_SCHEMES for url in each):
        # kombu takes a table for Redis and leaves anything else without a word.
        fates.not_needed("broker_use_ssl", "for Redis it must be a table: Celery connects as the URL says")
        return text
    fates.taken("broker_use_ssl")
    return ";".join(_secured(url) for url in each)


def _of_parts(text: str, settings: Mapping[str, Any], fates: Fates) -> str:
    """The URL of a host, or of the name of a transport, and of the settings that stand beside it."""
    given = {key: str(settings[key]) for key in _PARTS if settings.get(key) not in (None, "")}
    for key in given:
        fates.taken(key, "the URL")
    scheme, host = given.get("broker_transport", "amqp"), text
    if text in _TLS_OF or text in REDIS_SCHEMES:  # kombu takes the name of a transport for a URL
        scheme, host = text, given.get("broker_host", "localhost")
    user, password = (quote(given.get(f"broker_{part}", ""), safe="") for part in ("user", "password"))
    login = f"{user}{f':{password}' if password else ''}@" if user or password else ""
    port = f":{given['broker_port']}" if "broker_port" in given else ""
    path = quote(given["broker_vhost"], safe="") if "broker_vhost" in given else ""
    return f"{scheme}://{login}{host}{port}" + (f"/{path}" if path else "")


def _secured(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{_TLS_OF.get(scheme, scheme)}://{rest}"


def _from(folder: Path, url: str) -> str:
    """The URL, and the path of a SQLite file made absolute: workers start in the project's folder, deskq elsewhere."""
    return re.sub(r"sqlite:///(?=[^/:?])", lambda _: f"sqlite:///{quote(str(folder), safe='/')}/", url)


def _tls(given: Mapping[str, Any], profile: Profile, source: Source, fates: Fates) -> Tls:
    named = {ours: given[key] for key, ours in _TAKEN_TLS.items() if isinstance(given.get(key), str)}
    files = {ours: str(source.folder / path) for ours, path in named.items()}
    wanted = given.get("cert_reqs", "required")
    # Named with None, redis-py checks nothing; py-amqp then does what it does where the key is missing: it checks.
    off = wanted == "none" or (wanted is None and profile.transport is REDIS)
    for key, value in given.items():
        place = f"broker_use_ssl.{key}"
        if key in _TAKEN_TLS:
            fates.taken(place)
        elif key == "check_hostname":
            if value is False and not off:
                fates.lost(place, "deskq checks the host's name whenever it checks the certificate")
            fates.not_needed(place)
        elif key not in _IDLE_TLS:
            fates.lost(place, "a profile has no such option")
    return Tls(**files, verify=not off)


def _say_queues(settings: Mapping[str, Any], fates: Fates) -> None:
    for key in ("task_default_queue", "task_queues"):
        fates.taken(key, "the queues to watch") if key in settings.get("given", []) else None
    if settings.get("routes_are_code"):
        fates.lost("task_routes", "they are code: add queues that no worker reports yourself")
    elif "task_routes" in settings.get("given", []):
        fates.taken("task_routes", "the queues to watch")
    if settings.get("broker_login_method") == "EXTERNAL":
        fates.lost("broker_login_method", "deskq logs in with a name and a password")


def _transport_options(settings: Mapping[str, Any], profile: Profile, fates: Fates, notes: list[str]) -> RedisOptions:
    given = settings.get("options")
    found: dict[str, Any] = {}
    options: Mapping[str, Any] = given if isinstance(given, dict) else {}
    if profile.transport.has_redis_options:
        found = _redis_options(options, profile)
    for key in options:
        place = f"broker_transport_options.{key}"
        if key in found or (key == "master_name" and "sentinel_master" in found):
            fates.taken(place)
        elif key == "sentinel_kwargs" and profile.by_sentinel:
            _say_sentinel_options(options[key], place, fates)
        elif key in _IDLE_OPTIONS:
            fates.not_needed(place)
        elif key in ("master_name", "sentinel_kwargs"):
            fates.not_needed(place, "the URL names no sentinels")
        elif profile.transport.options_in_query:
            fates.lost(place, f"deskq gives no options to the transport {profile.scheme}")
        else:
            fates.lost(place, "a profile has no such option")
    fates.taken("broker_transport_options", "each by itself")
    if found.get("fanout_patterns") is False or found.get("fanout_prefix") == "":
        notes.append("No fanout prefix or patterns: all virtual hosts share their events.")
    return RedisOptions(**found)


def _redis_options(given: Mapping[str, Any], profile: Profile) -> dict[str, Any]:
    found: dict[str, Any] = {key: given[key] for key in _TEXTS if isinstance(given.get(key), str)}
    if isinstance(given.get("fanout_prefix"), bool):
        found["fanout_prefix"] = RedisOptions().fanout_prefix if given["fanout_prefix"] else ""
    if isinstance(given.get("fanout_patterns"), bool):
        found["fanout_patterns"] = given["fanout_patterns"]
    steps = given.get("priority_steps")
    if isinstance(steps, list) and steps and all(type(step) is int for step in steps):
        found["priority_steps"] = tuple(steps)
    timeout = given.get("visibility_timeout")
    if is_number(timeout) and timeout > 0:
        found["visibility_timeout"] = timeout
    if isinstance(given.get("master_name"), str) and profile.by_sentinel:
        found["sentinel_master"] = given["master_name"]
    if profile.by_sentinel and (user := _sentinel_login({"options": given}).get("username")):
        found["sentinel_user"] = user
    return found


def _sentinel_login(settings: Mapping[str, Any]) -> dict[str, str]:
    options = settings.get("options")
    given = options.get("sentinel_kwargs") if isinstance(options, dict) else None
    login = {key: given.get(key) for key in _LOGIN} if isinstance(given, dict) else {}
    return {key: text for key, text in login.items() if isinstance(text, str) and text}


def _say_sentinel_options(given: object, place: str, fates: Fates) -> None:
    for key in given if isinstance(given, dict) else ():
        if key in _LOGIN:
            fates.taken(f"{place}.{key}")
        elif key in _IDLE_OPTIONS:
            fates.not_needed(f"{place}.{key}")
        else:
            fates.lost(f"{place}.{key}", "a profile has no such option")
    fates.taken(place, "each by itself")


def _result_backend(
    settings: Mapping[str, Any], profile: Profile, source: Source, fates: Fates, notes: list[str]
) -> str | None:
    backend = settings.get("result_backend")
    if not isinstance(backend, str) or not backend:
        return None
    kind = backend.partition("://")[0].partition("+")[0].partition(":")[0]
    if kind == "disabled":
        fates.not_needed("result_backend", "no results are kept")
        return None
    if backend in ("django-db", "django_celery_results.backends:DatabaseBackend"):
        found = database_of(settings, "results", source, fates)
        if found is None:
            fates.lost("result_backend", "the database of django-celery-results is unknown: add its URL yourself")
            return None
        notes.append("Results are kept by django-celery-results, in Django's database.")
        fates.taken("result_backend")
        return found
    if kind in ("rpc", "amqp"):
        fates.lost(
            "result_backend", "each result is delivered once, to the sender of its task, and cannot be looked up"
        )
        return None
    if "://" not in backend or kind not in _READABLE:
        fates.lost("result_backend", f"deskq cannot read result backends of type {kind}")
        return None
    fates.taken("result_backend")
    for key in ("database_table_names", "database_table_schemas"):
        if settings.get(key) and kind == "db":
            fates.lost(key, "deskq looks for results in Celery's own tables")
    return _with_backend_options(_from(source.folder, backend), settings, profile, fates)


def _with_backend_options(backend: str, settings: Mapping[str, Any], profile: Profile, fates: Fates) -> str:
    options = settings.get("result_backend_transport_options")
    for key, value in options.items() if isinstance(options, dict) else ():
        place = f"result_backend_transport_options.{key}"
        if key == "global_keyprefix" and isinstance(value, str):
            backend += f"{'&' if '?' in backend else '?'}global_keyprefix={quote(value, safe='')}"
            fates.taken(place, "the result backend's URL")
        elif key == "master_name" and value == profile.redis.sentinel_master:
            fates.taken(place, "the same as the broker's")
        elif key in _IDLE_OPTIONS or key == "visibility_timeout":
            fates.not_needed(place)
        else:
            fates.lost(place, "a profile has no such option")
    fates.not_needed("result_backend_transport_options")
    if "redis_backend_use_ssl" in settings.get("given", []) and server_of(backend) != server_of(profile.url):
        fates.lost("redis_backend_use_ssl", "the profile's TLS is the broker's")
    return backend


def _say_what_is_off(settings: Mapping[str, Any], notes: list[str]) -> None:
    if settings.get("task_always_eager"):
        notes.append("Tasks run where they are called (task_always_eager is on) and never reach a broker.")
    if not settings.get("worker_send_task_events"):
        notes.append("Workers send events only if they are started with -E (worker_send_task_events is off).")
    if not settings.get("task_send_sent_event"):
        notes.append("Tasks do not appear until a worker receives them (task_send_sent_event is off).")
    if settings.get("worker_enable_remote_control") is False:
        notes.append("Workers ignore inspect and control commands (worker_enable_remote_control is off).")
    if zone := settings.get("zone"):
        notes.append(f"Schedules run in the time zone {zone}.")
