"""``deskq send`` and ``deskq retry``: show the plan, ask, carry it out, and say how each item ended."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

from deskq.actions.messages.argument_sources import gather
from deskq.actions.messages.attendance import targets_of, unattended
from deskq.actions.messages.call import Call, plan_send
from deskq.actions.messages.retry_candidates import Candidate, edited, grades, plan_retry, read_json, to_send
from deskq.actions.plan import Item, Plan
from deskq.cli.carry_out import carry_out
from deskq.cli.common import moment_of, plain, profile_of, table
from deskq.cli.exit_status import ExitStatus
from deskq.cli.options.acting import RetryOptions, SendOptions
from deskq.cli.options.shared import ActingOptions
from deskq.cli.task_filter import filter_of_targets
from deskq.errors import UserError
from deskq.history.known_broker import known_broker
from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import TaskFilter
from deskq.plain_text import json_text
from deskq.profiles import Profile, ProfileFile
from deskq.services.call_routes import place_of, route_to

_SHOWN: Final = 50


def send(options: SendOptions) -> int:
    """Send one task, or the same one several times."""
    profile = profile_of(options.profile, options)
    args, kwargs = read_json("--args", options.args, list), read_json("--kwargs", options.kwargs, dict)
    call = Call(
        task=options.task,
        queue="" if options.exchange else options.queue or "celery",
        exchange=options.exchange or "",
        routing_key=options.routing_key or "",
        args=args,
        kwargs=kwargs,
        countdown=options.countdown,
        eta=moment_of(options.eta) if options.eta else None,
        expires=options.expires,
        priority=options.priority,
        time_limit=options.time_limit,
        soft_time_limit=options.soft_time_limit,
        ignore_result=options.ignore_result,
        serializer=options.serializer,
        headers=read_json("--headers", options.headers, dict),
        id=options.id or "",
        times=options.times,
    )
    now = time.time()
    place = place_of(call, profile, now)
    route = route_to(place, profile) if place is not None else None
    plan = plan_send(call, profile, now=now, rate=options.rate, tries=options.tries, route=route)
    return _carry_out(plan, profile, options)


def retry(options: RetryOptions) -> int:
    """Send failed tasks anew, as new tasks."""
    profile = profile_of(options.profile, options)
    with contextlib.closing(HistoryReader(profile.history_path())) as reader:
        rows = _chosen(reader, options)
    candidates = gather(profile, rows, queue=options.queue or "")
    if options.args is not None or options.kwargs is not None:
        if len(candidates) != 1:
            raise UserError("--args and --kwargs need exactly one task id.")
        candidates = [edited(candidates[0], options.args or "[]", options.kwargs or "{}")]
    chosen = to_send(candidates, again=options.again)
    left_out = _tell_of_left_out(candidates, again=options.again)
    if candidates and not chosen and not left_out:  # as it shall be: a script may say it again
        if options.as_json:
            print(json_text({"plan": None, "title": "Nothing to retry", "rate": options.rate, "items": []}))
        return 0
    plan = plan_retry(
        chosen,
        profile,
        now=time.time(),
        rate=options.rate,
        canary=options.canary,
        crosses=_may_cross(profile, options),
        keep_root=options.keep_root,
    )
    print(f"deskq: {grades(chosen)}", file=sys.stderr)
    status = _carry_out(plan, profile, options)
    return status or (ExitStatus.FAILED if left_out else 0)


def _tell_of_left_out(candidates: Sequence[Candidate], *, again: bool) -> int:
    """Say which are not sent, and why; returns how many could not be."""
    unready = [one for one in candidates if not one.sendable]
    for one in unready:
        print(f"deskq: left out {plain(one.row.uuid)} {plain(one.name)}: {plain(_why(one))}", file=sys.stderr)
    before = sum(bool(one.earlier) for one in candidates if one.sendable)
    if before and not again:
        them = "them" if before > 1 else "it"
        print(f"deskq: {before:,} left out: retried before. Add --again to retry {them} again.", file=sys.stderr)
    return len(unready)


def _may_cross(profile: Profile, options: RetryOptions) -> bool:
    """May the tasks come from another broker? So it is where a history is named that does not say whose it is."""
    path = profile.history_path()
    own = {saved.history_path() for saved in ProfileFile().load() if saved.name == profile.name}
    if "history" not in options.overrides or path in own or known_broker(path) is not None:
        return False
    print(f"deskq: {path} does not say which broker it is of: its tasks may come from another one.", file=sys.stderr)
    return True


def _chosen(reader: HistoryReader, options: RetryOptions) -> list[Any]:
    if options.ids:
        rows = []
        for uuid in dict.fromkeys(options.ids):
            row = reader.task_row(uuid)
            if row is None:
                raise UserError(f"The history {reader.path} has no task {uuid}.")
            rows.append(row)
        return rows
    if not options.state:
        raise UserError("Give task ids, or select tasks with --state FAILURE.")
    task_filter = filter_of_targets(options, reader)
    rows = reader.tasks(task_filter, limit=options.limit + 1)
    if len(rows) > options.limit:
        raise UserError(f"More than {options.limit:,} tasks match. Narrow the selection or raise --limit.")
    _tell_of_unknown_ends(reader, task_filter)
    return rows[::-1]  # the oldest first, as they were sent


def _tell_of_unknown_ends(reader: HistoryReader, task_filter: TaskFilter) -> None:
    """A failure that could not be stored has no event: who retries failures should know of tasks that ended so."""
    count = reader.counts(task_filter).by_state.get("ENDED", 0)
    if count and "FAILURE" in task_filter.states and "ENDED" not in task_filter.states:
        tasks, them = (f"{count:,} tasks", "them") if count > 1 else ("1 task", "it")
        print(
            f"deskq: {tasks} ended without an event and may have failed. Add --state ENDED to retry {them} too.",
            file=sys.stderr,
        )


def _why(one: Candidate) -> str:
    if not one.target:
        return f"{one.why_not}; set it with --queue"
    if one.message is None and one.body is None:
        return f"{one.why_not}; set them with --args and --kwargs"
    return one.why_not


def _carry_out(plan: Plan[Item], profile: Profile, options: ActingOptions) -> int:
    _show(plan, options)
    waits = options.dry_run or plan.policy.tries > 0
    for words in unattended(profile, targets_of(plan), must_answer=not waits).values():
        print(f"deskq: {plain(words)}", file=sys.stderr)
    return carry_out(plan, profile, options)


def _show(plan: Plan[Item], options: ActingOptions) -> None:
    if options.as_json:
        items = [_as_values(item) for item in plan.items]
        print(json_text({"plan": plan.id, "title": plan.title, "rate": plan.policy.rate, "items": items}))
        return
    print(plain(plan.title))
    rows = [[item.grade or "new", item.task, item.target, item.id, item.arguments] for item in plan.items[:_SHOWN]]
    print(table(["GRADE", "TASK", "QUEUE", "NEW ID", "ARGUMENTS"], rows))
    if len(plan.items) > _SHOWN:
        print(f"… and {len(plan.items) - _SHOWN:,} more")
    for route in {item.route for item in plan.items if item.route is not None}:
        print(plain(route.preview))
    losses: dict[str, int] = {}
    for item in plan.items:
        for loss in item.losses:
            losses[loss] = losses.get(loss, 0) + 1
    for loss, count in losses.items():
        print(f"{count:,}×: {plain(loss)}")


def _as_values(item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        "task": item.task,
        "queue": item.queue or None,
        "exchange": item.route.exchange if item.route is not None else None,
        "routing_key": item.route.routing_key if item.route is not None else None,
        "queues": list(item.route.queues) if item.route is not None else [item.queue],
        "retry_of": item.source or None,
        "grade": item.grade or None,
        "arguments": item.arguments,
        "losses": list(item.losses),
        "headers": dict(item.message.headers),
    }
