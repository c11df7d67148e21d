"""Whether the broker that is recorded is still the one that the history is of, or another one at the same address."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from deskq.errors import UserError
from deskq.history.known_broker import keep_broker, known_broker
from deskq.protocol.identity import BrokerChange, Identity, change_between
from deskq.recorder.tracking.worker import Worker

_TELLING_PID: Final = 300
"""Process ids below are alike in many containers, and tell nobody from another."""


class BrokerWatch:
    """Used by the recorder's thread. ``notice``: what the status tells, "" while it is the same broker.

    A broker that lost its data when it restarted says another identity, too. It is taken for the same one where a
    worker process that was heard before is heard again: otherwise the next change there asks.
    """

    def __init__(self, history: Path) -> None:
        self._history = history
        self._processes: set[tuple[str, int]] = set()
        self._change: BrokerChange | None = None
        self._since = 0.0

    @property
    def notice(self) -> str:
        """See the class."""
        return f"{self._change.words} The next change asks for confirmation." if self._change is not None else ""

    def told(self, now: Identity, at: float) -> None:
        """The broker was asked who it is, at this time."""
        change = change_between(known_broker(self._history), now)
        if change is None:
            self._keep(now)
        elif self._change is None:
            self._since = at
        self._change = change

    def heard(self, workers: Iterable[Worker]) -> None:
        """Look at who was heard since."""
        heard = {(one.hostname, pid): at for one in workers for pid, at in one.pids.items() if pid >= _TELLING_PID}
        if self._change is None:
            self._processes |= heard.keys()
            return
        if any(at > self._since for process, at in heard.items() if process in self._processes):
            self._keep(self._change.now)
            self._change = None
        elif (known := known_broker(self._history)) is not None and known.is_same(self._change.now):
            self._change = None  # a person has said so

    def _keep(self, identity: Identity) -> None:
        with contextlib.suppress(UserError):  # it is asked about again
            keep_broker(self._history, identity)
