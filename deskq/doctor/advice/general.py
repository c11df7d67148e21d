"""The doctor: the connection test, then every check, with evidence and the line that mends it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from deskq.doctor.advice import queues as queue_advice
from deskq.doctor.advice import rabbitmq as rabbitmq_advice
from deskq.doctor.advice import redis as redis_advice
from deskq.doctor.advice import workers as worker_advice
from deskq.doctor.advice.facts import HistoryFacts, QueueFacts, read_history, read_queues, read_redis, transient_denied
from deskq.doctor.connection.probes import discreet
from deskq.doctor.connection.steps import connection_steps
from deskq.doctor.connection.workers import some, tells
from deskq.doctor.finding import Finding, ProbedStep, State
from deskq.doctor.observed import Observed
from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.profiles.transport import RABBITMQ, REDIS


def examine(profile: Profile, *, history: Path | None, cancelled: Callable[[], bool]) -> Iterator[ProbedStep | Finding]:
    """Yield the steps, then the findings; where no login is possible, the steps alone. Blocking, changes nothing.

    ``history``: what a recorder of this profile wrote, None or absent = nothing is known of the past. What may not be
    asked, or cannot be, is a Step again, that says so.
    """
    observed = Observed()
    states: dict[str, State] = {}
    for step in connection_steps(profile, observed, cancelled, in_full=True):
        states[step.key] = step.state
        yield step
    entered = states.get("login") == "ok" and states.get("database") != "failed"
    if not entered or cancelled():
        return
    past = read_history(history)
    yield from _about_workers(profile, observed, past)
    consumed = sorted({name for names in (observed.queues or {}).values() for name in names})
    named = sorted({*consumed, *past.queues})
    checks: tuple[Callable[[], Iterable[ProbedStep | Finding]], ...] = (
        lambda: about_queues(profile, observed, read_queues(profile, named), past),
        lambda: _about_server(profile, observed),
    )
    for check in checks:
        if cancelled():
            return
        try:
            yield from check()
        except UserError as error:
            yield ProbedStep("advice", "Further checks", "failed", "", discreet(str(error), profile))


def _about_workers(profile: Profile, observed: Observed, past: HistoryFacts) -> Iterable[ProbedStep | Finding]:
    beating = [name for name, heard in observed.heard.items() if heard.heartbeats]
    if profile.silent:
        yield ProbedStep(
            "settings", "Settings of the workers", "not-asked", "The profile is silent: workers are not inspected."
        )
    states = task_event_states(observed, past)
    settings = observed.settings or {}
    # of a worker that was not asked, or did not answer, nothing is known
    states = {name: on for name, on in states.items() if on is not None or name in settings}
    yield from worker_advice.task_events(states)
    yield from worker_advice.sent_events({name: one.send_sent_event for name, one in settings.items()})
    differences = {row.hostname: row.clock_difference for row in past.workers if row.clock_difference is not None}
    for name, heard in observed.heard.items():
        if heard.clock_difference is not None:
            differences[name] = heard.clock_difference
    yield from worker_advice.clocks(differences)
    if not observed.listening_failed:
        yield from worker_advice.heartbeats(observed.answering or [], beating, observed.listened)
    pids = {name: observed.heard[name].processes for name in beating}
    for row in past.workers:
        pids[row.hostname] = max(pids.get(row.hostname, 1), 2 if row.duplicate_name else 1)
    yield from worker_advice.duplicate_names(pids)
    yield from worker_advice.result_expiry({name: one.result_expires for name, one in settings.items()}, past.longest)
    yield from worker_advice.stalled(past.idlers, time.time())
    if not past.recording and observed.workers():
        yield ProbedStep(
            "stalled",
            "Stalled workers",
            "skipped",
            "Detecting them takes a minute of recording, and no recorder is running.",
            "Connect the profile in the window or run deskq record.",
        )


def task_event_states(observed: Observed, past: HistoryFacts) -> dict[str, bool | None]:
    """Does each worker send task events? By what came by, by its settings, by what the recorder saw; else None."""
    recorded = {row.hostname: row.events_enabled for row in past.workers}
    states: dict[str, bool | None] = {}
    for name in observed.workers():
        if tells(observed, name):
            states[name] = True
        elif name in observed.heard and observed.heard[name].worked_unheard:
            states[name] = False
        else:
            states[name] = recorded.get(name)
    return states


def about_queues(
    profile: Profile, observed: Observed, queues: QueueFacts, past: HistoryFacts | None = None
) -> Iterable[ProbedStep | Finding]:
    """Which queues nobody consumes, as far as broker and workers tell; and what leads to those that somebody does."""
    past = past or HistoryFacts()
    consumers = dict(queues.consumers)
    if observed.queues is not None:
        taken = [name for names in observed.queues.values() for name in names]
        there = {*observed.workers(), *(row.hostname for row in past.workers), *past.unknown}
        # A busy worker may consume what nobody else does, and of two of one name one answers.
        twins = {row.hostname for row in past.workers if row.duplicate_name}
        twins |= {name for name, heard in observed.heard.items() if heard.processes > 1}
        mute = sorted((there - observed.queues.keys()) | twins)
        told = {name: taken.count(name) or (None if mute else 0) for name in consumers}
        unknown = [name for name, count in consumers.items() if count is None and told[name] is None]
        consumers = {name: told[name] if count is None else count for name, count in consumers.items()}
        if unknown:
            what = "did not report its queues" if len(mute) == 1 else "did not all report their queues"
            evidence = f"{some(mute)} {what}; no other consumer is known for {some(sorted(unknown))}."
            yield ProbedStep("no-consumer", "Consumers of some queues", "skipped", evidence)
    elif consumers and all(count is None for count in consumers.values()):
        if _no_worker(profile, observed) and not (past.workers or past.unknown):
            yield from queue_advice.waiting_alone(queues.ready)
            return
        reason = "The profile is silent" if profile.silent else "Workers could not be inspected"
        if observed.answering == []:
            reason = "Workers send heartbeats, but none replied"
        evidence = f"{reason}, and the broker does not report consumers."
        yield ProbedStep("no-consumer", "Consumers of queues", "not-asked" if profile.silent else "skipped", evidence)
    yield from queue_advice.streams(queues.ready, queues.streams)
    tasks = {name: count for name, count in consumers.items() if name not in queues.streams}
    yield from queue_advice.without_consumer(queues.ready, tasks)
    yield from queue_advice.unreachable(observed.queues or {}, queues.missing, queues.bound)
    if profile.transport.has_management:
        yield from rabbitmq_advice.management(queues.management_problem, queues.unmeasured)


def _no_worker(profile: Profile, observed: Observed) -> bool:
    """Were workers asked and listened for as far as that tells, and none is there?"""
    alone = profile.transport.has_remote_control and not profile.transport.tells_consumers
    return alone and observed.answering == [] and not observed.listening_failed and not observed.workers()


def _about_server(profile: Profile, observed: Observed) -> Iterable[Finding]:
    if profile.transport is RABBITMQ and observed.server is not None:
        denied = transient_denied(profile)
        versions = {name: heard.celery for name, heard in observed.heard.items() if heard.celery}
        yield from rabbitmq_advice.consumer_timeout(observed.scheduled, time.time())
        yield from rabbitmq_advice.event_queues(observed.server.version, denied, versions, observed.answering or ())
    if profile.transport is REDIS:
        redis = read_redis(profile)
        yield from redis_advice.eviction(redis.policy, redis.limit)
        yield from redis_advice.memory(redis.used, redis.limit)
        own = profile.redis.visibility_timeout
        timeouts = {name: one.visibility_timeout or 3_600.0 for name, one in (observed.settings or {}).items()}
        held = redis.held
        etas = held.etas if held.held else observed.scheduled or []
        seen = (held.looked_at, held.held)
        yield from redis_advice.visibility(timeouts or {"the profile": own}, etas, time.time(), seen)
