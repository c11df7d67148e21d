"""Options of the commands that change something at a broker."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Final

from deskq.cli.options.declaring import (
    Exclusive,
    Options,
    flag,
    integer,
    integer_or_none,
    number,
    number_or_none,
    optional_positional,
    positional,
    positionals,
    string,
    string_or_none,
    strings,
)
from deskq.cli.options.shared import (
    ActingOptions,
    AtProfile,
    Limited,
    ListingOptions,
    ProfileOptions,
)

_PLACE: Final = Exclusive("place")
_START: Final = Exclusive("start")


class TargetOptions(Options):
    """Which tasks, by their ids or by a filter."""

    ids: tuple[str, ...] = positionals("UUID", "ids of the tasks")
    state: tuple[str, ...] = strings("--state", "S", "tasks in this state")
    name: tuple[str, ...] = strings("--name", "N", "tasks with this name; * is a wildcard")
    from_queue: tuple[str, ...] = strings("--from-queue", "Q", "tasks sent to this queue")
    text: str = string("--text", "T", "tasks with this text in id, name, arguments or exception")
    limit: int = integer("--limit", "N", "refuse to act on more tasks than this (10,000)", default=10_000)


class PacedOptions(ActingOptions, AtProfile):
    """How fast messages are published."""

    rate: float = number("--rate", "N", "messages per second; 0 for no limit", default=0.0)


class SendOptions(PacedOptions):
    """See ``deskq send --help``."""

    task: str = positional("TASK", "the task's name")
    args: str = string("--args", "JSON", "positional arguments (JSON list)", default="[]")
    kwargs: str = string("--kwargs", "JSON", "keyword arguments (JSON object)", default="{}")
    queue: str = string("--queue", "Q", "the queue (celery)", exclusive=_PLACE)
    exchange: str = string("--exchange", "E", "publish to this exchange instead of a queue", exclusive=_PLACE)
    routing_key: str = string("--routing-key", "K", "routing key for --exchange")
    countdown: float | None = number_or_none(
        "--countdown", "S", "earliest start, in seconds from now", exclusive=_START
    )
    eta: str = string("--eta", "ISO", "earliest start (ISO time); UTC unless it has an offset", exclusive=_START)
    expires: float | None = number_or_none("--expires", "S", "expire after this many seconds")
    priority: int | None = integer_or_none("--priority", "N", "0 to 9; on Redis 0 is served first")
    time_limit: float | None = number_or_none("--time-limit", "S", "hard time limit in seconds")
    soft_time_limit: float | None = number_or_none("--soft-time-limit", "S", "soft time limit in seconds")
    headers: str = string("--headers", "JSON", "extra headers (JSON object)", default="{}")
    serializer: str = string("--serializer", "S", "json (default); yaml or msgpack if installed", default="json")
    ignore_result: bool = flag("--ignore-result", "do not store the result")
    id: str = string("--id", "UUID", "the new task's id (a random one)")
    times: int = integer("--times", "N", "number of copies (1)", default=1)
    tries: int = integer(
        "--tries", "N", "times to retry while the broker is unreachable and nothing was sent (0)", default=0
    )


class RetryOptions(TargetOptions, PacedOptions):
    """See ``deskq retry --help``."""

    queue: str = string("--queue", "Q", "target queue (default: the original queue)")
    canary: bool = flag("--canary", "try one first; continue if it succeeds")
    again: bool = flag("--again", "also retry tasks that have been retried before")
    keep_root: bool = flag("--keep-root", "keep the root id of the canvas")
    args: str | None = string_or_none("--args", "JSON", "replace the arguments of a single task (JSON list)")
    kwargs: str | None = string_or_none(
        "--kwargs", "JSON", "replace the keyword arguments of a single task (JSON object)"
    )


class RevokeOptions(TargetOptions, ActingOptions, AtProfile):
    """See ``deskq revoke --help``."""

    stamp: tuple[str, ...] = strings("--stamp", "NAME=VALUE", "tasks with this stamped header")
    terminate: bool = flag("--terminate", "kill the processes of running tasks")
    signal: str = string("--signal", "S", "signal for --terminate (TERM)", default="TERM")


class AbortOptions(ActingOptions, AtProfile):
    """See ``deskq abort --help``."""

    aliases: ClassVar[Mapping[str, str]] = MappingProxyType({"result_backend": "--backend"})
    ids: tuple[str, ...] = positionals("UUID", "ids of the tasks", least=1)


class ControlOptions(ActingOptions, AtProfile):
    """See ``deskq control --help``."""

    verb: str = positional("VERB", "what to ask or to tell the workers")
    arguments: tuple[str, ...] = positionals("ARGUMENT", "positional VALUE or NAME=VALUE")
    worker: tuple[str, ...] = strings("--worker", "W", "worker name (default: all); * is a wildcard; repeatable")


class JournalOptions(ListingOptions, ActingOptions, Limited, ProfileOptions):
    """See ``deskq journal --help``."""

    text: str = optional_positional("TEXT", "action id to list its items, or text to search for")
    resolve: str = string("--resolve", "URL|PROFILE", "check unknown items; sends nothing")
    undo: str = string("--undo", "ACTION", "undo this action as far as possible")
    on: str = string("--on", "URL|PROFILE", "profile to undo it on (default: the action's own)")
