"""Where gaps in the recording lie between the rows of the task table, and how they are written for people."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal

from deskq import formats
from deskq.errors import UserError
from deskq.history.rows import Gap, TaskRow
from deskq.services.session import ProfileSession

MOST_GAPS: Final = 5_000
_PAUSE_MS: Final = 1_000


def gap_text(gap: Gap) -> str:
    """Return "12 min 4 s without events: the recorder was not running (about 340 events lost)"."""
    if gap.ended is None:
        span = f"No events since {formats.clock_time(gap.started)}"
    else:
        span = f"{formats.duration(max(0.0, gap.ended - gap.started))} without events"
    lost = "" if gap.estimate is None else f" (about {formats.count(gap.estimate, 'event')} lost)"
    return f"{span}: {formats.plain(gap.cause)}{lost}"


class EndedGaps:
    """Gaps in the order in which they ended: what was recorded in one, at its very beginning, lies before its end."""

    def __init__(self, gaps: Iterable[Gap] = ()) -> None:
        ended = sorted((gap.ended, gap.id, gap) for gap in gaps if gap.ended is not None)
        self.gaps: Sequence[Gap] = [gap for _, _, gap in ended[-MOST_GAPS:]]
        self._ends = [end for end, _, _ in ended[-MOST_GAPS:]]

    def between(self, one: float, other: float) -> Sequence[Gap]:
        """Return the gaps that lie between two rows that were first seen at these times, in either order."""
        first, last = min(one, other), max(one, other)
        return self.gaps[bisect_left(self._ends, first) : bisect_left(self._ends, last)]


class GapMarks(QObject):
    """The gaps of a session's history, read anew at most once a second; ``changed`` when there are others."""

    changed = Signal()

    def __init__(self, session: ProfileSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._gaps = EndedGaps()
        self._pause = QTimer(self, singleShot=True, interval=0)
        self._pause.timeout.connect(self._ask)
        session.revision_moved.connect(self._moved)
        self._pause.start()

    def text(self, row: TaskRow, below: TaskRow | None) -> str:
        """Return what lies between two neighbouring rows, a line for each gap; "" if nothing does."""
        if below is None:
            return ""
        return "\n".join(gap_text(gap) for gap in self._gaps.between(row.seen, below.seen)[:10])

    def _moved(self) -> None:
        if not self._pause.isActive():
            self._pause.start()

    def _ask(self) -> None:
        self._session.spawn(self._read(), "gap marks", owner=self)

    async def _read(self) -> None:
        try:
            gaps = EndedGaps(await self._session.ask(lambda reader: reader.gaps(), slot="gap marks"))
        except UserError:
            return  # the table tells it
        self._pause.setInterval(_PAUSE_MS)
        if gaps.gaps != self._gaps.gaps:
            self._gaps = gaps
            self.changed.emit()
