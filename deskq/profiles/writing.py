"""Writes a file whole or not at all; nobody else can read it, not even for a moment."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from deskq.errors import UserError


def write_private(path: Path, text: str, what: str) -> None:
    """Write beside the file, bring that to disk, rename it over the old one. ``what`` begins the error's sentence.

    The new file has mode 0600 (``mkstemp`` makes it so), whatever the umask and the old file's mode were.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UserError(f"{what} cannot be written to {path}: {error.strerror}.") from None
