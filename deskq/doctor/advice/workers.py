"""Checks on workers, on plain values: events, clocks, heartbeats, names, stalls, results.

As every check of the doctor: nothing where there is nothing to judge, else at least one finding, "ok" if all is well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from deskq.doctor.connection.workers import some
from deskq.doctor.finding import Finding

CLOCK_SECONDS: Final = 2.0
STALL_SECONDS: Final = 60.0
SHORT_EXPIRY: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class Idler:
    """A live worker and a queue that it consumes. ``ready``: the least of the last minute; times: epoch seconds."""

    hostname: str
    queue: str
    ready: int
    active: int | None
    since: float
    last_received: float | None


def task_events(states: Mapping[str, bool | None]) -> list[Finding]:
    """``states``: does the worker send task events? None: nothing tells, as with an idle one started with -E."""
    setting = "worker_send_task_events = True"
    remedy = "Start it with -E, or set this for good."
    found = [
        Finding(
            "task-events", "warning", f"{name} does not tell of its tasks", "It took some silently.", remedy, setting
        )
        for name, on in sorted(states.items())
        if on is False
    ]
    found += [
        Finding(
            "task-events",
            "advice",
            f"{name} may not tell of its tasks",
            "Its settings leave task events off, and none came by; whether it was started with -E shows nowhere.",
            remedy,
            setting,
        )
        for name, on in sorted(states.items())
        if on is None
    ]
    if found or not states:
        return found
    return [Finding("task-events", "ok", "Workers tell of their tasks", some(sorted(states)))]


def sent_events(states: Mapping[str, bool]) -> list[Finding]:
    """``states``: ``task_send_sent_event`` by worker; it is the clients' setting, which workers usually share."""
    off = sorted(name for name, on in states.items() if not on)
    if off:
        return [
            Finding(
                "sent-events",
                "advice",
                "Tasks are not seen before a worker takes them",
                f"task_send_sent_event is off at {some(off)}; without it a task's queue is not known.",
                "Set it where tasks are sent: in the web application as well as in the workers.",
                "task_send_sent_event = True",
            )
        ]
    if not states:
        return []
    return [Finding("sent-events", "ok", "Tasks are told of when they are sent", some(sorted(states)))]


def clocks(differences: Mapping[str, float]) -> list[Finding]:
    """``differences``: the worker's clock minus ours, in s."""
    found = [
        Finding(
            "clock",
            "warning",
            f"The clock of {name} is {abs(seconds):.1f} s {'ahead' if seconds > 0 else 'behind'}",
            f"By its heartbeats, against this machine's clock; {CLOCK_SECONDS:.0f} s are allowed.",
            "Let an NTP service set both clocks: ETAs, expiries and the order of events rest on them.",
            "timedatectl set-ntp true",
        )
        for name, seconds in sorted(differences.items())
        if abs(seconds) > CLOCK_SECONDS
    ]
    if found or not differences:
        return found
    most = max(abs(seconds) for seconds in differences.values())
    return [Finding("clock", "ok", "Clocks agree", f"They differ by at most {most:.1f} s.")]


def heartbeats(answering: Sequence[str], beating: Sequence[str], listened: float) -> list[Finding]:
    """Who answers ``ping`` and sends no heartbeat in ``listened`` s."""
    silent = sorted(set(answering) - set(beating))
    if silent:
        return [
            Finding(
                "heartbeats",
                "warning",
                f"No heartbeat from {name}",
                f"It replies to ping but sent none in {listened:.0f} s: a crash is noticed late, and on Redis only if "
                "deskq may inspect workers.",
                "Start it without --without-heartbeat, and with the event_exchange and key prefix of the profile.",
            )
            for name in silent
        ]
    if not answering:
        return []
    return [Finding("heartbeats", "ok", "Workers send heartbeats", some(sorted(beating)))]


def duplicate_names(pids: Mapping[str, int]) -> list[Finding]:
    """``pids``: how many processes use a node name at the same time."""
    found = [
        Finding(
            "duplicate-name",
            "error",
            f"{count} workers are named {name}",
            "More than one process sends heartbeats under the one name: replies and revokes reach either of them.",
            "Give each worker a name of its own.",
            "celery worker --hostname=worker2@%h",
        )
        for name, count in sorted(pids.items())
        if count > 1
    ]
    if found or not pids:
        return found
    return [Finding("duplicate-name", "ok", "Each worker has a name of its own", f"{len(pids)} heard.")]


def stalled(idlers: Sequence[Idler], now: float) -> list[Finding]:
    """Workers that live and take nothing, though their queue held messages for the whole last minute."""
    found = []
    for one in idlers:
        heard = one.since if one.last_received is None else max(one.since, one.last_received)
        if one.ready > 0 and one.active == 0 and now - heard > STALL_SECONDS:
            found.append(
                Finding(
                    "stalled",
                    "error",
                    f"{one.hostname} takes nothing, though “{one.queue}” waits",
                    f"It sends heartbeats and runs no task; at least {one.ready} messages were ready all the last "
                    f"minute, and it received nothing for {now - heard:.0f} s.",
                    "Look into its log and restart it; Celery with a lost Redis connection is known for this.",
                )
            )
    if found or not idlers:
        return found
    return [Finding("stalled", "ok", "No worker stands still", some(sorted({one.hostname for one in idlers})))]


def result_expiry(expiries: Mapping[str, float | None], longest: float | None) -> list[Finding]:
    """``expiries``: ``result_expires`` by worker in s, None = they stay, or there are none; ``longest`` runtime, s."""
    short = {name: seconds for name, seconds in expiries.items() if seconds is not None}
    found = []
    for name, seconds in sorted(short.items()):
        if longest is not None and seconds < longest:
            found.append(
                Finding(
                    "result-expiry",
                    "warning",
                    f"Results of {name} expire before a task like the longest has run",
                    f"result_expires is {seconds:.0f} s, and a task ran for {longest:.0f} s: what waits for a group "
                    "or a chord of such tasks may find no result.",
                    "Keep results longer than the longest canvas runs.",
                    f"result_expires = {_rounded(longest * 2)}",
                )
            )
        elif seconds < SHORT_EXPIRY:
            found.append(
                Finding(
                    "result-expiry",
                    "advice",
                    f"Results of {name} expire early",
                    f"result_expires is {seconds:.0f} s.",
                    "Keep them for an hour at least, unless nobody reads them.",
                    "result_expires = 86400",
                )
            )
    if found or not short:
        return found
    least = min(short.values())
    return [Finding("result-expiry", "ok", "Results are kept long enough", f"At least {least / 3_600:.1f} h.")]


def _rounded(seconds: float) -> int:
    """Whole hours, upwards."""
    return int(-(-seconds // 3_600)) * 3_600
