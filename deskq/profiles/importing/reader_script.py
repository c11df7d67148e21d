"""Prints what a profile needs of a Celery app or a Django project; a script of its own, for Pythons without deskq."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

MARK = "deskq-settings:"
KEYS = (
    "broker_url",
    "broker_read_url",
    "broker_write_url",
    "broker_host",
    "broker_port",
    "broker_user",
    "broker_password",
    "broker_vhost",
    "broker_transport",
    "broker_login_method",
    "result_backend",
    "result_backend_transport_options",
    "database_table_names",
    "database_table_schemas",
    "event_exchange",
    "control_exchange",
    "task_default_queue",
    "task_always_eager",
    "worker_send_task_events",
    "worker_enable_remote_control",
    "task_send_sent_event",
    "beat_schedule_filename",
)
REDBEAT = ("redbeat_redis_url", "redbeat_key_prefix", "redbeat_lock_key", "redbeat_redis_options")
# What these were called before Celery 4; Django projects have them still.
OLD_NAMES = {
    "broker_url": ("BROKER_URL",),
    "broker_host": ("BROKER_HOST",),
    "broker_port": ("BROKER_PORT",),
    "broker_user": ("BROKER_USER",),
    "broker_password": ("BROKER_PASSWORD",),
    "broker_vhost": ("BROKER_VHOST",),
    "broker_transport": ("BROKER_TRANSPORT", "BROKER_BACKEND"),
    "broker_transport_options": ("BROKER_TRANSPORT_OPTIONS",),
    "broker_use_ssl": ("BROKER_USE_SSL",),
    "beat_schedule": ("CELERYBEAT_SCHEDULE",),
    "beat_scheduler": ("CELERYBEAT_SCHEDULER",),
    "beat_schedule_filename": ("CELERYBEAT_SCHEDULE_FILENAME",),
    "task_queues": ("CELERY_QUEUES",),
    "task_routes": ("CELERY_ROUTES",),
    "task_default_queue": ("CELERY_DEFAULT_QUEUE",),
    "task_always_eager": ("CELERY_ALWAYS_EAGER",),
    "worker_send_task_events": ("CELERY_SEND_EVENTS", "CELERYD_SEND_EVENTS"),
    "task_send_sent_event": ("CELERY_SEND_TASK_SENT_EVENT",),
    **{name: (name.upper(),) for name in (*REDBEAT, "redbeat_redis_use_ssl", "redbeat_lock_timeout")},
}
DJANGO_NAMES = ("USE_TZ", "DATABASE_ROUTERS", "PUBLIC_SCHEMA_NAME")


def main() -> None:
    """Answer on the standard output that this process was started with; all that the project prints goes to stderr."""
    os.environ.pop("PYTHONSAFEPATH", None)  # for this process alone, not for what the project starts
    answer = os.dup(1)
    os.dup2(2, 1)
    parser = argparse.ArgumentParser()
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("-A", dest="app")
    group.add_argument("--django")
    options = parser.parse_args()
    here = Path(__file__).resolve().parent
    sys.path[:] = [str(Path.cwd()), *(path for path in sys.path if Path(path).resolve() != here)]  # as Celery does
    before = dict(os.environ)
    try:
        found = of_app(options.app) if options.app else of_django(options.django)
        found["environment"] = {k: v for k, v in os.environ.items() if k.startswith("PG") and before.get(k) != v}
        outcome: dict[str, Any] = {"settings": {key: value for key, value in found.items() if value not in NOTHING}}
    except BaseException as error:  # noqa: BLE001 - a project may raise anything, SystemExit too
        traceback.print_exc()
        outcome = {"error": "".join(traceback.format_exception_only(type(error), error)).strip()}
        if isinstance(error, ModuleNotFoundError) and error.name in ("celery", "django"):
            outcome["missing"] = error.name
    text = (MARK + json.dumps(outcome) + "\n").encode()
    while text:
        text = text[os.write(answer, text) :]
    sys.stderr.flush()
    os._exit(0)  # threads of the project do not keep this process alive


NOTHING: tuple[Any, ...] = (None, {}, [])


def of_app(name: str) -> dict[str, Any]:
    """Return the settings of an app, found as ``celery -A`` finds it."""
    from celery.app.utils import find_app

    try:
        app = find_app(name)
        conf = app.conf
    except AttributeError:
        if ":" not in name:  # find_app hides why it could not import the module
            importlib.import_module(name + ".celery")
        raise
    with contextlib.suppress(Exception):
        app.finalize()  # handlers of on_after_finalize may add to the schedule

    def look_up(key: str) -> Any:
        if key in REDBEAT or key == "redbeat_redis_use_ssl":
            return conf.first(key, key.upper())
        return getattr(conf, key, None)

    return {**settings_of(look_up), "given": names_of_app(conf)}


def of_django(module: str) -> dict[str, Any]:
    """Return the CELERY_… settings of a Django project."""
    os.environ["DJANGO_SETTINGS_MODULE"] = module
    settings = importlib.import_module("django.conf").settings

    def look_up(key: str) -> Any:
        if key == "broker_url" and os.environ.get("CELERY_BROKER_URL"):
            return os.environ["CELERY_BROKER_URL"]  # as Celery does
        for name in ("CELERY_" + key.upper(), *OLD_NAMES.get(key, ())):
            if hasattr(settings, name):
                return getattr(settings, name)
        if key == "timezone":
            return getattr(settings, "TIME_ZONE", None)  # as Celery does
        return None

    new = {old: name for name, olds in OLD_NAMES.items() for old in olds}
    given = [new.get(name) or name[7:].lower() for name in dir(settings) if name in new or name.startswith("CELERY_")]
    return {**settings_of(look_up), "given": sorted(set(given))}


def names_of_app(conf: Any) -> list[str]:
    """Return what the project sets of Celery's and redbeat's settings, by today's names."""
    defaults = importlib.import_module("celery.app.defaults")
    new = dict(getattr(defaults, "_TO_NEW_KEY", {}))
    prefix = (getattr(conf, "prefix", None) or "").lower()
    found = {name for name in ("broker_url", "result_backend") if os.environ.get("CELERY_" + name.upper())}
    for settings in conf.maps[:-1]:
        for given in list(settings):
            name = str(given)
            bare = name.lower()[len(prefix) :] if prefix and name.lower().startswith(prefix) else name
            for known in (name, bare, str(new.get(name, ""))):
                if known in defaults.DEFAULTS or known.lower().startswith("redbeat_"):
                    found.add(known.lower())
    return sorted(found)


def settings_of(look_up: Callable[[str], Any]) -> dict[str, Any]:
    """Return plain values: KEYS that are set, names of queues, TLS, what keeps beat's schedule, Django's databases."""
    found = {key: plain(look_up(key)) for key in KEYS}
    given = look_up("broker_transport_options")
    found["options"] = plain(given) if isinstance(given, dict) else None
    routes = look_up("task_routes")
    found["queues"] = queue_names(look_up("task_queues")) + routed_names(routes)
    found["routes_are_code"] = has_code(routes) or None
    found["tls"] = tls_of(look_up("broker_use_ssl"))
    zone = look_up("timezone")
    found["zone"] = str(zone or "UTC") if zone or look_up("enable_utc") is not False else None
    found["redbeat"] = {key: plain(value) for key in REDBEAT if (value := look_up(key)) is not None}
    if tls := tls_of(look_up("redbeat_redis_use_ssl")):
        found["redbeat"]["tls"] = tls
    found["scheduler"] = scheduler_of(look_up("beat_scheduler"))
    schedule = look_up("beat_schedule")
    found["beat_entries"] = len(schedule) if isinstance(schedule, dict) else None
    found["django"] = of_django_itself()
    return found


def plain(value: Any) -> Any:
    """Return the value as JSON can hold it."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple, range)):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return str(value)


def queue_names(queues: Any) -> list[str]:
    """Return names of queues, which are Queue objects, names, or the keys of a dict."""
    if not isinstance(queues, (list, tuple, set, dict)):
        return []
    names = (getattr(queue, "name", queue) for queue in queues)
    return [name for name in names if isinstance(name, str)]


def routed_names(routes: Any) -> list[str]:
    """Return the names of queues that routes lead to, as far as they are written down."""
    if isinstance(routes, dict):
        targets = [route.get("queue") if isinstance(route, dict) else route for route in routes.values()]
        return queue_names(targets)
    if isinstance(routes, (list, tuple)):
        return [name for route in routes for name in routed_names(route)]
    return []


def has_code(routes: Any) -> bool:
    """Are some of the routes functions, classes or names of these?"""
    if isinstance(routes, (list, tuple)):
        return any(map(has_code, routes))
    return routes is not None and not isinstance(routes, dict)


def tls_of(given: Any) -> dict[str, Any] | None:
    """Return TLS as it is given, without ``ssl_`` before the keys; {"dict": False} for True; None without TLS."""
    if not given:
        return None
    if not isinstance(given, dict):
        return {"dict": False}
    found = {str(key).replace("ssl_", "", 1): value for key, value in given.items()}
    if "cert_reqs" in found:
        wanted = found["cert_reqs"]
        numbers = {0: "none", 1: "optional", 2: "required"}
        known = numbers.get(int(wanted)) if isinstance(wanted, int) else None
        found["cert_reqs"] = None if wanted is None else known or str(wanted).lower().replace("cert_", "")
    return {**{key: plain(value) for key, value in found.items()}, "dict": True}


def scheduler_of(given: Any) -> dict[str, str] | None:
    """Return what a scheduler is called, and the packages of its class and of those that it derives from."""
    if not given:
        return None
    kind, name = given, str(given)
    if isinstance(given, str):
        try:
            module, _, attribute = given.replace(":", ".").rpartition(".")
            kind = getattr(importlib.import_module(module), attribute)
        except Exception:  # noqa: BLE001 - its package may be installed where beat runs only
            return {"name": name, "packages": name.partition(":")[0].partition(".")[0], "imported": ""}
    else:
        name = getattr(given, "__module__", "") + "." + getattr(given, "__qualname__", str(given))
    packages = [base.__module__.partition(".")[0] for base in getattr(kind, "__mro__", ())]
    return {"name": name, "packages": " ".join(packages), "imported": "yes"}


def of_django_itself() -> dict[str, Any] | None:
    """Return Django's databases of beat's schedule and of results, and what is to be known about them."""
    if "django.conf" not in sys.modules:
        return None
    settings = sys.modules["django.conf"].settings
    try:
        databases = {str(alias): dict(database) for alias, database in settings.DATABASES.items()}
        apps = [str(app).partition(".")[0] for app in settings.INSTALLED_APPS]
    except Exception:  # noqa: BLE001 - no settings, or none of these
        return None
    found: dict[str, Any] = {"beat": "django_celery_beat" in apps}
    found.update({name: plain(getattr(settings, name, None)) for name in DJANGO_NAMES})
    for purpose, model in (
        ("schedules", "django_celery_beat.models.PeriodicTask"),
        ("results", "django_celery_results.models.TaskResult"),
    ):
        alias = "default"
        if model.partition(".")[0] in apps and getattr(settings, "DATABASE_ROUTERS", None):
            try:
                alias = routed_database(model)
            except Exception as error:  # noqa: BLE001 - what a project's models and routers raise
                found["unrouted"] = type(error).__name__ + ": " + str(error)
        if alias in databases:
            given = databases[alias]
            found[purpose] = {"alias": alias, "vendor": vendor_of(str(given.get("ENGINE") or "")), **plain(given)}
    return found


def routed_database(model: str) -> str:
    """Return the alias of the database that Django's routers name for a model."""
    importlib.import_module("django").setup()
    module, _, name = model.rpartition(".")
    return str(importlib.import_module("django.db").router.db_for_read(getattr(importlib.import_module(module), name)))


def vendor_of(engine: str) -> str:
    """Return what a database backend of Django speaks to: postgresql, mysql, sqlite or another's name."""
    words = {"postgis": "postgresql", "postgres": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
    words.update({"sqlite": "sqlite", "spatialite": "sqlite"})
    try:
        return str(importlib.import_module(engine + ".base").DatabaseWrapper.vendor)
    except Exception:  # noqa: BLE001 - its driver may be missing in this Python
        return next((vendor for word, vendor in words.items() if word in engine.lower()), "")


if __name__ == "__main__":
    main()
