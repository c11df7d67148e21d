"""What a recorder does for its history besides writing: keep it to its limits, and exchange it when it is damaged."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable
from statistics import median
from typing import Final

import apsw

from deskq.errors import UserError
from deskq.history.recovery.quarantine import SetAside, exchange
from deskq.history.recovery.salvage import Salvage
from deskq.history.rows import WorkerRow
from deskq.history.writing.database import is_damage
from deskq.history.writing.retention import Retention
from deskq.history.writing.writer import History
from deskq.profiles import Profile
from deskq.recorder.tracking.worker_tracker import WorkerWatch
from deskq.recorder.trusted_clock import TrustedClock
from deskq.system import awake_or_not

DAY: Final = 86_400.0
RETENTION_SECONDS: Final = 10.0
NOTE_SECONDS: Final = 60.0
"""How often it is noted for how long nothing goes for its age."""
CHECK_SECONDS: Final = 20.0
REPAIRS: Final = 3
REPAIRS_WITHIN: Final = 60.0
"""A history that is damaged so often within so many seconds lies on a disk that fails."""
NOTICE_SECONDS: Final = 600.0
"""For how long the status tells where a damaged history went."""
HEARING_SECONDS: Final = 10.0
"""How often workers' clocks are looked at."""
_FACT: Final = "held"


class Maintenance:
    """Used by the recorder's thread, between commits. ``gaps``: how many it noted. ``clock``: seconds that nobody sets.

    ``trusted``: the time by which what is old may go, None where no clock is to be trusted with that.
    """

    def __init__(
        self,
        profile: Profile,
        history: History,
        say: Callable[[str], None],
        clock: Callable[[], float] = awake_or_not,
    ) -> None:
        self._history = history
        self._say = say
        self._retention = Retention(
            history, profile.retention_days, profile.retention_failed_days, profile.retention_megabytes
        )
        self._clock = TrustedClock((profile.retention_days * DAY, profile.retention_failed_days * DAY), clock)
        self._noted: str | None = None
        self._next_note = self._next_hearing = self._next_retention = 0.0
        self.trusted: float | None = None
        self._repairs: deque[float] = deque([-REPAIRS_WITHIN] * REPAIRS, maxlen=REPAIRS)
        self._notice, self._notice_until = "", 0.0
        self._salvage = Salvage(history)
        self.gaps = 0

    @property
    def notice(self) -> str:
        """What the status should tell for a while, "" if nothing."""
        return (
            str(self._salvage) or (self._notice if time.monotonic() < self._notice_until else "") or self._clock.notice
        )

    @property
    def salvaging(self) -> float | None:
        """How much of a damaged history was looked through, 0 to 1; None if none is salvaged."""
        return self._salvage.part

    @property
    def busy(self) -> bool:
        """Is there always another slice to do?"""
        return self._salvage.at_work

    def begin(self, now: float, last_sign: float) -> None:
        """A run begins; ``last_sign`` of the recorder before, 0.0 if there was none."""
        noted = None
        with contextlib.suppress(apsw.Error):
            self._noted = noted = self._history.fact(_FACT)
        self._clock.begin(now, last_sign, noted)
        if self._clock.notice:
            self._say(self._clock.notice)

    def witness(self, difference: float | None) -> None:
        """Take in by how much the broker's clock is ahead of ours, if it told."""
        if difference is not None:
            self._clock.witness("broker", difference)

    def round(self, now: float, workers: WorkerWatch) -> None:
        """A round begins, at ``now`` by the wall clock, whatever else can be done in it."""
        before, moment = self._clock.notice, time.monotonic()
        self._clock.round(now)
        if moment >= self._next_hearing:
            self._next_hearing = moment + HEARING_SECONDS
            told = [worker.clock_difference for worker in workers.workers.values() if worker.online]
            differences = [difference for difference in told if difference is not None]
            if differences:
                self._clock.witness("workers", median(differences))
        self.trusted = self._clock.time(now)
        if self._clock.notice not in (before, ""):
            self._say(self._clock.notice)

    def retain(self, *, busy: bool) -> None:
        """Delete one slice of what is to go, unless there is more to read than to forget. Raises apsw.Error.

        What is being salvaged comes first: what of it is too old goes when all is there.
        """
        moment = time.monotonic()
        if moment >= self._next_note:
            self._next_note = moment + NOTE_SECONDS
            self._note()
        if self._salvage.at_work:
            return
        if moment >= self._next_retention and not busy and not self._retention.step(self.trusted):
            self._next_retention = moment + RETENTION_SECONDS

    def _note(self) -> None:
        """Write how long nothing is to go for its age, for the recorders to come."""
        noted = self._clock.noted()
        if noted == self._noted:
            return
        if noted is None:
            self._history.drop_fact(_FACT)
        else:
            self._history.put_fact(_FACT, noted)
        self._noted = noted

    def salvage(self, now: float) -> list[WorkerRow]:
        """Bring the next slice of a damaged history into the new one, directly after a commit; workers found in it.

        Raises apsw.Error.
        """
        self._salvage.step(now)
        for ended in self._salvage.ended:
            self._say(str(ended))
            self._notice, self._notice_until = str(ended), time.monotonic() + NOTICE_SECONDS
            self._retention.reset()
        self._salvage.ended.clear()
        workers, self._salvage.workers = self._salvage.workers, []
        return workers

    def close(self) -> None:
        """Stop salvaging; another run goes on with it, and with what is noted of the clock."""
        self._salvage.close()
        with contextlib.suppress(apsw.Error):
            self._note()

    def repaired(self, error: apsw.Error) -> bool:
        """Exchange the history if the error means damage, else return False; what was not committed is kept.

        Raises UserError if it cannot be exchanged, or is damaged again and again.
        """
        refused = isinstance(error, apsw.ConstraintError)  # by an index that contradicts its table
        if not is_damage(error) and not (refused and self._history.damage(CHECK_SECONDS)):
            return False
        if time.monotonic() - self._repairs[0] < REPAIRS_WITHIN:
            raise UserError(f"The history was damaged repeatedly ({error}). Check the disk or use another.")
        self._repairs.append(time.monotonic())
        self._say(f"The history is damaged ({error}); starting a new one.")
        aside = exchange(self._history, self._history.next_id)
        self._retention.reset()
        self._noted = None
        self._salvage.begin()
        self.tell(aside)
        return True

    def tell(self, aside: SetAside) -> None:
        """Say where the damaged file is."""
        self._say(f"The damaged history is kept as {aside.kept_as}; its readable tasks are being salvaged.")
        self.gaps += 1
