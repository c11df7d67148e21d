"""What an examination has seen so far: replies of workers, events that arrived, what the server told of itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from deskq.brokers.ports import Alarm, Server
from deskq.protocol.events import Event

DAY: Final = 86_400.0
_BEATS_TO_JUDGE: Final = 4
_BEATS_CLOSE: Final = 0.68
"""Of the time between two heartbeats: two workers' four lie at most 2/3 of it apart, one's a whole."""
_SPAN: Final = re.compile(r"(?:(\d+) days?, )?(\d+):(\d\d):(\d\d)(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What ``inspect conf`` tells that matters here; a setting that is absent there has Celery's default.

    ``result_expires``: s, None = never, or there is no result backend; ``visibility_timeout``: s, None = default.
    """

    send_task_events: bool = False
    send_sent_event: bool = False
    result_expires: float | None = DAY
    visibility_timeout: float | None = None
    result_serializer: str = "json"

    @classmethod
    def from_reply(cls, reply: Mapping[str, Any]) -> WorkerSettings:
        """Read the reply of one worker; values of a kind that is not expected count as defaults."""
        options = reply.get("broker_transport_options")
        timeout = options.get("visibility_timeout") if isinstance(options, dict) else None
        return cls(
            send_task_events=reply.get("worker_send_task_events") is True,
            send_sent_event=reply.get("task_send_sent_event") is True,
            result_expires=_expiry(reply),
            visibility_timeout=_number(timeout),
            result_serializer=str(reply.get("result_serializer", "json")),
        )


def _expiry(reply: Mapping[str, Any]) -> float | None:
    """A timedelta comes as text, such as "1 day, 0:00:00"; None and 0 mean that results stay."""
    if not reply.get("result_backend"):
        return None
    value = reply.get("result_expires", DAY)
    if (seconds := _number(value)) is not None:
        return seconds or None
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None if value is None else DAY
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return days * DAY + hours * 3_600 + minutes * 60 + seconds or None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


@dataclass(slots=True)
class Heard:
    """What was heard of one node name while listening.

    ``leads``: its clock minus ours at each heartbeat, in s; ``stamps``: the times in them; ``freq``: s between two.
    """

    heartbeats: int = 0
    task_events: int = 0
    pids: set[int] = field(default_factory=set)
    leads: list[float] = field(default_factory=list)
    stamps: list[float] = field(default_factory=list)
    freq: float | None = None
    processed: list[int] = field(default_factory=list)
    celery: str = ""

    @property
    def clock_difference(self) -> float | None:
        """Its clock minus ours: the least delayed heartbeat shows it best."""
        return max(self.leads) if self.leads else None

    @property
    def processes(self) -> int:
        """How many processes use the name, at least: in containers all have the same pid, but beat twice as often."""
        known = max(1, len(self.pids))
        if known > 1 or self.freq is None or len(self.stamps) < _BEATS_TO_JUDGE:
            return known
        apart = (max(self.stamps) - min(self.stamps)) / (len(self.stamps) - 1)
        return 2 if apart < _BEATS_CLOSE * self.freq else 1

    @property
    def worked_unheard(self) -> bool:
        """Has it accepted tasks meanwhile and told of none?"""
        return not self.task_events and len(self.processed) > 1 and self.processed[-1] > self.processed[0]


@dataclass(slots=True)
class Observed:
    """Filled by the steps, read by the checks. None = not asked, or it could not be asked.

    ``answering``: who answered ``ping``; ``settings``: by worker; ``queues``: what ``inspect active_queues`` says,
    names by worker; ``scheduled``: epoch seconds of ETA tasks that workers hold. ``unheard``: why nothing of workers
    comes over this transport, "" where it does.
    """

    server: Server | None = None
    answering: list[str] | None = None
    settings: dict[str, WorkerSettings] | None = None
    queues: dict[str, list[str]] | None = None
    scheduled: list[float] | None = None
    heard: dict[str, Heard] = field(default_factory=dict)
    unheard: str = ""
    listened: float = 0.0
    listening_failed: bool = True
    alarm: Alarm | None = None

    def hear(self, event: Event, now: float) -> None:
        """Take note of an event that arrived at ``now``; a client's task-sent is no sign of a worker."""
        if event.type == "task-sent":
            return
        one = self.heard.setdefault(event.hostname, Heard())
        if event.type.startswith("task-"):
            one.task_events += 1
            return
        if event.type != "worker-heartbeat":
            return
        one.heartbeats += 1
        one.leads.append(event.timestamp - now)
        one.stamps.append(event.timestamp)
        one.freq = event.freq or one.freq
        if event.pid >= 0:
            one.pids.add(event.pid)
        if event.processed is not None:
            one.processed.append(event.processed)
        if event.sw_ver:
            one.celery = event.sw_ver

    def workers(self) -> list[str]:
        """Return every worker that answered or was heard, by name."""
        beating = {name for name, one in self.heard.items() if one.heartbeats}
        return sorted({*(self.answering or ()), *beating})
