"""A real `deskq record` process, and the history that it writes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from deskq.errors import UserError
from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import TaskFilter
from deskq.history.rows import RecorderStatus, TaskRow
from tests.support.processes import Process
from tests.support.temporary import folder_of_test
from tests.support.waiting import PATIENCE, wait_until

_ROOT = Path(__file__).resolve().parents[2]


class Recording:
    """`deskq record URL --history PATH` as a process; `reader` reads what it writes.

    `periods`: seconds that replace the recorder's own, by the names of its constants.
    """

    def __init__(
        self, url: str, *options: str, history: Path | None = None, periods: Mapping[str, float] | None = None
    ) -> None:
        self.folder = folder_of_test("deskq-record-")
        self.history = history or self.folder / "history.sqlite"
        paced = ["tests.support.paced_recorder", json.dumps(dict(periods))] if periods else ["deskq"]
        self._command = [sys.executable, "-m", *paced, "record", url, "--history", str(self.history), *options]
        self._process: Process | None = None
        self._reader: HistoryReader | None = None

    def launch(self) -> Self:
        """Start it and return at once."""
        self._process = Process(self._command, log=self.folder / "record.log", cwd=_ROOT, env=dict(os.environ))
        return self

    def start(self, timeout: float = 30) -> Self:
        """Returns when it records."""
        self.launch()
        wait_until(lambda: self.status().state == "recording", timeout, "the recorder to record")
        return self

    @property
    def reader(self) -> HistoryReader:
        """The history, read-only."""
        if self._reader is not None and self._reader.replaced:
            self.close_reader()
        if self._reader is None:
            self._reader = HistoryReader(self.history)
        return self._reader

    def status(self) -> RecorderStatus:
        """What the recorder says of itself; of another one, or none yet, it says nothing."""
        assert self._process is not None
        if self._process.returncode is not None:
            raise RuntimeError(f"the recorder ended: {self.log()}")
        try:
            status = self.reader.status()
        except UserError:
            return RecorderStatus()
        return status if status.pid == self._process.pid else RecorderStatus()

    def task(self, uuid: str) -> TaskRow | None:
        """A task as the history has it now."""
        return self.reader.task_row(uuid)

    def wait_for_state(self, uuid: str, state: str, timeout: float = 20) -> TaskRow:
        """The task, once it has the state."""

        def reached() -> TaskRow | None:
            row = self.task(uuid)
            return row if row is not None and row.state == state else None

        try:
            found = wait_until(reached, timeout, f"{uuid} to become {state}")
        except AssertionError as error:
            error.add_note(f"it is {self.task(uuid)}; the recorder says {self.log()[-2000:]}")
            raise
        assert found is not None
        return found

    def count(self, chosen: TaskFilter | None = None) -> int:
        """How many tasks there are."""
        return self.reader.counts(chosen).total

    def log(self) -> str:
        """What it printed."""
        return self._process.log() if self._process is not None else ""

    def stop(self) -> dict[str, Any]:
        """Interrupt it as Ctrl+C does; the summary that it prints."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGINT)
        wait_until(
            lambda: self._process is not None and self._process.returncode is not None, 15, "the recorder to end"
        )
        assert self._process.returncode == 0, self.log()
        last = self.log().strip().splitlines()[-1]
        summary: dict[str, Any] = json.loads(last)
        return summary

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        assert self._process is not None
        self._process.send(number)

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()

    def close_reader(self) -> None:
        """Close the history; it is opened again when it is read next."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def close(self) -> None:
        """End it, if it still runs, and close the history."""
        self.close_reader()
        if self._process is not None and self._process.returncode is None:
            self._process.end(10)

    def __enter__(self) -> Self:
        return self.start() if self._process is None else self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def deskq(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    return subprocess.run(
        [sys.executable, "-m", "deskq", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60 * PATIENCE,
        check=False,
        cwd=_ROOT,
        env=dict(os.environ),
    )
