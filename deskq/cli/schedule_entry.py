"""An entry as it is given by options of the command line."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from deskq.actions.messages.retry_candidates import read_json
from deskq.cli.common import moment_of
from deskq.cli.options.schedules import EntryOptions
from deskq.errors import UserError
from deskq.schedules.model import Clocked, Crontab, Entry, Interval, RRule, Schedule
from deskq.schedules.text.compact import seconds_of
from deskq.schedules.timing.crontabs import parse_crontab


def entry_given(options: EntryOptions, before: Entry | None, kinds: Collection[type]) -> Entry:
    """Return the new entry, or ``before`` with what was given changed; raises UserError.

    ``kinds``: the classes of schedule that the store takes; "once" is an rrule where it takes no Clocked.
    """
    schedule = _schedule(options, before, kinds)
    if before is None:
        if not options.name or not options.task or schedule is None:
            raise UserError("A new schedule needs --name, --task and one of --every, --cron, --at.")
        entry = Entry(name=options.name, task=options.task, schedule=schedule)
    else:
        entry = before if schedule is None else replace(before, schedule=schedule, problem="")
    changes: dict[str, Any] = {key: getattr(options, key) for key in ("name", "task") if getattr(options, key)}
    if options.args is not None:
        changes["args"] = read_json("--args", options.args, list)
    if options.kwargs is not None:
        changes["kwargs"] = read_json("--kwargs", options.kwargs, dict)
    if options.one_off is not None:
        changes["one_off"] = options.one_off
    elif isinstance(schedule, Clocked):
        changes["one_off"] = True  # django-celery-beat wants both
    given = {key: getattr(options, key) for key in ("queue", "priority", "expires")}
    kept = dict(entry.options) | {key: value for key, value in given.items() if value is not None}
    if options.queue == "":
        del kept["queue"]
    return replace(entry, **changes, options=kept)


def _schedule(options: EntryOptions, before: Entry | None, kinds: Collection[type]) -> Schedule | None:
    if options.timezone and (options.every or options.at):
        raise UserError("--timezone works with --cron only; with --at, write an offset.")
    # What one kind of schedule has beside what is given stays as it was: the zone, and rounding to the clock.
    stored = None if before is None else before.schedule
    if options.cron is not None:
        kept = stored.zone if isinstance(stored, Crontab) else ""
        return parse_crontab(options.cron, kept if options.timezone is None else options.timezone)
    if options.every is not None:
        return Interval(seconds_of(options.every), relative=isinstance(stored, Interval) and stored.relative)
    if options.at is not None:
        at = moment_of(options.at)
        return Clocked(at) if Clocked in kinds or RRule not in kinds else RRule("daily", dtstart=at, count=1)
    if options.timezone is not None:
        if not isinstance(stored, Crontab):
            raise UserError("--timezone is a crontab's: give it with --cron.")
        return replace(stored, zone=options.timezone)
    return None
