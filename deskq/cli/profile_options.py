"""The fields of a profile as options, declared once; they override a saved profile and complete a URL."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Option:
    """One option; ``field`` is a profile's field, or ``redis.x`` or ``tls.x`` for one of its parts."""

    flag: str
    field: str
    tip: str
    metavar: str | None = None
    kind: Callable[[str], Any] = str
    choices: tuple[str, ...] | None = None
    constant: object = None
    repeated: bool = False


def _steps(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


OPTIONS: Final = (
    Option("--history", "history", "where the history is kept", "PATH"),
    Option("--result-backend", "result_backend", "URL of the result backend", "URL"),
    Option("--environment", "environment", "what it is for", choices=("development", "staging", "production")),
    Option("--safety", "safety", "what deskq may change", choices=("read-only", "ask", "ask-name", "free")),
    Option("--silent", "silent", "never ask workers anything (no inspect)", constant=True),
    Option("--watch-queue", "watch_queues", "a queue to watch besides those found (repeatable)", "Q", repeated=True),
    Option("--management-url", "management_url", "RabbitMQ's management API", "URL"),
    Option("--event-exchange", "event_exchange", "Celery's event_exchange (celeryev)", "NAME"),
    Option("--control-exchange", "control_exchange", "Celery's control_exchange (celery)", "NAME"),
    Option("--retention-days", "retention_days", "days that tasks are kept; 0 keeps all", "N", float),
    Option("--retention-failed-days", "retention_failed_days", "the same for what did not succeed", "N", float),
    Option("--retention-megabytes", "retention_megabytes", "largest size of the history; 0: no limit", "N", float),
    Option("--schedule-store", "schedule_stores", "a store that a beat reads (repeatable)", "URL", repeated=True),
    Option("--global-keyprefix", "redis.global_keyprefix", "Redis: global_keyprefix of the workers", "PREFIX"),
    Option("--fanout-prefix", "redis.fanout_prefix", "Redis: fanout_prefix of the workers (/{db}.)", "PREFIX"),
    Option("--no-fanout-patterns", "redis.fanout_patterns", "Redis: fanout_patterns is off", constant=False),
    Option("--priority-steps", "redis.priority_steps", "Redis: priority_steps, like 0,3,6,9", "N,N", _steps),
    Option("--sep", "redis.sep", "Redis: separator between queue and priority", "TEXT"),
    Option("--sentinel-master", "redis.sentinel_master", "Redis: the master's name at the sentinels", "NAME"),
    Option("--visibility-timeout", "redis.visibility_timeout", "Redis: the workers' visibility timeout, s", "S", float),
    Option("--tls-ca", "tls.ca", "file of the certificate authority", "PATH"),
    Option("--tls-certificate", "tls.certificate", "file of the client's certificate", "PATH"),
    Option("--tls-key", "tls.key", "file of the client's key", "PATH"),
    Option("--no-tls-verify", "tls.verify", "do not check the server's certificate (dangerous)", constant=False),
)


def add_profile_options(parser: argparse.ArgumentParser) -> None:
    """Add an option for each field of a profile."""
    group = parser.add_argument_group("profile", "how to reach the broker, where a URL stands for a profile")
    for option in OPTIONS:
        given: dict[str, Any] = {"dest": f"profile.{option.field}", "default": None, "help": option.tip}
        if option.constant is not None:
            given |= {"action": "store_const", "const": option.constant}
        else:
            given |= {"metavar": option.metavar, "type": option.kind, "choices": option.choices}
            if option.repeated:
                given["action"] = "append"
        group.add_argument(option.flag, **given)


def given_fields(options: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of a profile that were given as options, parts as tables."""
    fields: dict[str, Any] = {}
    for option in OPTIONS:
        value = getattr(options, f"profile.{option.field}", None)
        if value is None:
            continue
        if isinstance(value, list):
            value = tuple(value)
        outer, dot, inner = option.field.partition(".")
        if dot:
            fields.setdefault(outer, {})[inner] = value
        else:
            fields[outer] = value
    return fields
