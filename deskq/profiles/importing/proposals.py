"""Profiles from what people have already: the environment, a Celery app, a Django project's settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from deskq.errors import UserError
from deskq.profiles.fields import BY_PLACE, SAFETY_ORDER, SAFETY_WORDS, TLS_OFF, lowers_safety
from deskq.profiles.importing.reader_process import read_settings
from deskq.profiles.profile import Profile, RedisOptions, Safety, Tls
from deskq.profiles.storage.confirmed_code import runs_code
from deskq.profiles.storage.profile_store import free_name
from deskq.profiles.urls import alternative_urls
from deskq.protocol.numbers import is_number

BROKER_VARIABLES: Final = (
    "CELERY_BROKER_URL",
    "CELERY_BROKER",
    "BROKER_URL",
    "CLOUDAMQP_URL",
    "RABBITMQ_URL",
    "RABBITMQ_BIGWIG_URL",
    "AMQP_URL",
    "REDIS_URL",
    "REDIS_TLS_URL",
    "REDISCLOUD_URL",
    "VALKEY_URL",
)
BACKEND_VARIABLES: Final = ("CELERY_RESULT_BACKEND", "CELERY_RESULT_BACKEND_URL", "RESULT_BACKEND")
TIMEOUT: Final = 15.0


@dataclass(frozen=True, slots=True)
class Proposal:
    """A profile that could be saved. ``sources``: field -> where its value came from; ``notes``: sentences."""

    profile: Profile
    sources: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()

    def fate(self, saved: Profile | None) -> str:
        """Say in a few words what saving it would do, where ``saved`` is the profile of its name, if there is one."""
        if saved is None:
            return "new"
        if lowers_safety(saved, self.profile):
            return f"overwrites the saved profile, and is less safe: {self.profile.safety} instead of {saved.safety}"
        return "overwrites the saved profile"


def leads_to(profile: Profile, saved: Profile | None = None) -> list[tuple[str, str]]:
    """Return what of a profile leads somewhere, runs something or lowers something: the field's name, and words.

    ``saved``: the profile that it would overwrite.
    """
    told = [(place, str(getattr(profile, place) or "")) for place in ("management_url", "result_backend", "history")]
    found = [(BY_PLACE[place].name, text) for place, text in told if text]
    if profile.management_url and not profile.management_login()[0]:
        found.append((BY_PLACE["management_url"].name, "▲ it gets the broker's login"))
    title = BY_PLACE["schedule_stores"].name
    found += [(title, f"▲ runs code: {store}" if runs_code(store) else store) for store in profile.schedule_stores]
    files = [(BY_PLACE[f"tls.{place}"].name, getattr(profile.tls, place)) for place in ("ca", "certificate", "key")]
    found += [(name, path) for name, path in files if path]
    if not profile.tls.verify:
        found.append((BY_PLACE["tls.verify"].name, f"▲ no. {TLS_OFF}"))
    level = saved.safety if saved is not None else Safety.ASK
    if SAFETY_ORDER.index(profile.safety) > SAFETY_ORDER.index(level):
        found.append((BY_PLACE["safety"].name, f"▲ {SAFETY_WORDS[profile.safety]}"))
    return found


def from_environment(env: Mapping[str, str]) -> list[Proposal]:
    """Return a proposal for each broker that the environment's variables name, Celery's own variables first."""
    backend = next(((name, env[name]) for name in BACKEND_VARIABLES if "://" in env.get(name, "")), None)
    found: dict[str, Proposal] = {}
    for variable in BROKER_VARIABLES:
        try:
            profile = Profile.from_url(env.get(variable, ""))
        except UserError:
            continue
        if profile.connection_url() in found:
            continue
        sources = [("url", variable)]
        if backend is not None:
            profile = replace(profile, result_backend=backend[1])
            sources.append(("result_backend", backend[0]))
        name = free_name(profile.name, [proposal.profile.name for proposal in found.values()])
        found[profile.connection_url()] = Proposal(replace(profile, name=name), tuple(sources))
    return list(found.values())


def from_app(
    app: str,
    *,
    folder: Path,
    python: Path | None = None,
    timeout: float = TIMEOUT,
    cancelled: Callable[[], bool] = lambda: False,
) -> Proposal:
    """Return what ``celery -A app`` would use in this folder. Blocking, in a process of its own; raises UserError."""
    settings = read_settings(["-A", app], what=app, folder=folder, python=python, timeout=timeout, cancelled=cancelled)
    return _proposal(settings, name=app.partition(":")[0].removesuffix(".celery"), where=f"{app} in {folder}")


def from_django(
    settings_module: str,
    *,
    folder: Path,
    python: Path | None = None,
    timeout: float = TIMEOUT,
    cancelled: Callable[[], bool] = lambda: False,
) -> Proposal:
    """Return what the CELERY_… settings of a Django project say; otherwise like :func:`from_app`."""
    settings = read_settings(
        ["--django", settings_module],
        what=settings_module,
        folder=folder,
        python=python,
        timeout=timeout,
        cancelled=cancelled,
    )
    return _proposal(settings, name=settings_module.partition(".")[0], where=f"{settings_module} in {folder}")


def _proposal(settings: dict[str, Any], *, name: str, where: str) -> Proposal:
    notes: list[str] = []
    url = _broker_url(settings, notes)
    profile = Profile.from_url(url, name=name)
    changes: dict[str, Any] = {}
    sources = [("url", where if any(settings.get(key) for key in _URL_KEYS) else "Celery's default")]
    if backend := _result_backend(settings, notes):
        changes["result_backend"] = backend
    for key in ("event_exchange", "control_exchange"):
        if isinstance(settings.get(key), str) and settings[key]:
            changes[key] = settings[key]
    queues = [settings.get("task_default_queue") or "celery", *settings.get("queues", [])]
    changes["watch_queues"] = tuple(dict.fromkeys(queue for queue in queues if isinstance(queue, str)))
    options = settings.get("options", {})
    if profile.transport == "redis" and isinstance(options, dict):
        changes["redis"] = _redis_options(options, notes)
    if isinstance(settings.get("tls"), dict):
        given = settings["tls"]
        files = {key: given[key] for key in ("ca", "certificate", "key") if isinstance(given.get(key), str)}
        changes["tls"] = Tls(**files, verify=given.get("verify") is not False)
    if settings.get("django_beat") and isinstance(settings.get("django_database"), str):
        changes["schedule_stores"] = (settings["django_database"],)
    default = Profile(name="x", url="x")
    sources += [(key, where) for key, value in changes.items() if value != getattr(default, key)]
    _say_what_is_off(settings, notes)
    return Proposal(replace(profile, **changes), tuple(sources), tuple(notes))


_TLS_OF: Final = {"redis": "rediss", "valkey": "valkeys", "amqp": "amqps", "pyamqp": "amqps"}
_URL_KEYS: Final = ("broker_url", "broker_read_url", "broker_write_url")


def _broker_url(settings: dict[str, Any], notes: list[str]) -> str:
    found = next((settings[key] for key in _URL_KEYS if settings.get(key)), None)
    if found is None:
        notes.append("No broker is set: this is Celery's default.")
        return "amqp://guest:guest@localhost:5672//"
    urls = found if isinstance(found, list) else [found]
    text = ";".join(str(url) for url in urls)
    if "://" not in text:
        text = f"{text}://localhost"  # kombu takes the name of a transport for a URL
    return ";".join(_secured(url) if "tls" in settings else url for url in alternative_urls(text))


def _secured(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{_TLS_OF.get(scheme, scheme)}://{rest}"


def _result_backend(settings: dict[str, Any], notes: list[str]) -> str | None:
    backend = settings.get("result_backend")
    if not isinstance(backend, str) or not backend or backend.startswith(("disabled", "rpc", "cache")):
        return None
    if backend in ("django-db", "django_celery_results.backends:DatabaseBackend"):
        database = settings.get("django_database")
        notes.append("Results are kept by django-celery-results, in Django's database.")
        return database if isinstance(database, str) else None
    return backend if "://" in backend else None


def _redis_options(given: dict[str, Any], notes: list[str]) -> RedisOptions:
    found: dict[str, Any] = {}
    for key in ("global_keyprefix", "fanout_prefix", "sep", "unacked_key"):
        if isinstance(given.get(key), str):
            found[key] = given[key]
    if given.get("fanout_prefix") is False:
        found["fanout_prefix"] = ""
    if isinstance(given.get("fanout_patterns"), bool):
        found["fanout_patterns"] = given["fanout_patterns"]
    steps = given.get("priority_steps")
    if isinstance(steps, list) and steps and all(type(step) is int for step in steps):
        found["priority_steps"] = tuple(steps)
    timeout = given.get("visibility_timeout")
    if is_number(timeout) and timeout > 0:
        found["visibility_timeout"] = timeout
    if isinstance(given.get("master_name"), str):
        found["sentinel_master"] = given["master_name"]
    if found.get("fanout_patterns") is False or found.get("fanout_prefix") == "":
        notes.append("Fanout without prefix or patterns: every virtual host sees the others' events.")
    return RedisOptions(**found)


def _say_what_is_off(settings: dict[str, Any], notes: list[str]) -> None:
    if not settings.get("worker_send_task_events"):
        notes.append("Workers send events only if they are started with -E (worker_send_task_events is off).")
    if not settings.get("task_send_sent_event"):
        notes.append("A task is unseen until a worker receives it (task_send_sent_event is off).")
    if zone := settings.get("timezone"):
        notes.append(f"Schedules run in the time zone {zone}.")
