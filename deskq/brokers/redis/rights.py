"""The commands of Redis that deskq sends, what each is for, and which of them a user may not send."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import redis
from redis.exceptions import NoPermissionError

from deskq.brokers.redis.connection import database_of, mapped_errors
from deskq.brokers.redis.event_source import channels
from deskq.brokers.redis.link import connected
from deskq.profiles import Profile, Safety


class Use(StrEnum):
    """What a user may be for."""

    WATCH = "watch"
    ASK = "ask workers"
    SEND = "send tasks"


@dataclass(frozen=True, slots=True)
class Right:
    """A command. ``arguments``: with which it is tried; ``changes``: even so it would change something, or wait.

    ``without``: what is missing without it, as a part of a sentence, "" where what it is for is not possible.
    """

    command: str
    uses: tuple[Use, ...]
    arguments: tuple[str, ...] = ()
    changes: bool = False
    without: str = ""


_WATCH, _ASK, _SEND, _BOTH = (Use.WATCH,), (Use.ASK,), (Use.SEND,), (Use.ASK, Use.SEND)
_SHA: Final = "0" * 40
_MAY: Final = "return redis.acl_check_cmd(unpack(ARGV)) and 1 or 0"
_NOT_KEPT: Final = "waiting messages are not kept"
RIGHTS: Final = (
    Right("PING", _WATCH),
    Right("SELECT", _WATCH, ("{database}",)),
    Right("CLIENT SETNAME", _WATCH, ("deskq",), without="connections have no name"),
    Right("SUBSCRIBE", _WATCH, ("{events}",)),
    Right("PSUBSCRIBE", _WATCH, ("{every_event}",)),
    Right("UNSUBSCRIBE", _WATCH, ("{events}",)),
    Right("PUNSUBSCRIBE", _WATCH, ("{every_event}",)),
    Right("SCAN", _WATCH, ("0", "MATCH", "{binding}", "COUNT", "1")),
    Right("SMEMBERS", _WATCH, ("{binding}",)),
    Right("LLEN", _WATCH, ("{queue}",)),
    Right("HLEN", _WATCH, ("{unacked}",)),
    Right("HSCAN", _WATCH, ("{unacked}", "0", "COUNT", "1")),
    Right("MEMORY USAGE", _WATCH, ("{unacked}",)),
    Right("INFO", _WATCH, ("server",), without="the server's memory is unknown"),
    Right("TIME", _WATCH, without="clocks are not compared"),
    Right("EVAL_RO", _WATCH, ("return 0", "0"), without=_NOT_KEPT),
    Right("LINDEX", _WATCH, ("{queue}", "0"), without=_NOT_KEPT),
    Right("PUBLISH", _ASK, ("{control}", "x"), changes=True),
    Right("SADD", _ASK, ("{binding}", "x"), changes=True),
    Right("SREM", _ASK, ("{binding}", "x"), changes=True),
    Right("BRPOP", _ASK, ("{reply}", "1"), changes=True),
    Right("DEL", _ASK, ("{reply}",), changes=True),
    Right("GET", _ASK, ("{mutex}",)),
    Right("SET", _BOTH, ("{marker}", "x", "XX", "PX", "1"), changes=True),
    Right("ZADD", _ASK, ("{index}", "XX", "1", "x"), changes=True),
    Right("ZRANGE", _ASK, ("{index}", "0", "0")),
    Right("ZRANGEBYSCORE", _ASK, ("{index}", "0", "0")),
    Right("MULTI", _ASK),
    Right("EXEC", _ASK),
    Right("EVALSHA", _BOTH, (_SHA, "0")),
    Right("SCRIPT LOAD", _BOTH, ("return 0",), changes=True),
    Right("SCRIPT EXISTS", _ASK, (_SHA,)),
    Right("LPUSH", _SEND, ("{queue}", "x"), changes=True),
    Right("EXISTS", _SEND, ("{marker}",)),
    Right("UNLINK", _SEND, ("{marker}",), changes=True),
)
"""The README's ACLs are these."""
INSTEAD: Final = frozenset({"HELLO", "CLIENT ID"})
"""Sent where INFO is refused, or by clients that log in; nothing more is missing without them."""
MAIN: Final[Mapping[Use, str]] = {Use.ASK: "PUBLISH", Use.SEND: "LPUSH"}
"""Whoever may not do this is not for it."""


def refused_rights(profile: Profile, uses: Collection[Use] = tuple(Use)) -> list[Right]:
    """Return which rights for these uses the profile's user does not have, for Celery's keys and channels. Blocking.

    Raises BrokerError. Nothing is carried out: a server looks at rights before it queues what is sent in a transaction,
    and this one is given up. Without MULTI, and on a read-only profile, which sends nothing that would change
    something, a script asks, as Redis 7 can. Where that is not possible either, such a right is taken as refused; on a
    read-only profile nothing is said of it.
    """
    reads_only = profile.safety is Safety.READ_ONLY
    with (
        mapped_errors(profile),
        connected(profile, db=0) as connection,  # whether the profile's own database is there is asked elsewhere
    ):
        names = _names(profile)
        queued = not reads_only
        allowed: dict[str, bool | None] = {}
        for command in ("EXEC", "MULTI"):  # EXEC first: without MULTI it does nothing
            allowed[command] = (_is_allowed if queued else _is_told_to_be_allowed)(connection, command)
        queued = queued and bool(allowed["MULTI"])
        last = sorted(RIGHTS, key=lambda right: "SUBSCRIBE" in right.command)  # after which little else is taken
        for right in last:
            if right.command not in allowed and not set(uses).isdisjoint(right.uses):
                words = [*right.command.split(), *(word.format_map(names) for word in right.arguments)]
                ask = _is_told_to_be_allowed if right.changes and not queued else _is_allowed
                allowed[right.command] = ask(connection, *words)
    refused = [command for command, found in allowed.items() if not found and not (found is None and reads_only)]
    return [right for right in RIGHTS if right.command in refused and not set(uses).isdisjoint(right.uses)]


def _is_allowed(connection: Any, *command: str) -> bool:
    connection.send_command(*command)
    with contextlib.suppress(redis.ResponseError):  # a replica that takes no writes, or nothing to EXEC
        try:
            connection.read_response()
        except NoPermissionError:
            return False
    return True


def _is_told_to_be_allowed(connection: Any, *command: str) -> bool | None:
    """Ask a script; None where it cannot tell."""
    connection.send_command("EVAL_RO", _MAY, "0", *command)
    try:
        allowed: bool = connection.read_response() == 1
    except redis.ResponseError:
        return None
    return allowed


def _names(profile: Profile) -> dict[str, str]:
    prefix, options = profile.redis.global_keyprefix, profile.redis
    fanout = options.fanout_prefix.replace("{db}", str(database_of(profile)))
    control = f"{profile.control_exchange}.pidbox"
    event, every_event = channels(profile)
    return {
        "database": str(database_of(profile)),
        "events": event,
        "every_event": every_event,
        "control": f"{prefix}{fanout}{control}",
        "binding": f"{prefix}_kombu.binding.{control}",
        "queue": f"{prefix}celery",
        "unacked": prefix + options.unacked_key,
        "index": f"{prefix}{options.unacked_key}_index",
        "mutex": f"{prefix}{options.unacked_key}_mutex",
        "reply": f"{prefix}deskq.reply.{control}",
        "marker": f"{prefix}deskq:sent:none",
    }
