"""Which addresses hosts stand for, looked up within a deadline; all of this machine's are one."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Iterable
from typing import Final

LOOK_UP_SECONDS: Final = 3.0
HERE: Final = "this machine"
_NO_SUCH_HOST: Final = {
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA") if getattr(socket, name, None) is not None
}
_LONGEST_NAME: Final = 253


def addresses_of(hosts: Iterable[str], seconds: float = LOOK_UP_SECONDS) -> dict[str, frozenset[str] | None]:
    """Return the addresses of each host; none where there is no such host, None where nobody answered in time.

    All addresses of this machine are the same one. Blocking, for ``seconds`` at most, whatever the resolver does.
    """
    found: dict[str, frozenset[str] | None] = dict.fromkeys(hosts)
    threads = []
    for host in found:
        if len(host) <= _LONGEST_NAME:
            thread = threading.Thread(target=_look_up, args=(host, found), name=f"look up {host}", daemon=True)
            thread.start()
            threads.append(thread)
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return dict(found)  # one that is found later changes nothing any more


def _look_up(host: str, found: dict[str, frozenset[str] | None]) -> None:
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        found[host] = frozenset() if error.errno in _NO_SUCH_HOST else None
    except (OSError, ValueError):  # a name that can be no host's
        found[host] = frozenset()
    else:
        found[host] = frozenset(_address(str(answer[4][0])) for answer in answers)


def _address(text: str) -> str:
    """An address as it is compared: one of this machine's own is where a client's connection ends here."""
    try:
        address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return HERE if address.is_loopback or address.is_unspecified or _is_own(address) else str(address)


def _is_own(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Has this machine the address? Only its own can be bound."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((str(address), 0))
        return True
    return False
