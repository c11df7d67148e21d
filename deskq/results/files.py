"""Result records in a folder: one file for each task (celery/backends/filesystem.py)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from deskq.results.record import MOST_BYTES, RAW_BYTES, ResultRecord, decode_meta
from deskq.results.redis import KEY
from deskq.results.store import ResultsUnreadable


class FileResults:
    """See ResultStore."""

    def __init__(self, path: str) -> None:
        self._folder = Path(unquote(path))

    @property
    def place(self) -> str:
        """See ResultStore."""
        return f"file://{self._folder}"

    def get(self, task_id: str) -> ResultRecord | None:
        """See ResultStore."""
        if not self._folder.is_dir():
            raise ResultsUnreadable(f"The result backend's folder {self._folder} is not on this machine.")
        if "/" in task_id or "\\" in task_id or "\0" in task_id:  # an id is hostile text: it names no other file
            return None
        path = self._folder / f"{KEY}{task_id}"
        try:
            with path.open("rb") as file:
                raw = file.read(MOST_BYTES + 1)
            size = path.stat().st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ResultsUnreadable(f"{path} cannot be read: {error.strerror}.") from None
        return replace(decode_meta(task_id, raw), size=size, raw=raw[:RAW_BYTES])

    def close(self) -> None:
        """See ResultStore."""
