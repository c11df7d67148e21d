"""Prints what a profile needs of a Celery app or a Django project; a script of its own, for Pythons without deskq."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import ssl
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

MARK = "deskq-settings:"
KEYS = (
    "broker_url",
    "broker_read_url",
    "broker_write_url",
    "result_backend",
    "event_exchange",
    "control_exchange",
    "task_default_queue",
    "worker_send_task_events",
    "task_send_sent_event",
    "timezone",
)
OPTIONS = (
    "global_keyprefix",
    "fanout_prefix",
    "fanout_patterns",
    "priority_steps",
    "sep",
    "unacked_key",
    "visibility_timeout",
    "master_name",
)
ENGINES = {
    "postgresql": "postgresql",
    "postgresql_psycopg2": "postgresql",
    "postgis": "postgresql",
    "mysql": "mysql",
    "sqlite3": "sqlite",
}
# What these were called before Celery 4; Django projects have them still.
OLD_NAMES = {
    "broker_url": ("BROKER_URL",),
    "broker_transport_options": ("BROKER_TRANSPORT_OPTIONS",),
    "broker_use_ssl": ("BROKER_USE_SSL",),
    "task_queues": ("CELERY_QUEUES",),
    "task_routes": ("CELERY_ROUTES",),
    "task_default_queue": ("CELERY_DEFAULT_QUEUE",),
    "worker_send_task_events": ("CELERY_SEND_EVENTS", "CELERYD_SEND_EVENTS"),
    "task_send_sent_event": ("CELERY_SEND_TASK_SENT_EVENT",),
}


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
    try:
        outcome: dict[str, Any] = {"settings": of_app(options.app) if options.app else of_django(options.django)}
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


def of_app(name: str) -> dict[str, Any]:
    """Return the settings of an app, found as ``celery -A`` finds it."""
    from celery.app.utils import find_app

    try:
        conf = find_app(name).conf
    except AttributeError:
        if ":" not in name:  # find_app hides why it could not import the module
            importlib.import_module(name + ".celery")
        raise
    return settings_of(lambda key: getattr(conf, key, None))


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
        return None

    return settings_of(look_up)


def settings_of(look_up: Callable[[str], Any]) -> dict[str, Any]:
    """Return plain values: KEYS and OPTIONS that are set, names of queues, TLS, Django's database."""
    found = {key: plain(look_up(key)) for key in KEYS}
    given = look_up("broker_transport_options")
    given = given if isinstance(given, dict) else {}
    found["options"] = {key: plain(given[key]) for key in OPTIONS if key in given}
    found["queues"] = queue_names(look_up("task_queues")) + routed_names(look_up("task_routes"))
    found["tls"] = tls_of(look_up("broker_use_ssl"))
    found["django_database"], found["django_beat"] = of_django_itself()
    return {key: value for key, value in found.items() if value is not None and value not in ({}, [])}


def plain(value: Any) -> Any:
    """Return the value as JSON can hold it."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
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


def tls_of(given: Any) -> dict[str, Any] | None:
    """Return files and whether the certificate is checked; None without TLS."""
    if not given:
        return None
    given = given if isinstance(given, dict) else {}

    def look_up(key: str) -> Any:
        return given.get(key, given.get("ssl_" + key))

    required = look_up("cert_reqs")
    unchecked = (ssl.CERT_NONE, ssl.CERT_OPTIONAL, "none", "optional", "CERT_NONE", "CERT_OPTIONAL")
    return {
        "ca": plain(look_up("ca_certs")),
        "certificate": plain(look_up("certfile")),
        "key": plain(look_up("keyfile")),
        "verify": required is None or required not in unchecked,
    }


def of_django_itself() -> tuple[str | None, bool | None]:
    """Return the URL of Django's database, and whether beat's schedule is kept in it."""
    if "django.conf" not in sys.modules:
        return None, None
    settings = sys.modules["django.conf"].settings
    try:
        database = settings.DATABASES["default"]
        apps = [str(app) for app in settings.INSTALLED_APPS]
    except Exception:  # noqa: BLE001 - no settings, or none of these
        return None, None
    beat = any(app.partition(".")[0] == "django_celery_beat" for app in apps) or None
    dialect = ENGINES.get(str(database.get("ENGINE", "")).rpartition(".")[2])
    name = str(database.get("NAME") or "")
    if not dialect or not name:
        return None, beat
    if dialect == "sqlite":
        return "db+sqlite:///" + str(Path(name).resolve()), beat
    login = quote(str(database.get("USER") or ""), safe="")
    if database.get("PASSWORD"):
        login += ":" + quote(str(database["PASSWORD"]), safe="")
    place = str(database.get("HOST") or "localhost")
    if database.get("PORT"):
        place += ":" + str(database["PORT"])
    return "db+{}://{}{}/{}".format(dialect, login + "@" if login else "", place, quote(name, safe="")), beat


if __name__ == "__main__":
    main()
