"""Where a database's URL leads, as its driver reads it: parameters of the query rule, and a service names the rest."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote

_SERVICES: Final = ("~/.pg_service.conf", "/etc/postgresql-common/pg_service.conf")


def servers_of(parts: SplitResult, *, postgresql: bool) -> list[tuple[str, str, str]]:
    """Return host, port and database of each server of a URL; "" for a default. Reads libpq's file of services.

    A folder of sockets is the host "": the server runs on this machine.
    """
    query = dict(parse_qsl(parts.query))
    given = {**_service(query.get("service", "")), **query} if postgresql else query
    host = given.get("hostaddr") or given.get("host") or unquote(parts.hostname or "")
    port = given.get("port") or _port(parts)
    database = given.get("dbname") or unquote(parts.path).strip("/")
    hosts, ports = host.split(","), port.split(",")
    one = ports[0] if len(ports) == 1 else ""  # libpq: one port is for all hosts
    pairs = zip_longest(hosts, ports[: len(hosts)], fillvalue=one)
    return [("" if name.startswith(("/", "@")) else name, number, database) for name, number in pairs]


def _port(parts: SplitResult) -> str:
    try:
        return str(parts.port or "")
    except ValueError:
        return ""


def _service(name: str) -> Mapping[str, str]:
    """The parameters of a service, from the first file that has it (PostgreSQL's documentation, section 34.17)."""
    own = os.environ.get("PGSERVICEFILE")
    system = os.environ.get("PGSYSCONFDIR")
    files = [own or _SERVICES[0], *([f"{system}/pg_service.conf"] if system else []), _SERVICES[1]]
    for file in files if name else ():
        found: dict[str, str] = {}
        section = ""
        try:
            lines = Path(file).expanduser().read_text(encoding="utf-8", errors="replace").splitlines()
        except (OSError, RuntimeError):
            continue
        for line in map(str.strip, lines):
            if line.startswith("["):
                section = line.strip("[]")
            elif section == name and not line.startswith("#"):
                key, _, value = line.partition("=")
                found[key.strip()] = value.strip()
        if found:
            return found
    return {}
