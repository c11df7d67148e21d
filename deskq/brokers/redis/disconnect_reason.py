"""Why Redis or Valkey closed an event stream: it says nothing, so its INFO is compared with the one before."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import redis

from deskq.brokers.ports import BrokerError, Refused
from deskq.brokers.redis.connection import mapped_errors, place_of
from deskq.brokers.redis.link import connected
from deskq.profiles import Profile

_ASK_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class ServerStart:
    """One run of a server, and how many slow readers it has cut in it: since Redis 7.2 and in Valkey, else None."""

    run: str = ""
    cut: int | None = None


def server_start_of(connection: Any) -> ServerStart:
    """Ask over an open connection that is not subscribed; who may not ask learns nothing. Raises what redis-py does."""
    connection.send_command("INFO")
    try:
        text = connection.read_response()
    except redis.ResponseError:
        return ServerStart()
    if not isinstance(text, bytes):
        return ServerStart()
    run = re.search(rb"^run_id:(\w+)", text, re.MULTILINE)
    cut = re.search(rb"^client_output_buffer_limit_disconnections:(\d+)", text, re.MULTILINE)
    return ServerStart(run[1].decode() if run else "", int(cut[1]) if cut else None)


def ending(profile: Profile, before: ServerStart, *, behind: bool) -> str:
    """Return the sentence for a stream that the server closed; asks it once more, for two seconds at most.

    ``behind``: the reader had not kept up, which is all that an older server leaves to judge by.
    """
    place = place_of(profile)
    now = None
    try:
        with mapped_errors(profile):
            now = _ask(profile)
    except Refused:
        return f"{place} closed the event stream and is no longer listening: it was stopped or is restarting."
    except BrokerError:
        pass
    if now is None or not now.run or not before.run:
        return f"{place} closed the event stream: it restarted, or disconnected a slow client."
    if now.run != before.run:
        return f"{place} restarted."
    grew = now.cut is not None and before.cut is not None and now.cut > before.cut
    if grew or (behind and now.cut is None):
        return f"{place} disconnected deskq, which read events too slowly (client-output-buffer-limit pubsub)."
    return f"{place} closed the event stream: CLIENT KILL, or a proxy or firewall in between."


def _ask(profile: Profile) -> ServerStart:
    with connected(profile, socket_connect_timeout=_ASK_SECONDS, socket_timeout=_ASK_SECONDS) as connection:
        return server_start_of(connection)
