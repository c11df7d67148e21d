"""``deskq control`` and ``deskq revoke``: workers are told, and each answer is printed."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from deskq.actions.journal.journal import Journal, journal_path
from deskq.actions.plan import Plan, Step
from deskq.actions.safety import guard_at
from deskq.actions.undo import not_paused, resume_plans
from deskq.actions.who_runs import ended_already, ended_note, silent_nodes
from deskq.actions.workers.control import plan_control, plan_pause
from deskq.actions.workers.revoke import plan_revoke, plan_revoke_stamped
from deskq.actions.workers.verbs import VERBS, ControlVerb, answer_text, read_arguments
from deskq.brokers.remote_control import RemoteControl, is_beat
from deskq.cli.carry_out import carry_out, show_steps
from deskq.cli.commands.abort import known_names
from deskq.cli.common import plain, profile_of, table
from deskq.cli.exit_status import ExitStatus
from deskq.cli.options.acting import ControlOptions, RevokeOptions
from deskq.cli.task_filter import filter_of_targets
from deskq.errors import UserError
from deskq.history.reading.reader import HistoryReader
from deskq.plain_text import json_text
from deskq.profiles import Profile

_ASK_SECONDS = 2.0


def control(options: ControlOptions) -> int:
    """Tell workers, or ask them; see VERBS."""
    profile = profile_of(options.profile, options)
    if profile.silent:
        raise UserError(f"“{profile.name}” is silent: its workers cannot be inspected or controlled.")
    if options.verb in ("pause-queue", "resume-queue"):
        return _pause_or_resume(profile, options)
    verb = VERBS.get(options.verb)
    if verb is None:
        raise UserError(
            f"Unknown verb “{options.verb}”. Use one of: {', '.join([*VERBS, 'pause-queue', 'resume-queue'])}."
        )
    arguments = read_arguments(verb, _given(verb, options.arguments))
    if not verb.changes:
        return _ask(verb, profile, options)
    _refuse_read_only(profile)
    plan = plan_control(verb, arguments, _workers(profile, options.worker), profile)
    show_steps(plan, options, note=verb.lasts)
    return carry_out(plan, profile, options, named="worker")


def revoke(options: RevokeOptions) -> int:
    """Revoke tasks, and end those that run if asked to."""
    profile = profile_of(options.profile, options)
    signal = options.signal.upper().removeprefix("SIG")
    if options.stamp:
        if options.ids or options.state:
            raise UserError("--stamp cannot be combined with ids or --state.")
        stamps = dict(_pair(text, "--stamp") for text in options.stamp)
        plan = plan_revoke_stamped(stamps, profile, terminate=options.terminate, signal=signal)
    else:
        tasks = _tasks(profile, options)
        plan = plan_revoke(tasks, profile, terminate=options.terminate, signal=signal)
    note = "Workers forget revoked ids when they restart, unless --statedb is set."
    if not options.stamp:
        ids = [step.source for step in plan.items]
        note = f"{ended_note(ended_already(profile, ids), len(ids))} {note}".strip()
    show_steps(plan, options, note=note)
    return carry_out(plan, profile, options, named="task")


def _tasks(profile: Profile, options: RevokeOptions) -> list[tuple[str, str]]:
    """Ids with the names that the history knows; an id that it does not know is revoked all the same."""
    if options.ids:
        known = known_names(profile, options.ids)
        return [(uuid, known.get(uuid, "")) for uuid in dict.fromkeys(options.ids)]
    if not options.state:
        raise UserError("Give task ids, --state or --stamp.")
    with contextlib.closing(HistoryReader(profile.history_path())) as reader:
        chosen = filter_of_targets(options, reader)
        rows = reader.tasks(chosen, limit=options.limit + 1)
    if len(rows) > options.limit:
        raise UserError(f"More than {options.limit:,} tasks match. Narrow the selection or raise --limit.")
    return [(row.uuid, row.name) for row in rows]


def _refuse_read_only(profile: Profile) -> None:
    if reason := guard_at(profile).forbids:
        raise UserError(reason)


def _pause_or_resume(profile: Profile, options: ControlOptions) -> int:
    """A queue that was paused several times, as workers joined, is resumed as often."""
    if len(options.arguments) != 1:
        raise UserError(f"{options.verb} needs exactly one queue name.")
    (queue,) = options.arguments
    _refuse_read_only(profile)
    note = "Workers that restart consume it again."
    if options.verb == "resume-queue":
        plans = _plans_to_resume(queue, profile)
    else:
        replies = _inspect(profile, "active_queues")
        plans = [plan_pause(queue, _consumers(replies, queue, options.worker), profile)]
        silent = "" if options.worker else silent_nodes(profile, replies, (), may="it may still consume the queue")
        note = f"{silent} {note}".strip()
    status = 0
    for plan in plans:
        show_steps(plan, options, note=note)
        status = max(status, carry_out(plan, profile, options, named="worker"))
    return status


def _plans_to_resume(queue: str, profile: Profile) -> list[Plan[Step]]:
    if not journal_path().exists():
        raise not_paused(queue)
    with contextlib.closing(Journal()) as journal:
        return resume_plans(journal, queue, profile.name)


def _ask(verb: ControlVerb, profile: Profile, options: ControlOptions) -> int:
    """Print what each worker answers; exit status 1 if one that was named does not."""
    named = [name for name in options.worker if "*" not in name]
    to = named if named and len(named) == len(options.worker) else None
    if verb.first:
        _inspect(profile, verb.first, to)
    replies = _inspect(profile, verb.method, to)
    chosen = {name: reply for name, reply in replies.items() if _wanted(name, options.worker)}
    if options.format == "json":
        print(json_text(chosen, default=str))
    elif verb.name in ("report", "memdump"):
        for name, reply in sorted(chosen.items()):
            print(f"{plain(name)}\n" + "\n".join(f"  {plain(line)}" for line in answer_text(verb, reply).splitlines()))
    else:
        print(table(["WORKER", "ANSWER"], [[name, _short(verb, reply)] for name, reply in sorted(chosen.items())]))
    missing = [name for name in named if name not in chosen]
    for name in missing:
        print(f"deskq: no answer from {plain(name)}", file=sys.stderr)
    return ExitStatus.FAILED if missing or not chosen else 0


def _short(verb: ControlVerb, reply: object) -> str:
    if isinstance(reply, dict) and set(reply) <= {"ok", "clock"} and reply:
        return str(next(iter(reply.values())))
    if isinstance(reply, list) and all(isinstance(each, dict) and "name" in each for each in reply):
        return ", ".join(str(each["name"]) for each in reply)
    if isinstance(reply, str) or reply is None:
        return answer_text(verb, reply)
    return json_text(reply, default=str)


def _inspect(profile: Profile, method: str, workers: Sequence[str] | None = None) -> dict[str, object]:
    with contextlib.closing(RemoteControl(profile)) as remote:
        limit = len(workers) if workers else None
        return remote.inspect(method, destination=workers, timeout=_ASK_SECONDS, limit=limit)


def _workers(profile: Profile, wanted: Sequence[str]) -> list[str]:
    """Those that answer and are wanted; those that are named in full also where they do not answer."""
    named = [name for name in wanted if "*" not in name]
    if named and len(named) == len(wanted):
        return list(dict.fromkeys(named))
    found = [name for name in _inspect(profile, "ping") if _wanted(name, wanted) and not is_beat(name)]
    return sorted({*found, *named})


def _consumers(replies: Mapping[str, object], queue: str, wanted: Sequence[str]) -> list[str]:
    return sorted(
        name
        for name, queues in replies.items()
        if _wanted(name, wanted)
        and isinstance(queues, list)
        and any(isinstance(each, dict) and each.get("name") == queue for each in queues)
    )


def _wanted(name: str, wanted: Sequence[str]) -> bool:
    return not wanted or any(fnmatchcase(name, pattern) for pattern in wanted)


def _given(verb: ControlVerb, texts: Sequence[str]) -> Mapping[str, str]:
    """Arguments as KEY=VALUE, or in their order."""
    keys = [parameter.key for parameter in verb.parameters]
    found: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if equals and key in keys:
            found[key] = value
            continue
        free = next((name for name in keys if name not in found), None)
        if free is None:
            raise UserError(f"{verb.name} takes {len(keys)} arguments: {', '.join(keys) or 'none'}.")
        found[free] = text
    return found


def _pair(text: str, what: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UserError(f"{what} must be NAME=VALUE, not “{text}”.")
    return key, value
