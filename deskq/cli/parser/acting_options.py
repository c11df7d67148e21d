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
        "Send a task: shows what will go out, asks, and confirms that the broker has it.",
        "deskq send shop mail.send --args '[8812]' --queue emails --dry-run",
        "acting:send",
    )
    sending.add_argument("profile", metavar="URL|PROFILE")
    sending.add_argument("task", metavar="TASK", help="the task's name")
    sending.add_argument("--args", default="[]", metavar="JSON", help="a list")
    sending.add_argument("--kwargs", default="{}", metavar="JSON", help="an object")
    where = sending.add_mutually_exclusive_group()
    where.add_argument("--queue", metavar="Q", help="the queue (celery)")
    where.add_argument("--exchange", metavar="E", help="this exchange instead of a queue")
    sending.add_argument("--routing-key", metavar="K", help="with this routing key, through the exchange")
    when = sending.add_mutually_exclusive_group()
    when.add_argument("--countdown", type=float, metavar="S", help="run it not before so many seconds have passed")
    when.add_argument("--eta", metavar="ISO", help="run it not before this time; UTC unless it has an offset")
    sending.add_argument("--expires", type=float, metavar="S", help="do not run it after so many seconds")
    sending.add_argument("--priority", type=int, metavar="N", help="0 to 9; on Redis 0 is served first")
    sending.add_argument("--time-limit", type=float, metavar="S", help="kill it after so many seconds")
    sending.add_argument("--soft-time-limit", type=float, metavar="S", help="warn it after so many seconds")
    sending.add_argument("--headers", default="{}", metavar="JSON", help="further headers: an object")
    sending.add_argument("--serializer", default="json", metavar="S", help="json (the default); yaml, msgpack if there")
    sending.add_argument("--ignore-result", action="store_true", help="keep no result")
    sending.add_argument("--id", metavar="UUID", help="the new task's id (a random one)")
    sending.add_argument("--times", type=int, default=1, metavar="N", help="send it so many times (1)")
    sending.add_argument(
        "--tries",
        type=int,
        default=0,
        metavar="N",
        help="while the broker cannot be reached and nothing has left, try again so many times (0)",
    )
    _shared(sending)
    retrying = command(
        commands,
        "retry",
        "Send failed tasks anew, as new tasks. Arguments that are not known for certain are never guessed.",
        "deskq retry shop --state FAILURE --name 'mail.*' --canary --dry-run",
        "acting:retry",
    )
    retrying.add_argument("profile", metavar="URL|PROFILE")
    retrying.add_argument("ids", nargs="*", metavar="UUID", help="which tasks")
    retrying.add_argument("--state", action="append", default=[], metavar="S", help="all tasks in this state")
    retrying.add_argument("--name", action="append", default=[], metavar="N", help="of this name; * is a wildcard")
    retrying.add_argument("--from-queue", action="append", default=[], metavar="Q", help="that came from this queue")
    retrying.add_argument("--text", default="", metavar="T", help="with these words in id, name, arguments, exception")
    retrying.add_argument("--limit", type=int, default=10_000, metavar="N", help="refuse to retry more (10,000)")
    retrying.add_argument("--queue", metavar="Q", help="send them to this queue (where each came from)")
    retrying.add_argument("--canary", action="store_true", help="send one, wait for its success, then the rest")
    retrying.add_argument("--keep-root", action="store_true", help="keep the root id of the canvas")
    retrying.add_argument("--args", metavar="JSON", help="other arguments, for one task: a list")
    retrying.add_argument("--kwargs", metavar="JSON", help="other arguments, for one task: an object")
    _shared(retrying)
    _revoke(commands, command)
    _abort(commands, command)
    _control(commands, command)
    showing = command(
        commands,
        "journal",
        "Show what deskq changed: who, when, what was sent, and how each item ended.",
        "deskq journal emails --format json",
        "journal:run",
    )
    showing.add_argument("text", nargs="?", default="", help="an action's id for its items, or words to search for")
    showing.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many actions (100)")
    showing.add_argument("--resolve", metavar="URL|PROFILE", help="check unknown items; sends nothing")
    showing.add_argument("--undo", metavar="ACTION", help="take this action back, as far as it can be")
    showing.add_argument("--on", metavar="URL|PROFILE", help="where to take it back (the action's own profile)")
    _asking(showing)
    showing.add_argument("--format", choices=("table", "json", "csv"), default="table")
    add_profile_options(showing)


def _revoke(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    parser = command(
        commands,
        "revoke",
        "Revoke tasks: workers do not start them. With --terminate those that run are ended.",
        "deskq revoke shop 3f1c… --terminate --signal INT",
        "control:revoke",
    )
    parser.add_argument("profile", metavar="URL|PROFILE")
    parser.add_argument("ids", nargs="*", metavar="UUID", help="which tasks")
    parser.add_argument("--state", action="append", default=[], metavar="S", help="all tasks in this state")
    parser.add_argument("--name", action="append", default=[], metavar="N", help="of this name; * is a wildcard")
    parser.add_argument("--from-queue", action="append", default=[], metavar="Q", help="that came from this queue")
    parser.add_argument("--text", default="", metavar="T", help="with these words in id, name, arguments, exception")
    parser.add_argument("--limit", type=int, default=10_000, metavar="N", help="refuse to revoke more (10,000)")
    parser.add_argument(
        "--stamp", action="append", default=[], metavar="NAME=VALUE", help="all with this stamped header"
    )
    parser.add_argument("--terminate", action="store_true", help="end the process of those that run")
    parser.add_argument("--signal", default="TERM", metavar="S", help="by this signal (TERM)")
    _asking(parser)
    parser.add_argument("--format", choices=("table", "json"), default="table")
    add_profile_options(parser)


def _abort(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    parser = command(
        commands,
        "abort",
        "Abort abortable tasks: those that look for it, with is_aborted(), stop. A stored result is never overwritten.",
        "deskq abort shop 3f1c… --backend redis://localhost:6379/1",
        "abort:run",
    )
    parser.add_argument("profile", metavar="URL|PROFILE")
    parser.add_argument("ids", nargs="+", metavar="UUID", help="which tasks")
    parser.add_argument(
        "--backend", dest="profile.result_backend", metavar="URL", help="the result backend; short for --result-backend"
    )
    _asking(parser)
    parser.add_argument("--format", choices=("table", "json"), default="table")
    add_profile_options(parser)


def _control(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    parser = command(
        commands,
        "control",
        "Ask workers (ping, report, clock, active-queues, memsample, memdump, stats) or steer them: shutdown, "
        "pool-grow, pool-shrink, autoscale, pool-restart, add-consumer, cancel-consumer, rate-limit, time-limit, "
        "enable-events, disable-events, pause-queue, resume-queue.",
        "deskq control shop rate-limit mail.send 10/m --worker 'mail@*'",
        "control:control",
    )
    parser.add_argument("profile", metavar="URL|PROFILE")
    parser.add_argument("verb", metavar="VERB")
    parser.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="VALUE in its place, or NAME=VALUE")
    parser.add_argument(
        "--worker", action="append", default=[], metavar="W", help="this node (all); * is a wildcard; may be repeated"
    )
    _asking(parser)
    parser.add_argument("--format", choices=("table", "json"), default="table")
    add_profile_options(parser)


def _asking(parser: argparse.ArgumentParser) -> None:
    mix_options(parser)
    parser.add_argument("--dry-run", action="store_true", help="show the plan, change nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--confirm-name",
        metavar="NAME",
        help="what must be typed to confirm: the profile's name, or the code of another broker",
    )


def _shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=float, default=0.0, metavar="N", help="at most so many a second; 0: no limit")
    _asking(parser)
    parser.add_argument("--format", choices=("table", "json"), default="table")
    add_profile_options(parser)
