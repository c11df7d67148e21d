"""The steps that concern workers: do they answer, do their events arrive, do they tell of their tasks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, TypeGuard

from deskq.brokers.ports import EventSource
from deskq.brokers.remote_control import RemoteControl, is_beat
from deskq.doctor.connection.probes import ProbeOutcome
from deskq.doctor.observed import Observed, WorkerSettings
from deskq.plain_text import plain
from deskq.profiles import Profile
from deskq.protocol.events import MalformedEvent
from deskq.protocol.task_record import epoch

ANSWER_SECONDS: Final = 1.5
LISTEN_SECONDS: Final = 4.2
"""Two heartbeats, which come every 2 s."""
_PATIENCE_SECONDS: Final = 7.0
"""The same for a worker of which only one came: it is busy, not dead."""
_MOST_NAMES: Final = 5


def ask_workers(profile: Profile, observed: Observed, *, in_full: bool) -> ProbeOutcome:
    """``inspect ping`` and ``conf`` and, ``in_full``, what the checks need besides."""
    if profile.silent:
        return ProbeOutcome("not-asked", "The profile is silent: workers are not inspected.")
    if observed.alarm is not None:
        return ProbeOutcome("warning", f"Not checked: {observed.alarm.what}", observed.alarm.remedy)
    if observed.unheard:
        return ProbeOutcome(
            "skipped", "Workers cannot be inspected over this transport: their replies would not arrive."
        )
    remote = RemoteControl(profile)
    try:
        answers = remote.inspect("ping", timeout=ANSWER_SECONDS)
        observed.answering = sorted(name for name in answers if not is_beat(name))
        if not observed.answering:
            return ProbeOutcome(
                "warning",
                f"No worker replied within {ANSWER_SECONDS} s.",
                "Start a worker. If one is running, compare its control_exchange and key prefix with the profile's, "
                "or test again: a busy solo pool replies late.",
            )
        names = observed.answering
        replies = remote.inspect("conf", destination=names, limit=len(names))
        observed.settings = {
            host: WorkerSettings.from_reply(reply) for host, reply in replies.items() if is_answer(reply)
        }
        if in_full:
            queues = remote.inspect("active_queues", destination=names, limit=len(names))
            observed.queues = {host: queue_names(reply) for host, reply in queues.items()}
            scheduled = remote.inspect("scheduled", destination=names, limit=len(names))
            observed.scheduled = [eta for reply in scheduled.values() for eta in etas(reply)]
    finally:
        remote.close()
    beats = sorted(filter(is_beat, answers))
    return ProbeOutcome("ok", some(names) + (f" Beat also replied: {some(beats)}" if beats else ""))


def is_answer(reply: object) -> TypeGuard[dict[str, Any]]:
    """Is it a table of facts? A refusal is {"error": text} (celery/worker/pidbox.py)."""
    return isinstance(reply, dict) and set(reply) != {"error"}


def queue_names(reply: object) -> list[str]:
    """Return the names in a reply of ``active_queues``."""
    if not isinstance(reply, list):
        return []
    names = (entry.get("name") for entry in reply if isinstance(entry, dict))
    return sorted(name for name in names if isinstance(name, str))


def etas(reply: object) -> list[float]:
    """Return the times in a reply of ``scheduled``, in epoch seconds."""
    if not isinstance(reply, list):
        return []
    texts = (entry.get("eta") for entry in reply if isinstance(entry, dict))
    moments = (epoch(text) for text in texts if isinstance(text, str))
    return [moment for moment in moments if moment > 0]


def listen(source: EventSource, observed: Observed, cancelled: Callable[[], bool], *, in_full: bool) -> ProbeOutcome:
    """Subscribe and listen for heartbeats: until nothing more can be learnt or, ``in_full``, the whole time."""
    began = time.monotonic()
    malformed: list[str] = []
    try:
        source.connect()
        while not cancelled():
            for payload in source.read(0.2):
                malformed += _decode(source, payload, observed)
            seconds = time.monotonic() - began
            if seconds > _PATIENCE_SECONDS or (
                seconds > LISTEN_SECONDS and not (in_full and _some_beat_once(observed))
            ):
                break
            if not in_full and observed.answering and all(_known(observed, name) for name in observed.answering):
                break
    finally:
        source.close()
    observed.listened = time.monotonic() - began
    observed.listening_failed = False
    beating = [name for name in sorted(observed.heard) if _beats(observed, name)]
    heard = f"Heartbeats of {some(beating)}." if beating else f"No events in {observed.listened:.0f} s."
    if malformed:
        many = "1 delivery was" if len(malformed) == 1 else f"{len(malformed):,} deliveries were"
        heard += f" {many} not events ({plain(malformed[0])})."
    if beating:
        return ProbeOutcome("ok", heard)
    if observed.alarm is not None:
        return ProbeOutcome("warning", f"{heard} Workers cannot send events during the alarm.", observed.alarm.remedy)
    if any(reason.startswith("content type") for reason in malformed):
        remedy = (
            'Set event_serializer = "json" at the workers: deskq reads JSON, msgpack and YAML, and never unpickles.'
        )
        return ProbeOutcome("warning", heard, remedy)
    if observed.answering:
        return ProbeOutcome(
            "warning",
            heard,
            "Workers reply, but no heartbeat arrived: compare event_exchange, fanout_prefix and global_keyprefix "
            "with the profile's, and check that workers run without --without-heartbeat.",
        )
    return ProbeOutcome("warning", heard, "Start a worker: its heartbeat comes every 2 s.")


def _decode(source: EventSource, payload: Any, observed: Observed) -> list[str]:
    """Take in one payload; returns why it was malformed, nothing if it was not."""
    try:
        for event in source.decode(payload):
            observed.hear(event, time.time())
    except MalformedEvent as error:
        return [error.reason]
    return []


def _known(observed: Observed, name: str) -> bool:
    return _beats(observed, name) and tells(observed, name)


def _some_beat_once(observed: Observed) -> bool:
    return any(one.heartbeats == 1 for one in observed.heard.values())


def _beats(observed: Observed, name: str) -> bool:
    return name in observed.heard and observed.heard[name].heartbeats > 0


def task_events(profile: Profile, observed: Observed) -> ProbeOutcome:
    """Who tells of its tasks: seen, by its settings, or not to be known (``-E`` shows in no reply)."""
    workers = observed.workers()
    telling = [name for name in workers if tells(observed, name)]
    off = [name for name in workers if name in observed.heard and observed.heard[name].worked_unheard]
    unknown = [name for name in workers if name not in telling and name not in off]
    remedy = "Start workers with -E or set worker_send_task_events = True; until then their tasks do not appear."
    if off:
        return ProbeOutcome("warning", f"{some(off)} ran tasks but sent no task events.", remedy)
    if not workers:
        return ProbeOutcome("skipped", "No worker is online.")
    if not unknown:
        return ProbeOutcome("ok", f"Enabled on {some(telling)}.")
    if profile.silent:
        return ProbeOutcome("not-asked", f"No task event from {some(unknown)} arrived, and the profile is silent.")
    untold = [name for name in unknown if name not in (observed.settings or {})]
    if untold:
        return ProbeOutcome("skipped", f"No task event from {some(untold)} arrived, and their settings are unknown.")
    return ProbeOutcome(
        "warning",
        f"No task event from {some(unknown)} arrived; their settings leave events to -E, which cannot be detected.",
        remedy,
    )


def tells(observed: Observed, name: str) -> bool:
    """Is it known that this worker sends task events?"""
    if name in observed.heard and observed.heard[name].task_events:
        return True
    settings = (observed.settings or {}).get(name)
    return settings is not None and settings.send_task_events


def some(names: list[str]) -> str:
    """Return the first names, and how many more there are."""
    shown = ", ".join(names[:_MOST_NAMES])
    return f"{shown} and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else shown
