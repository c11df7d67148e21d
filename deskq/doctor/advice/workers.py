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
    remedy = "Start it with -E, or set this permanently."
    found = [
        Finding(
            "task-events",
            "warning",
            f"{name} sends no task events",
            "It ran tasks without any.",
            remedy,
            setting,
        )
        for name, on in sorted(states.items())
        if on is False
    ]
    found += [
        Finding(
            "task-events",
            "advice",
            f"{name} may not send task events",
            "Task events are off in its settings and none arrived; whether it was started with -E cannot be detected.",
            remedy,
            setting,
        )
        for name, on in sorted(states.items())
        if on is None
    ]
    if found or not states:
        return found
    return [Finding("task-events", "ok", "Workers send task events", some(sorted(states)))]


def sent_events(states: Mapping[str, bool]) -> list[Finding]:
    """``states``: ``task_send_sent_event`` by worker; it is the clients' setting, which workers usually share."""
    off = sorted(name for name, on in states.items() if not on)
    if off:
        return [
            Finding(
                "sent-events",
                "advice",
                "Tasks are not shown before a worker receives them",
                f"task_send_sent_event is off at {some(off)}; without it a task's queue is unknown.",
                "Set it wherever tasks are sent: in the web application and in the workers.",
                "task_send_sent_event = True",
            )
        ]
    if not states:
        return []
    return [Finding("sent-events", "ok", "Task-sent events are enabled", some(sorted(states)))]


def clocks(differences: Mapping[str, float]) -> list[Finding]:
    """``differences``: the worker's clock minus ours, in s."""
    found = [
        Finding(
            "clock",
            "warning",
            f"The clock of {name} is {abs(seconds):.1f} s {'ahead' if seconds > 0 else 'behind'}",
            f"Measured from its heartbeats against this machine's clock; tolerance {CLOCK_SECONDS:.0f} s.",
            "Run NTP on both machines: ETAs, expiry times and the order of events depend on their clocks.",
            "timedatectl set-ntp true",
        )
        for name, seconds in sorted(differences.items())
        if abs(seconds) > CLOCK_SECONDS
    ]
    if found or not differences:
        return found
    most = max(abs(seconds) for seconds in differences.values())
    return [
        Finding(
            "clock",
            "ok",
            "Clocks agree",
            f"The largest difference is {most:.1f} s." if most >= 0.05 else "No measurable difference.",
        )
    ]


def heartbeats(answering: Sequence[str], beating: Sequence[str], listened: float) -> list[Finding]:
    """Who answers ``ping`` and sends no heartbeat in ``listened`` s."""
    silent = sorted(set(answering) - set(beating))
    if silent:
        return [
            Finding(
                "heartbeats",
                "warning",
                f"No heartbeat from {name}",
                f"It replies to ping but sent no heartbeat in {listened:.0f} s: a crash is noticed late, and on "
                "Redis only if deskq may inspect workers.",
                "Start it without --without-heartbeat; match event_exchange and key prefix with the profile.",
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
            "Several processes send heartbeats under this name: replies and revokes reach any one of them.",
            "Give each worker a unique name.",
            "celery worker --hostname=worker2@%h",
        )
        for name, count in sorted(pids.items())
        if count > 1
    ]
    if found or not pids:
        return found
    return [Finding("duplicate-name", "ok", "Worker names are unique", f"{len(pids)} heard.")]


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
                    f"{one.hostname} receives nothing, although “{one.queue}” has waiting messages",
                    f"It sends heartbeats and runs no task; at least {one.ready} messages were ready throughout the "
                    f"last minute, and it received nothing for {now - heard:.0f} s.",
                    "Check its log and restart it: Celery can hang like this after losing its Redis connection.",
                )
            )
    if found or not idlers:
        return found
    return [Finding("stalled", "ok", "No stalled workers", some(sorted({one.hostname for one in idlers})))]


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
                    f"Results of {name} expire before the longest task ends",
                    f"result_expires is {seconds:.0f} s, and a task ran for {longest:.0f} s: a group or chord "
                    "of such tasks may find no result.",
                    "Keep results longer than the longest canvas takes.",
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
                    "Keep results for at least an hour, unless they are not used.",
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
