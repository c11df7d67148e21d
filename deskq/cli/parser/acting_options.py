"""The commands that change something, and the options that they share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from deskq.cli.parser.command_parser import add_profile_options, mix_options


def add_acting(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add ``send``, ``retry``, ``revoke``, ``abort``, ``control`` and ``journal``."""
    sending = command(
        commands,
        "send",
        "Send a task. Shows the message, asks, and reports whether the broker accepted it.",
        "deskq send shop mail.send --args '[8812]' --queue emails --dry-run",
        "acting:send",
    )
    sending.add_argument("profile", metavar="URL|PROFILE")
    sending.add_argument("task", metavar="TASK", help="the task's name")
    sending.add_argument("--args", default="[]", metavar="JSON", help="a list")
    sending.add_argument("--kwargs", default="{}", metavar="JSON", help="JSON object of keyword arguments")
    where = sending.add_mutually_exclusive_group()
    where.add_argument("--queue", metavar="Q", help="the queue (celery)")
    where.add_argument("--exchange", metavar="E", help="publish to this exchange instead of a queue")
    sending.add_argument("--routing-key", metavar="K", help="routing key for --exchange")
    when = sending.add_mutually_exclusive_group()
    when.add_argument("--countdown", type=float, metavar="S", help="earliest start, in seconds from now")
    when.add_argument("--eta", metavar="ISO", help="earliest start (ISO time); UTC unless it has an offset")
    sending.add_argument("--expires", type=float, metavar="S", help="expire after this many seconds")
    sending.add_argument("--priority", type=int, metavar="N", help="0 to 9; on Redis 0 is served first")
    sending.add_argument("--time-limit", type=float, metavar="S", help="hard time limit in seconds")
    sending.add_argument("--soft-time-limit", type=float, metavar="S", help="soft time limit in seconds")
    sending.add_argument("--headers", default="{}", metavar="JSON", help="extra headers (JSON object)")
    sending.add_argument(
        "--serializer", default="json", metavar="S", help="json (default); yaml or msgpack if installed"
    )
    sending.add_argument("--ignore-result", action="store_true", help="do not store the result")
    sending.add_argument("--id", metavar="UUID", help="the new task's id (a random one)")
    sending.add_argument("--times", type=int, default=1, metavar="N", help="number of copies (1)")
    sending.add_argument(
        "--tries",
        type=int,
        default=0,
        metavar="N",
        help="times to retry while the broker is unreachable and nothing was sent (0)",
    )
    _shared(sending)
    retrying = command(
        commands,
        "retry",
        "Retry tasks as new tasks. Arguments are never guessed: tasks whose arguments are uncertain are left out.",
        "deskq retry shop --state FAILURE --name 'mail.*' --canary --dry-run",
        "acting:retry",
    )
    retrying.add_argument("profile", metavar="URL|PROFILE")
    _add_tasks(retrying, "retry")
    retrying.add_argument("--queue", metavar="Q", help="target queue (default: the original queue)")
    retrying.add_argument("--canary", action="store_true", help="try one first; continue if it succeeds")
    retrying.add_argument("--keep-root", action="store_true", help="keep the root id of the canvas")
    retrying.add_argument("--args", metavar="JSON", help="replace the arguments of a single task (JSON list)")
    retrying.add_argument(
        "--kwargs", metavar="JSON", help="replace the keyword arguments of a single task (JSON object)"
    )
    _shared(retrying)
    _revoke(commands, command)
    _abort(commands, command)
    _control(commands, command)
    showing = command(
        commands,
        "journal",
        "Show the journal: who changed what, when, and with which outcome.",
        "deskq journal emails --format json",
        "journal:run",
    )
    showing.add_argument("text", nargs="?", default="", help="action id to list its items, or text to search for")
    showing.add_argument("--limit", type=int, default=100, metavar="N", help="most actions to list (100)")
    showing.add_argument("--resolve", metavar="URL|PROFILE", help="check unknown items; sends nothing")
    showing.add_argument("--undo", metavar="ACTION", help="undo this action as far as possible")
    showing.add_argument("--on", metavar="URL|PROFILE", help="profile to undo it on (default: the action's own)")
    _asking(showing)
    showing.add_argument("--format", choices=("table", "json", "csv"), default="table")
    add_profile_options(showing)


def _add_tasks(parser: argparse.ArgumentParser, verb: str) -> None:
    """Which tasks, by their ids or by a filter; ``verb``: what is refused for too many of them."""
    parser.add_argument("ids", nargs="*", metavar="UUID", help="ids of the tasks")
    parser.add_argument("--state", action="append", default=[], metavar="S", help="tasks in this state")
    parser.add_argument(
        "--name", action="append", default=[], metavar="N", help="tasks with this name; * is a wildcard"
    )
    parser.add_argument("--from-queue", action="append", default=[], metavar="Q", help="tasks sent to this queue")
    parser.add_argument(
        "--text", default="", metavar="T", help="tasks with this text in id, name, arguments or exception"
    )
    parser.add_argument(
        "--limit", type=int, default=10_000, metavar="N", help=f"refuse to {verb} more tasks than this (10,000)"
    )


def _revoke(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    parser = command(
        commands,
        "revoke",
        "Revoke tasks so that workers skip them; --terminate also kills running ones.",
        "deskq revoke shop 3f1c… --terminate --signal INT",
        "control:revoke",
    )
    parser.add_argument("profile", metavar="URL|PROFILE")
    _add_tasks(parser, "revoke")
    parser.add_argument(
        "--stamp", action="append", default=[], metavar="NAME=VALUE", help="tasks with this stamped header"
    )
    parser.add_argument("--terminate", action="store_true", help="kill the processes of running tasks")
    parser.add_argument("--signal", default="TERM", metavar="S", help="signal for --terminate (TERM)")
    _asking(parser)
    parser.add_argument("--format", choices=("table", "json"), default="table")
    add_profile_options(parser)


def _abort(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    parser = command(
        commands,
        "abort",
        "Ask abortable tasks to stop; they must call is_aborted(). Never overwrites a result.",
        "deskq abort shop 3f1c… --backend redis://localhost:6379/1",
        "abort:run",
    )
    parser.add_argument("profile", metavar="URL|PROFILE")
    parser.add_argument("ids", nargs="+", metavar="UUID", help="ids of the tasks")
    parser.add_argument(
        "--backend", dest="profile.result_backend", metavar="URL", help="result backend URL; same as --result-backend"
    )
    _asking(parser)
    parser.add_argument("--format", choices=("table", "json"), default="table")
    add_profile_options(parser)


def _control(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    parser = command(
        commands,
        "control",
        "Inspect workers (ping, report, clock, active-queues, memsample, memdump, stats) or control them: shutdown, "
        "pool-grow, pool-shrink, autoscale, pool-restart, add-consumer, cancel-consumer, rate-limit, time-limit, "
        "enable-events, disable-events, pause-queue, resume-queue.",
        "deskq control shop rate-limit mail.send 10/m --worker 'mail@*'",
        "control:control",
    )
    parser.add_argument("profile", metavar="URL|PROFILE")
    parser.add_argument("verb", metavar="VERB")
    parser.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="positional VALUE or NAME=VALUE")
    parser.add_argument(
        "--worker",
        action="append",
        default=[],
        metavar="W",
        help="worker name (default: all); * is a wildcard; repeatable",
    )
    _asking(parser)
    parser.add_argument("--format", choices=("table", "json"), default="table")
    add_profile_options(parser)


def _asking(parser: argparse.ArgumentParser) -> None:
    mix_options(parser)
    parser.add_argument("--dry-run", action="store_true", help="show the plan and change nothing")
    parser.add_argument("--yes", action="store_true", help="skip the confirmation")
    parser.add_argument(
        "--confirm-name",
        metavar="NAME",
        help="what must be typed to confirm: the profile's name, or the code of another broker",
    )


def _shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=float, default=0.0, metavar="N", help="messages per second; 0 for no limit")
    _asking(parser)
    parser.add_argument("--format", choices=("table", "json"), default="table")
    add_profile_options(parser)
