"""Where the master is, as sentinels say: each is asked with the sentinels' own login, and its answer is told apart.

redis-py's Sentinel says of a master that is down, of a sentinel that wants a password and of a wrong name alike that
no master was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import redis

from deskq.brokers.ports import BrokerError, ConnectionLost, PermissionRefused, Refused
from deskq.brokers.redis.replies import BoundedRedisConnection, UnlikeRedis, client_of, close_client
from deskq.profiles import Profile

_OPTIONS: Final = ("socket_connect_timeout", "socket_timeout", "retry", "protocol")
_PORT: Final = 26379
_NAMED: Final = 5
_LOGIN_WORDS: Final = ("NOAUTH", "WRONGPASS", "AUTH")


def sentinel_login(profile: Profile) -> dict[str, str]:
    """Return ``username`` and ``password`` as kombu's ``sentinel_kwargs`` have them: what there is of them."""
    login = {"username": profile.redis.sentinel_user or "", "password": profile.sentinel_password.reveal()}
    return {key: text for key, text in login.items() if text}


def master_of(profile: Profile, options: Mapping[str, Any]) -> tuple[str, int]:
    """Return host and port of the master, by the first sentinel that knows one that is up.

    ``options``: of the connection to the master. Raises BrokerError, and what redis-py does where none answers.
    """
    name = profile.redis.sentinel_master
    if not name:
        raise BrokerError("A sentinel URL needs the master's name: set sentinel_master in the profile.")
    asked = {key: options[key] for key in _OPTIONS} | sentinel_login(profile)
    known: set[str] = set()
    down, refused, lost = "", "", None
    answered = False
    for host, port in _places(profile):
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            masters = _masters(host, port, asked)
        except redis.AuthenticationError:
            refused = refused or place
        except (redis.RedisError, OSError) as error:
            if any(word in str(error) for word in _LOGIN_WORDS):
                refused = refused or place
            else:
                lost = lost or error
        else:
            answered = True
            known |= masters.keys()
            state = masters.get(name)
            if state is not None:
                address = str(state.get("ip", "")), int(state.get("port", 0))
                if not (state.get("is_sdown") or state.get("is_odown")):
                    return address
                down = down or f"{address[0]}:{address[1]}"
    if down:
        raise ConnectionLost(
            f"The sentinels report the master “{name}” at {down} as down. Wait until they have chosen another."
        )
    if refused and not answered:
        what = "refuses the sentinels' login" if "password" in asked else "requires its own login"
        raise PermissionRefused(
            f"The sentinel at {refused} {what}. Set the sentinel password, and its user if there is one, in the "
            "profile, as in the workers' sentinel_kwargs."
        )
    if lost is not None and not answered:
        raise lost
    others = f" They know {', '.join(sorted(known)[:_NAMED])}." if known else ""
    raise Refused(f"No sentinel knows a master named “{name}”.{others} Check its name, and that a sentinel is running.")


def _masters(host: str, port: int, asked: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    server = client_of(BoundedRedisConnection, {**asked, "host": host, "port": port})
    try:
        found: Any = server.sentinel_masters()
    finally:
        close_client(server)
    if not all(isinstance(state, dict) for state in found.values()):
        raise UnlikeRedis("an answer to SENTINEL MASTERS of another type")
    masters: Mapping[str, Mapping[str, Any]] = found
    return masters


def _places(profile: Profile) -> list[tuple[str, int]]:
    return [(sentinel.host or "127.0.0.1", sentinel.port or _PORT) for sentinel in profile.endpoints]
