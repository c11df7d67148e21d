"""Connects a recorder to its broker, again and again, at growing pauses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from deskq.brokers.ports import BrokerError, EventSource, LoginRefused, PermissionRefused
from deskq.recorder.backoff import Backoff, pause_after
from deskq.recorder.gap_log import Gaps
from deskq.recorder.status import StatusReport
from deskq.recorder.stopping import Stop

_REFUSED_SECONDS: Final = (1.0, 2.0, 2.0, 5.0, 10.0, 30.0)
"""After a login that was good before is refused: a server may do that while it starts, an account may be locked."""


class Connecting:
    """``wait`` waits for some seconds, in which the recorder goes on with what needs no broker."""

    def __init__(
        self, source: EventSource, stop: Stop, gaps: Gaps, report: StatusReport, wait: Callable[[float], object]
    ) -> None:
        self._source = source
        self._stop = stop
        self._gaps = gaps
        self._report = report
        self._wait = wait
        self._backoff = Backoff()

    def connect(self, *, first: bool) -> bool:
        """Connect; False if it is to stop. Raises LoginRefused and PermissionRefused of the first connection."""
        attempt = refusals = 0
        while not self._stop.is_set():
            try:
                self._stop.until_set(self._source.connect)
            except (LoginRefused, PermissionRefused) as error:
                if first:
                    raise
                pause = _REFUSED_SECONDS[min(refusals, len(_REFUSED_SECONDS) - 1)]
                refusals += 1
                said = f"{error} The login worked before, so deskq keeps retrying."
                self._report.becomes("disconnected", said)
                self._wait(pause)
            except BrokerError as error:
                self._gaps.begin(self._report.began, str(error))  # of the first connection; nothing where one goes on
                self._report.becomes("connecting" if first else "disconnected", str(error))
                attempt += 1
                self._wait(pause_after(attempt))
            else:
                if self._stop.is_set():
                    return False
                self._backoff.connected()
                return True
        return False

    def wait_after_loss(self) -> None:
        """Wait before the next connection: one that ends at once is not made again at once."""
        self._wait(self._backoff.after_loss())
